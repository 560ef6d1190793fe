import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.tables import COLUMNS, tabulate_cohort, tabulate_results


def evaluation_rows(inits, positives=40):
    rows = []
    for init in inits:
        for ratio in (0.1, 1.0):
            for test_set, studies in (("internal", 100), ("external", 150)):
                for metric in ("auroc", "aupr"):
                    p_value = 1.23456e-7 if metric == "auroc" and init != "echoclr" else None
                    rows.append(
                        (init, ratio, test_set, studies, positives, metric, 0.712345, 0.6, 0.8, p_value)
                    )
    names = ["init", "ratio", "test_set", "n_test", "n_test_positive", "metric", "value", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=[*names, "p_vs_echoclr"])


@pytest.fixture
def subsets(tmp_path):
    path = tmp_path / "subsets.csv"
    rows = [("lvh", 0.1, 30, 9), ("lvh", 1.0, 300, 90), ("severe_as", 0.1, 31, 8)]
    pd.DataFrame(rows, columns=["task", "ratio", "n_train", "n_train_positive"]).to_csv(path, index=False)
    return path


def tabulate(tmp_path, subsets, rows, inits, note="", task="lvh"):
    evaluation = tmp_path / f"{task}.csv"
    rows.to_csv(evaluation, index=False)
    output = tmp_path / "table.csv"
    tabulate_results(evaluation, subsets, inits, note, "not run: no weights", output)
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
    assert table["note"].unique().tolist() == ["small"]


def test_an_init_that_was_not_run_keeps_its_rows(tmp_path, subsets):
    inits = ["random", "kinetics400", "echoclr"]
    table = tabulate(tmp_path, subsets, evaluation_rows(["random", "echoclr"]), inits)
    missing = table[table["init"] == "kinetics400"]
    assert len(missing) == 8
    assert missing[["value", "ci_low", "ci_high", "p_vs_echoclr"]].isna().all(axis=None)
    assert missing["note"].unique().tolist() == ["not run: no weights"]
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
    tabulate_cohort(splits, tmp_path / "table_s1.csv")
    table = pd.read_csv(tmp_path / "table_s1.csv", dtype=str).set_index(["characteristic", "level"])
    assert table.columns.tolist() == ["train", "val", "internal", "external"]
    assert table.loc[("studies", "n")].tolist() == ["2", "1", "1", "1"]
    assert table.loc[("sex", "F"), "train"] == "1 (50.0%)"
