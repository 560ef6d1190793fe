import numpy as np
import pandas as pd
import pytest
from cmr_predictions import write_grid

from cineclr.cli import main
from cineclr.config.cmr import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.cmr.diagnoses import evaluate_diagnoses
from cineclr.reporting.cmr.figures import plot_diagnoses
from cineclr.reporting.cmr.lvef import TRAIN_MEAN, evaluate_lvef
from cineclr.reporting.cmr.operating_points import evaluate_cmr_operating_points
from cineclr.reporting.cmr.tables import describe_cmr_cohort, tabulate_cmr, tabulate_cmr_cohort

SETTINGS = Evaluation(bootstrap_samples=100)
INITS = ["kinetics400", "contrastive"]


def tabulate(evaluation, inits=INITS, note="", min_cell=1):
    output = evaluation.with_name(f"{evaluation.stem}_table.csv")
    tabulate_cmr(evaluation, inits, note, "not run: no weights", min_cell, output)
    return pd.read_csv(output)


def make_diagnoses(tmp_path, inits=INITS, **options):
    paths, _ = write_grid(tmp_path, ["amyloid", "normal"], inits, **options)
    evaluate_diagnoses(paths, SETTINGS, tmp_path / "diagnoses.csv")
    return tmp_path / "diagnoses.csv"


def make_lvef(tmp_path, inits=INITS, **options):
    paths, fits = write_grid(tmp_path, ["lvef"], inits, **options)
    evaluate_lvef(paths, fits, SETTINGS, 0, tmp_path / "lvef.csv")
    return tmp_path / "lvef.csv"


def test_an_init_that_was_not_run_has_rows_beside_those_that_were(tmp_path):
    table = tabulate(make_diagnoses(tmp_path, ["contrastive"], size=1200), note="small images")
    assert table["init"].tolist() == INITS * 4
    missing = table[table["init"] == "kinetics400"]
    assert missing[["value", "ci_low", "p_value"]].isna().all(axis=None)
    assert missing["note"].eq("not run: no weights").all()
    run = table[table["init"] == "contrastive"]
    assert run["note"].eq("small images").all()
    assert missing["n"].tolist() == run["n"].tolist()
    assert (run["value"] == run["value"].round(4)).all()


def test_zero_shot_predictions_of_further_cohorts_stand_beside_the_others(tmp_path):
    def move(frame):
        return frame.replace({"test_set": {"northern": "elsewhere"}})

    paths, _ = write_grid(tmp_path, ["amyloid"], ["contrastive"])
    prompts, _ = write_grid(tmp_path, ["amyloid"], ["contrastive"], ["zero_shot"], [0.0], change=move)
    evaluate_diagnoses([*prompts, *paths], SETTINGS, tmp_path / "diagnoses.csv")
    table = tabulate(tmp_path / "diagnoses.csv")
    found = table[["mode", "test_set", "init"]].apply(tuple, axis=1).tolist()
    assert found == [
        *(("fine_tuning", test_set, init) for test_set in ("clinical", "northern") for init in INITS),
        *(("zero_shot", test_set, "contrastive") for test_set in ("clinical", "elsewhere")),
    ]
    plot_diagnoses(tmp_path / "diagnoses_table.csv", tmp_path / "a.svg", tmp_path / "a.png")
    assert "elsewhere, zero-shot" in (tmp_path / "a.svg").read_text()


def test_the_lvef_table_keeps_its_order_and_the_mean_of_the_training_labels(tmp_path):
    table = tabulate(make_lvef(tmp_path, ["contrastive"], ratios=(0.1, 1.0)), note="small images")
    of_set = table[table["test_set"] == "clinical"]
    assert of_set["init"].drop_duplicates().tolist() == [*INITS, TRAIN_MEAN]
    assert of_set.loc[of_set["ratio"] == 0.1, "metric"].tolist() == [*of_set["metric"][:8]] * 2
    mean = table[table["init"] == TRAIN_MEAN]
    assert mean["note"].isna().all()
    assert mean["value"].notna().all()
    assert len(of_set) == 2 * 2 * 8 + 6


def test_few_positives_are_flagged_and_few_enough_withheld(tmp_path):
    evaluation = make_diagnoses(tmp_path, prevalence=0.2)
    shown, hidden = tabulate(evaluation), tabulate(evaluation, min_cell=30)
    assert shown["n_positive"].lt(30).all()
    assert shown["note"].str.match(r"only \d+ studies of the rarer class").all()
    assert hidden[["n_positive", "value", "ci_low", "difference", "p_value", "p_bh"]].isna().all(axis=None)
    assert hidden["n"].eq(80).all()
    assert hidden["note"].str.startswith("only <30 studies").all()
    assert hidden["note"].str.endswith("withheld where fewer than 30 studies would show").all()


def test_a_test_set_without_positives_shows_that_there_are_none(tmp_path):
    def heal(frame):
        return frame.assign(label=frame["label"].where(frame["test_set"] != "northern", 0))

    table = tabulate(make_diagnoses(tmp_path, change=heal), min_cell=11).set_index("test_set")
    assert table.loc["northern", "n_positive"].eq(0).all()
    assert table.loc["northern", "note"].eq("the test set holds one class only: no AUROC").all()


def test_errors_need_studies_and_the_auroc_both_classes(tmp_path):
    evaluation = make_lvef(tmp_path, size=240)
    table = tabulate(evaluation, min_cell=30)
    aurocs = table["metric"] == "auroc_le_40"
    assert table.loc[aurocs, ["n_positive", "value", "ci_low", "p_value"]].isna().all(axis=None)
    assert table.loc[~aurocs & (table["metric"] != "pearson_r"), "value"].notna().all()
    few = tabulate(evaluation, min_cell=81)
    assert few[["n", "value", "ci_high", "difference"]].isna().all(axis=None)


def test_small_calls_withhold_the_confusion_matrix(tmp_path):
    paths, _ = write_grid(tmp_path, ["amyloid"], INITS)
    evaluate_cmr_operating_points(paths, SETTINGS, tmp_path / "operating_points.csv")
    raw = pd.read_csv(tmp_path / "operating_points.csv")
    table = tabulate(tmp_path / "operating_points.csv", min_cell=5)
    small = raw[["tp", "fp", "fn", "tn"]].isin(range(1, 5)).any(axis=1)
    assert small.any()
    assert table[["tp", "fp", "fn", "tn"]].isna().all(axis=1).tolist() == small.tolist()
    np.testing.assert_allclose(table["threshold"], raw["threshold"], atol=1e-4)


def test_an_evaluated_init_must_be_asked_for(tmp_path):
    evaluation = make_diagnoses(tmp_path, ["random", "contrastive"])
    with pytest.raises(InputError, match="holds random, which is not among"):
        tabulate(evaluation)
    with pytest.raises(InputError, match="no such file"):
        tabulate(tmp_path / "other.csv")


def make_splits(size=240):
    rng = np.random.default_rng(0)
    parts = ["pretrain_train", "pretrain_val", "train", "val", "test"]
    external = np.arange(size) % 6 == 5
    return pd.DataFrame(
        {
            "study": [f"S{n:04d}" for n in range(size)],
            "patient": [f"P{n // 2:04d}" for n in range(size)],
            "cohort": np.where(external, "northern", "clinical"),
            "role": np.where(external, "external", "development"),
            "split": np.where(external, "test", [parts[n % 6 % 5] for n in range(size)]),
            "year": rng.integers(2015, 2021, size),
            "sex": rng.choice(["F", "M"], size),
            "age": rng.integers(20, 91, size),
            "videos": rng.integers(3, 15, size),
            "sentences": rng.integers(0, 30, size),
            "lvef": np.where(rng.random(size) < 0.2, np.nan, rng.normal(50, 10, size)),
            "site": rng.choice(["A", "B"], size),
            "amyloid": pd.array(np.where(rng.random(size) < 0.5, 1, 0), dtype="Int64"),
            "lv_non_compaction": pd.array(rng.choice([None, 0, 1], size), dtype="Int64"),
        }
    )


def cell(table, name, level, column):
    (value,) = table.loc[(table["characteristic"] == name) & (table["level"] == level), column]
    return value


def test_the_cohort_is_described_by_cohort_and_split():
    splits = make_splits()
    table = describe_cmr_cohort(splits, min_cell=1)
    columns = [f"clinical {part}" for part in ("pretrain_train", "pretrain_val", "train", "val", "test")]
    assert table.columns.tolist() == ["characteristic", "level", *columns, "northern test"]
    for column in table.columns[2:]:
        cohort, split = column.split()
        own = splits[splits["cohort"].eq(cohort) & splits["split"].eq(split)]
        assert cell(table, "studies", "n", column) == str(len(own))
        assert cell(table, "videos", "n", column) == str(own["videos"].sum())
        known = own["lv_non_compaction"].dropna()
        share = f"{known.sum()} ({100 * known.mean():.1f}%)"
        assert cell(table, "LV non-compaction", "n (%)", column) == share
        mean = f"{own['lvef'].mean():.1f} ({own['lvef'].std():.1f})"
        assert cell(table, "LV ejection fraction (%)", "mean (SD)", column) == mean
    assert cell(table, "site", "A", "northern test").endswith("%)")
    assert table["characteristic"].iloc[-1] == "site"  # further columns of the sheet come last


def test_small_counts_of_the_cohort_are_withheld(tmp_path):
    splits = make_splits()
    splits.loc[splits["cohort"] == "northern", "amyloid"] = 0
    splits.loc[splits.index[splits["cohort"] == "northern"][:4], "amyloid"] = 1
    splits.to_csv(tmp_path / "splits.csv", index=False)
    tabulate_cmr_cohort(tmp_path / "splits.csv", 11, tmp_path / "cohort.csv")
    table = pd.read_csv(tmp_path / "cohort.csv", dtype=str)
    assert cell(table, "Amyloid", "n (%)", "northern test") == "withheld"
    assert cell(table, "studies", "n", "northern test") == "40"


def test_tables_from_the_command_line(tmp_path):
    make_splits().to_csv(tmp_path / "splits.csv", index=False)
    splits = ["--splits", str(tmp_path / "splits.csv"), "--min-cell", "11"]
    assert main(["tabulate-cmr-cohort", *splits, "--output", str(tmp_path / "cohort.csv")]) == 0
    files = ["--evaluation", str(make_diagnoses(tmp_path)), "--output", str(tmp_path / "table.csv")]
    notes = ["--note", "", "--missing-note", "not run", "--min-cell", "11"]
    assert main(["tabulate-cmr", *files, *notes, "--inits", *INITS]) == 0
    assert len(pd.read_csv(tmp_path / "table.csv")) == 8
