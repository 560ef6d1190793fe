"""Evaluation of the diagnoses: AUROC of every model on every test set, against the baseline (Fig. 4)."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.config.cmr import Evaluation
from cineclr.files import write_table
from cineclr.reporting.cmr.predictions import (
    Cell,
    find_baseline,
    find_other,
    join_models,
    list_tasks,
    list_test_sets,
    read_predictions,
    split_models,
)
from cineclr.reporting.predictions_table import Joined
from cineclr.stats.checks import check_arrays
from cineclr.stats.delong import DeLong, delong, normal_interval, paired_difference, paired_test
from cineclr.stats.multiple import adjust_families
from cineclr.stats.proportion import Estimate

log = logging.getLogger(__name__)

ONE_CLASS = "the test set holds one class only: no AUROC"
COLUMNS = [
    "task", "test_set", "mode", "ratio", "init", "n", "n_positive", "value", "ci_low", "ci_high",
    "confidence", "baseline", "difference", "difference_ci_low", "difference_ci_high", "p_value", "p_holm",
    "p_bh", "note",
]  # fmt: skip
# Tests of the same models on the same test set are one family, over the diagnoses.
FAMILY = ["test_set", "mode", "ratio", "init"]


def evaluate_diagnoses(predictions: list[Path], settings: Evaluation, output: Path) -> None:
    """Write the AUROC of every diagnosis, test set, mode, ratio and init (Methods, 'Statistical analyses').

    Intervals are normal with DeLong's variance, Obuchowski's where a patient has several studies.
    `difference` is the row's AUROC less that of `baseline` (Kinetics-400, or random weights where that was
    not run) at the same mode and ratio, `p_value` DeLong's paired, two-sided one; `p_holm` and `p_bh` adjust
    it over the diagnoses. The direction is fixed: an AUROC below 0.5 stays there. A test set of one class has
    rows without values, and `note` says so. Each file of `predictions` is `<task>/<init>/<mode>/<ratio>.csv`
    with columns study, patient, test_set, label, prediction; the validation rows are passed over.

    Raises:
        InputError: files that are not named so; what `join_models` refuses, such as models that were not
            evaluated on the same studies; labels or probabilities that are none.
    """
    found = read_predictions(predictions)
    baseline = find_baseline(found)
    rows: list[dict[str, Any]] = []
    for models in split_models(found):
        (task,) = list_tasks(models)
        for test_set in list_test_sets(models):
            joined = join_models(models, test_set)
            rows += _evaluate(task, test_set, list(models), joined, baseline, settings.confidence)
    table = adjust_families(pd.DataFrame(rows, columns=COLUMNS), FAMILY)
    write_table(table, output)
    log.info("wrote %d rows of %d diagnoses to %s", len(table), len(list_tasks(found)), output.name)


def _evaluate(
    task: str, test_set: str, cells: list[Cell], joined: Joined, baseline: str, confidence: float
) -> list[dict[str, Any]]:
    """Return a row per model of one diagnosis on one test set."""
    shared = {
        **{"task": task, "test_set": test_set, "n": len(joined.studies)},
        **{"n_positive": int(joined.labels.sum()), "confidence": confidence},
    }
    if len(np.unique(joined.labels)) < 2:
        log.warning("%s, %s: one class only", task, test_set)
        return [{**shared, **cell.setting, "note": ONE_CLASS} for cell in cells]
    for cell, values in zip(cells, joined.values, strict=True):
        check_arrays(joined.labels, values, f"predictions of {task}, {test_set}, {cell}")
    result = delong(joined.labels, joined.values, joined.patients)
    aurocs = describe_aurocs(result, cells, baseline, confidence)
    return [{**shared, **cell.setting, **row, "note": ""} for cell, row in zip(cells, aurocs, strict=True)]


def describe_aurocs(
    result: DeLong, cells: list[Cell], baseline: str, confidence: float
) -> list[dict[str, Any]]:
    """Return value and interval of every model's AUROC, and what compares it with the baseline's."""
    low, high = normal_interval(result.aurocs, result.variances, confidence)
    rows: list[dict[str, Any]] = [
        {"value": value, "ci_low": low[model], "ci_high": high[model]}
        for model, value in enumerate(result.aurocs)
    ]
    for model, row in enumerate(rows):
        if (other := find_other(cells, model, baseline)) is not None:
            difference = Estimate(*paired_difference(result, model, other, confidence))
            _, p_value = paired_test(result, model, other)
            row |= {"baseline": baseline, **difference.columns("difference"), "p_value": p_value}
    return rows
