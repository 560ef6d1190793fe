import numpy as np
import pandas as pd
import pytest
from cmr_predictions import path_of, write_cell, write_grid

from cineclr.config.cmr import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.cmr.diagnoses import ONE_CLASS
from cineclr.reporting.cmr.operating_points import (
    COLUMNS,
    INDEPENDENT,
    NOT_CHOSEN,
    NOTES,
    evaluate_cmr_operating_points,
)
from cineclr.stats.operating import choose_threshold


def evaluate(paths, tmp_path, **settings):
    output = tmp_path / "operating_points.csv"
    evaluate_cmr_operating_points(paths, Evaluation(**settings), output)
    return pd.read_csv(output)


@pytest.mark.parametrize("chosen_on", ["val", "test"])
def test_thresholds_are_chosen_where_asked_and_applied_to_the_test_set(tmp_path, chosen_on):
    paths, _ = write_grid(tmp_path, ["amyloid", "normal"], ["kinetics400", "contrastive"])
    table = evaluate(paths, tmp_path, operating_points=chosen_on, target_specificity=0.8)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 2 * 2 * 2 * 3
    for row in table.itertuples():
        frame = pd.read_csv(path_of(tmp_path, row.task, row.init))
        choosing = frame[frame["test_set"] == ("val" if chosen_on == "val" else row.test_set)]
        target = None if row.rule == "youden" else row.target
        threshold = choose_threshold(choosing["label"], choosing["prediction"], row.rule, target)
        assert row.threshold == pytest.approx(threshold, rel=1e-12)
        own = frame[frame["test_set"] == row.test_set]
        called = own["prediction"] >= row.threshold
        assert (row.tp, row.fp) == (called[own["label"] == 1].sum(), called[own["label"] == 0].sum())
        assert row.n == row.tp + row.fp + row.fn + row.tn == 80
        if chosen_on == "test" and row.rule == "specificity":
            assert row.specificity >= 0.8
    assert table["note"].str.startswith(NOTES[chosen_on]).all()
    assert table["note"].str.contains(INDEPENDENT).all()  # some patients have two studies


def test_thresholds_of_another_runs_models_are_those_of_its_validation_split(tmp_path):
    def without_validation(frame):
        return frame[frame["test_set"] != "val"]

    ours, _ = write_cell(tmp_path / "north", "amyloid", "random", change=without_validation)
    theirs, _ = write_cell(tmp_path / "main", "amyloid", "random")
    evaluate_cmr_operating_points([ours], Evaluation(), tmp_path / "ours.csv", [theirs])
    thresholds = evaluate([theirs], tmp_path).set_index(["test_set", "rule"])["threshold"]
    found = pd.read_csv(tmp_path / "ours.csv").set_index(["test_set", "rule"])["threshold"]
    assert found.equals(thresholds[found.index])
    other, _ = write_cell(tmp_path / "main", "normal", "random")
    with pytest.raises(InputError, match="must be of the same models"):
        evaluate_cmr_operating_points([ours], Evaluation(), tmp_path / "ours.csv", [other])


def test_classes_that_are_missing_leave_rows_that_say_so(tmp_path):
    def heal(frame):
        return frame.assign(label=frame["label"].where(frame["test_set"] != "northern", 0))

    def heal_validation(frame):
        return frame.assign(label=frame["label"].where(frame["test_set"] != "val", 0))

    paths = [
        write_cell(tmp_path, "amyloid", "random", change=heal)[0],
        write_cell(tmp_path, "normal", "random", change=heal_validation)[0],
    ]
    table = evaluate(paths, tmp_path).set_index(["task", "test_set"])
    assert table.loc[("amyloid", "northern"), "note"].tolist() == [ONE_CLASS] * 3
    assert table.loc["normal", "note"].tolist() == [NOT_CHOSEN] * 6
    assert table.loc["normal", ["threshold", "tp", "f1"]].isna().all(axis=None)
    assert table.loc[("amyloid", "clinical"), "threshold"].notna().all()


def test_a_target_that_only_nobody_meets_is_told(tmp_path):
    def put_negatives_on_top(frame):
        worst = frame[frame["test_set"].eq("val") & frame["label"].eq(0)].index[:30]
        return frame.assign(prediction=frame["prediction"].mask(frame.index.isin(worst), 1.0))

    path, _ = write_cell(tmp_path, "amyloid", "contrastive", change=put_negatives_on_top)
    table = evaluate([path], tmp_path).set_index("rule").loc["specificity"]
    assert table["threshold"].eq(np.inf).all()
    assert table["note"].str.contains("nobody is called positive").all()
    assert table["tp"].eq(0).all()


def test_thresholds_need_validation_rows_unless_chosen_on_the_test_set(tmp_path):
    path, _ = write_cell(
        tmp_path, "amyloid", "random", change=lambda frame: frame[frame["test_set"] != "val"]
    )
    with pytest.raises(InputError, match="no rows of test_set val"):
        evaluate([path], tmp_path)
    assert evaluate([path], tmp_path, operating_points="test")["threshold"].notna().all()
