import json

import numpy as np
import pandas as pd
import pytest

from cineclr.cli import main
from cineclr.config.echo import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.operating_points import NOTE, evaluate_operating_points
from cineclr.stats.operating import MEASURES, choose_threshold

SETTINGS = Evaluation(target_sensitivity=0.9, target_specificity=0.8)
SETS = ("val", "internal", "external")


def write_predictions(folder, init, ratio, *, skill=1.0, seed=0, change=None):
    """Write 180 predictions: labels and studies are those of every model, the order of rows is not."""
    labels = np.random.default_rng(1).integers(0, 2, 180)
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "study": [f"S{number:04d}" for number in range(180)],
            "test_set": [SETS[number % 3] for number in range(180)],
            "label": labels,
            "probability": 1 / (1 + np.exp(-(skill * labels + generator.normal(size=180)))),
        }
    )
    frame = frame if change is None else change(frame)
    path = folder / "predictions" / init / f"{ratio}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.sample(frac=1, random_state=seed).to_csv(path, index=False)
    return path


def evaluate(paths, output, settings=SETTINGS):
    evaluate_operating_points("lvh", paths, settings, output)
    return pd.read_csv(output)


def test_thresholds_are_those_of_the_validation_split_and_counts_those_of_the_test_sets(tmp_path):
    paths = [
        write_predictions(tmp_path, "echoclr", 1.0, skill=2),
        write_predictions(tmp_path, "random", 0.1, seed=5),
    ]
    table = evaluate(paths, tmp_path / "lvh.csv")
    keys = table[["init", "ratio", "test_set", "rule"]]
    assert keys.apply(tuple, axis=1).tolist() == [
        (init, ratio, test_set, rule)
        for init, ratio in (("random", 0.1), ("echoclr", 1.0))
        for test_set in ("internal", "external")
        for rule in ("youden", "sensitivity", "specificity")
    ]
    for row in table.itertuples():
        frame = pd.read_csv(tmp_path / "predictions" / row.init / f"{row.ratio}.csv")
        chosen_on = frame[frame["test_set"] == "val"]
        target = None if row.rule == "youden" else row.target
        threshold = choose_threshold(chosen_on["label"], chosen_on["probability"], row.rule, target)
        assert row.threshold == pytest.approx(threshold, rel=1e-12)
        frame = frame[frame["test_set"] == row.test_set]
        called = frame["probability"] >= threshold
        counted = pd.crosstab(called, frame["label"])
        assert (row.tp, row.fp) == (counted.loc[True, 1], counted.loc[True, 0])
        assert (row.fn, row.tn) == (counted.loc[False, 1], counted.loc[False, 0])
        assert row.n_test == len(frame) == 60
        assert row.sensitivity == pytest.approx(row.tp / (row.tp + row.fn))
        assert row.sensitivity_ci_low <= row.sensitivity <= row.sensitivity_ci_high
        assert row.note == NOTE
    assert table.groupby("rule")["target"].first().dropna().to_dict() == {
        "sensitivity": 0.9,
        "specificity": 0.8,
    }
    assert table.columns.str.endswith("_ci_low").sum() == len(MEASURES)
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "lvh.parquet"), check_dtype=False)


def test_the_test_sets_have_no_say_in_the_threshold(tmp_path):
    def mirror_tests(frame):
        kept = frame["test_set"] == "val"
        return frame.assign(probability=frame["probability"].where(kept, 1 - frame["probability"]))

    one = evaluate([write_predictions(tmp_path, "echoclr", 1.0)], tmp_path / "one.csv")
    other = evaluate(
        [write_predictions(tmp_path, "echoclr", 1.0, change=mirror_tests)], tmp_path / "other.csv"
    )
    assert (one["threshold"] == other["threshold"]).all()
    assert (one["tp"] != other["tp"]).any()


def test_thresholds_of_another_runs_models_are_those_of_its_validation_split(tmp_path):
    def only(*sets):
        return lambda frame: frame[frame["test_set"].isin(sets)]

    theirs = write_predictions(tmp_path / "main", "echoclr", 1.0, change=only("val", "internal"))
    ours = write_predictions(tmp_path / "north", "echoclr", 1.0, seed=3, change=only("external"))
    evaluate_operating_points("lvh", [theirs], SETTINGS, tmp_path / "theirs.csv")
    evaluate_operating_points("lvh", [ours], SETTINGS, tmp_path / "ours.csv", [theirs])
    tables = [pd.read_csv(tmp_path / f"{name}.csv") for name in ("theirs", "ours")]
    assert tables[0]["threshold"].tolist() == tables[1]["threshold"].tolist()
    assert set(tables[1]["test_set"]) == {"external"}
    other = write_predictions(tmp_path / "main", "random", 1.0)
    with pytest.raises(InputError, match="must be of the same models"):
        evaluate_operating_points("lvh", [ours], SETTINGS, tmp_path / "ours.csv", [other])


def test_a_validation_split_of_one_class_chooses_nothing_and_says_so(tmp_path):
    def empty_of_positives(frame):
        return frame.assign(label=frame["label"].mask(frame["test_set"] == "val", 0))

    path = write_predictions(tmp_path, "echoclr", 1.0, change=empty_of_positives)
    table = evaluate([path], tmp_path / "lvh.csv")
    assert len(table) == 6
    assert table["note"].eq("the validation split holds one class only: no threshold can be chosen").all()
    assert table[["threshold", "tp", "fp", "fn", "tn", "f1", "npv_ci_low"]].isna().all(axis=None)
    assert table["n_test"].eq(60).all()


def test_a_target_that_only_nobody_meets_is_told(tmp_path):
    def put_a_negative_on_top(frame):
        worst = frame[frame["test_set"].eq("val") & frame["label"].eq(0)].index[:20]
        return frame.assign(probability=frame["probability"].mask(frame.index.isin(worst), 1.0))

    path = write_predictions(tmp_path, "echoclr", 1.0, change=put_a_negative_on_top)
    table = evaluate([path], tmp_path / "lvh.csv").set_index(["test_set", "rule"]).loc["internal"]
    assert table.loc["specificity", "threshold"] == np.inf
    assert "nobody is called positive" in table.loc["specificity", "note"]
    assert table.loc["specificity", ["tp", "fp", "sensitivity"]].eq(0).all()
    assert np.isnan(table.loc["specificity", "ppv"])


def test_intervals_of_a_run_that_resamples_patients_say_what_they_ignore(tmp_path):
    path = write_predictions(tmp_path, "echoclr", 1.0)
    table = evaluate([path], tmp_path / "lvh.csv", Evaluation(resample="patient"))
    assert table["note"].str.contains("not patients").all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[frame["test_set"] != "val"], "no rows of test_set val"),
        (lambda frame: frame[frame["test_set"] == "val"], "no rows of a test set"),
        (lambda frame: frame.replace({"test_set": {"external": "elsewhere"}}), "test_set is elsewhere"),
        (lambda frame: frame.iloc[3:], "not evaluated on the same studies"),
        (lambda frame: frame.assign(label=frame["label"].where(frame["test_set"] != "val")), "have no label"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, change, message):
    paths = [write_predictions(tmp_path, "echoclr", 1.0)] if "same studies" in message else []
    paths.append(write_predictions(tmp_path, "random", 1.0, change=change))
    with pytest.raises(InputError, match=message):
        evaluate(paths, tmp_path / "lvh.csv")


def test_the_command_runs(tmp_path):
    path = write_predictions(tmp_path, "echoclr", 1.0)
    settings = json.dumps({"target_sensitivity": 0.8})
    arguments = ["--task", "lvh", "--predictions", str(path), "--settings", settings]
    assert main(["evaluate-operating-points", *arguments, "--output", str(tmp_path / "out.csv")]) == 0
    assert pd.read_csv(tmp_path / "out.csv")["target"].dropna().unique().tolist() == [0.8, 0.9]
