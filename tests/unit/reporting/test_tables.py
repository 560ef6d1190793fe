import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.tables import COLUMNS, tabulate_cohort, tabulate_evaluation, tabulate_results


def evaluation_rows(inits, positives=40):
    rows = []
    for init in inits:
        for ratio in (0.1, 1.0):
            for test_set, studies in (("internal", 100), ("external", 150)):
                for metric in ("auroc", "aupr"):
                    p_value = 1.23456e-7 if metric == "auroc" and init != "echoclr" else None
                    rows.append(
                        (
                            init,
                            ratio,
                            test_set,
                            studies,
                            positives,
                            metric,
                            0.712345,
                            0.6,
                            0.8,
                            0.95,
                            3,
                            p_value,
                        )
                    )
    names = ["init", "ratio", "test_set", "n_test", "n_test_positive", "metric", "value", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=[*names, "confidence", "left_out", "p_vs_echoclr"])


@pytest.fixture
def subsets(tmp_path):
    path = tmp_path / "subsets.csv"
    rows = [("lvh", 0.1, 30, 9), ("lvh", 1.0, 300, 90), ("severe_as", 0.1, 31, 8)]
    pd.DataFrame(rows, columns=["task", "ratio", "n_train", "n_train_positive"]).to_csv(path, index=False)
    return path


def tabulate(tmp_path, subsets, rows, inits, note="", task="lvh", min_cell=1):
    evaluation = tmp_path / f"{task}.csv"
    rows.to_csv(evaluation, index=False)
    output = tmp_path / "table.csv"
    tabulate_results(evaluation, subsets, inits, note, "not run: no weights", min_cell, output)
    return pd.read_csv(output)


def test_results_stand_beside_their_training_studies(tmp_path, subsets):
    table = tabulate(
        tmp_path, subsets, evaluation_rows(["random", "echoclr"]), ["random", "echoclr"], "small"
    )
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 16
    assert table["init"].drop_duplicates().tolist() == ["random", "echoclr"]
    assert table.groupby("ratio")["n_train"].unique().map(list).to_dict() == {0.1: [30], 1.0: [300]}
    assert table["value"].unique().tolist() == [0.7123]
    assert table["p_vs_echoclr"].dropna().unique().tolist() == [1.23e-7]
    assert table["confidence"].unique().tolist() == [0.95]
    assert table["left_out"].unique().tolist() == [3]
    assert table["note"].unique().tolist() == ["small"]


def test_an_init_that_was_not_run_keeps_its_rows(tmp_path, subsets):
    inits = ["random", "kinetics400", "echoclr"]
    table = tabulate(tmp_path, subsets, evaluation_rows(["random", "echoclr"]), inits)
    missing = table[table["init"] == "kinetics400"]
    assert len(missing) == 8
    assert missing[["value", "ci_low", "ci_high", "p_vs_echoclr"]].isna().all(axis=None)
    assert missing["note"].unique().tolist() == ["not run: no weights"]
    assert missing["left_out"].unique().tolist() == [3]
    assert missing["n_test"].tolist() == table[table["init"] == "random"]["n_test"].tolist()
    assert table["init"].drop_duplicates().tolist() == inits
    assert table[table["init"] != "kinetics400"]["note"].isna().all()


def test_few_positives_are_pointed_out(tmp_path, subsets):
    table = tabulate(tmp_path, subsets, evaluation_rows(["echoclr"], positives=4), ["echoclr"], "small")
    assert table["note"].str.fullmatch("only 4 studies of the rarer class: .*; small").all()


def test_what_does_not_fit_is_refused(tmp_path, subsets):
    rows = evaluation_rows(["random", "echoclr"])
    with pytest.raises(InputError, match="holds random, which is not among"):
        tabulate(tmp_path, subsets, rows, ["echoclr"])
    with pytest.raises(InputError, match=r"severe_as has no ratio 1.0"):
        tabulate(tmp_path, subsets, rows, ["random", "echoclr"], task="severe_as")
    with pytest.raises(InputError, match="no rows of task ethnicity"):
        tabulate(tmp_path, subsets, rows, ["random", "echoclr"], task="ethnicity")


def test_cohort_table_has_a_column_per_split(tmp_path):
    rows = [
        ("S1", "P1", "train", 2016, "F", 70, "severe", 101.0, 1, 1, 3),
        ("S2", "P1", "train", 2017, "M", 60, "none", None, 0, None, 2),
        ("S3", "P2", "val", 2018, "M", 60, "none", 90.0, 0, 0, 2),
        ("S4", "P3", "internal", 2018, "M", 60, "none", 90.0, 0, 0, 2),
        ("S5", "P4", "external", 2021, "M", 60, "none", 90.0, 0, 0, 2),
    ]
    names = ["study", "patient", "split", "year", "sex", "age", "as_severity", "lv_mass_index"]
    splits = tmp_path / "splits.csv"
    pd.DataFrame(rows, columns=[*names, "severe_as", "lvh", "videos"]).to_csv(splits, index=False)
    tabulate_cohort(splits, 1, tmp_path / "table_s1.csv")
    table = pd.read_csv(tmp_path / "table_s1.csv", dtype=str).set_index(["characteristic", "level"])
    assert table.columns.tolist() == ["train", "val", "internal", "external"]
    assert table.loc[("studies", "n")].tolist() == ["2", "1", "1", "1"]
    assert table.loc[("sex", "F"), "train"] == "1 (50.0%)"


def test_p_values_are_adjusted_over_the_whole_table(tmp_path, subsets):
    rows = evaluation_rows(["random", "simclr", "echoclr"])
    tested = rows["p_vs_echoclr"].notna()
    raw = [0.01, 0.02, 0.03, 0.04, 0.2, 0.3, 0.6, 0.9]
    rows.loc[tested, "p_vs_echoclr"] = raw
    table = tabulate(tmp_path, subsets, rows, ["random", "simclr", "echoclr"]).dropna(subset="p_vs_echoclr")
    by_p = table.sort_values("p_vs_echoclr")
    # Holm: max of (8 - i) p(i) so far; Benjamini-Hochberg: min of 8 p(i) / i from here on.
    assert by_p["p_holm"].tolist() == pytest.approx([0.08, 0.14, 0.18, 0.2, 0.8, 0.9, 1, 1])
    assert by_p["p_bh"].tolist() == pytest.approx([0.08, 0.08, 0.08, 0.08, 0.32, 0.4, 0.686, 0.9])


def test_results_of_few_studies_are_withheld(tmp_path, subsets):
    rows = evaluation_rows(["random", "echoclr"], positives=4)
    table = tabulate(tmp_path, subsets, rows, ["random", "echoclr"], "small", min_cell=11)
    assert table[["n_test_positive", "value", "ci_low", "ci_high"]].isna().all(axis=None)
    assert table[["p_vs_echoclr", "p_holm", "p_bh"]].isna().all(axis=None)
    assert table["left_out"].isna().all()  # about exp(-4) of the resamples: it would tell the 4
    assert table["n_test"].tolist() == [100, 100, 150, 150] * 4
    of_small_subset = table[table["ratio"] == 0.1]
    assert of_small_subset["n_train_positive"].isna().all()
    assert of_small_subset["n_train"].eq(30).all()
    assert table.loc[table["ratio"] == 1.0, "n_train_positive"].eq(90).all()
    assert table["note"].str.contains("only <11 studies of the rarer class").all()
    assert table["note"].str.endswith("small; withheld where fewer than 11 studies would show").all()


def published(tmp_path, frame, min_cell=11):
    frame.to_csv(tmp_path / "evaluation.csv", index=False)
    tabulate_evaluation(tmp_path / "evaluation.csv", min_cell, tmp_path / "published.csv")
    return pd.read_csv(tmp_path / "published.csv")


def make_calls(tp, fp, fn, tn):
    measures = ["sensitivity", "specificity", "ppv", "npv", "accuracy", "f1"]
    values = {f"{name}{part}": 0.123456 for name in measures for part in ("", "_ci_low", "_ci_high")}
    calls = {"n_test": tp + fp + fn + tn, "tp": tp, "fp": fp, "fn": fn, "tn": tn}
    key = {"init": "random", "ratio": 1.0, "test_set": "internal", "rule": "youden", "target": None}
    return pd.DataFrame([{**key, "threshold": 0.71, **calls, **values, "note": "chosen on validation"}])


def test_a_small_call_withholds_the_confusion_matrix_and_no_rate_of_many(tmp_path):
    (row,) = published(tmp_path, make_calls(tp=40, fp=3, fn=15, tn=60)).to_dict("records")
    assert all(pd.isna(row[name]) for name in ("tp", "fp", "fn", "tn"))
    assert (row["n_test"], row["threshold"], row["sensitivity"], row["ppv_ci_low"]) == (
        118,
        0.71,
        0.1235,
        0.1235,
    )
    assert row["note"] == "chosen on validation; withheld where fewer than 11 studies would show"


def test_a_rate_of_few_calls_is_withheld(tmp_path):
    (row,) = published(tmp_path, make_calls(tp=6, fp=3, fn=15, tn=60)).to_dict("records")
    assert pd.isna(row["ppv"])
    assert pd.isna(row["ppv_ci_high"])
    assert row["npv"] == row["f1"] == row["sensitivity"] == 0.1235
    (row,) = published(tmp_path, make_calls(tp=6, fp=30, fn=3, tn=60)).to_dict("records")
    assert all(pd.isna(row[name]) for name in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1"))


def test_large_counts_are_published_as_they_are(tmp_path):
    frame = make_calls(tp=40, fp=30, fn=15, tn=60)
    (row,) = published(tmp_path, frame).to_dict("records")
    assert {name: row[name] for name in ("tp", "fp", "fn", "tn")} == {"tp": 40, "fp": 30, "fn": 15, "tn": 60}
    assert row["note"] == "chosen on validation"
    assert published(tmp_path, make_calls(1, 2, 3, 4), min_cell=1).loc[0, ["tp", "f1"]].tolist() == [
        1,
        0.1235,
    ]


def make_levels(counts, p_interaction=0.012345, **key):
    rows = [
        {"variable": "sex", "level": level, "n": n, "n_positive": positive, "auroc": 0.8}
        for level, (n, positive) in counts.items()
    ]
    key = {"init": "random", "ratio": 1.0, "test_set": "internal", **key}
    return pd.DataFrame(rows).assign(p_interaction=p_interaction, **key)


def test_a_small_level_takes_another_with_it(tmp_path):
    counts = {"a": (60, 4), "b": (70, 30), "c": (100, 50)}
    frame = pd.concat(
        [make_levels(counts), make_levels(counts, init="echoclr"), make_levels({"a": (60, 30)})]
    )
    frame.iloc[-1, frame.columns.get_loc("test_set")] = "external"
    table = published(tmp_path, frame)
    assert table["n"].isna().tolist() == [True, True, False] * 2 + [False]
    assert table["n_positive"].isna().tolist() == table["n"].isna().tolist()
    assert table["auroc"].isna().tolist() == [True, False, False] * 2 + [False]
    assert table["p_interaction"].dropna().unique().tolist() == [0.0123]
