"""Operating points of one task: thresholds chosen on the validation split, applied to the test sets."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cineclr.config.echo import Evaluation, Task
from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.reporting.predictions import (
    VALIDATION,
    Models,
    join_test_set,
    join_test_sets,
    note_independence,
    read_models,
)
from cineclr.stats.checks import TestSet
from cineclr.stats.operating import MEASURES, Rule, apply_threshold, choose_threshold, describe

log = logging.getLogger(__name__)

COUNTS = ["tp", "fp", "fn", "tn"]
COLUMNS = [
    "init", "ratio", "test_set", "rule", "target", "threshold", "n_test", *COUNTS,
    *(f"{name}{part}" for name in MEASURES for part in ("", "_ci_low", "_ci_high")),
    "note",
]  # fmt: skip
NOTE = "threshold chosen on the validation split; the cardiac MRI paper chose it on the data it reported"
NOBODY = "no probability of the studies that choose meets the target: nobody is called positive"


def evaluate_operating_points(
    task: Task,
    predictions: list[Path],
    settings: Evaluation,
    output: Path,
    validation: list[Path] | None = None,
) -> None:
    """Write what each model does at thresholds chosen on its validation predictions.

    A row per init, ratio, test set and rule (see `choose_threshold`): confusion counts, sensitivity,
    specificity, PPV, NPV, accuracy and F1 with intervals (see `describe`). The paper chose thresholds on the
    data it reported, which flatters them; `note` says so. Where the validation split holds one class only, no
    threshold can be chosen: the row keeps its place, its values are empty, and `note` says why. Each file of
    `predictions` is `<init>/<ratio>.csv` with columns study, test_set, label, probability; `validation` are
    the files of the same models that hold the validation rows, where they are others: those of the models'
    run.

    Raises:
        InputError: no validation rows, or of other models; what `read_predictions` and `join_test_sets`
            refuse.
    """
    models = read_models(predictions)
    test_sets = join_test_sets(task, models)
    choosing = _join_validation(task, models, read_models(validation or predictions))
    targets = list_targets(settings.target_sensitivity, settings.target_specificity)
    rows: list[dict[str, Any]] = []
    for model, (init, ratio) in enumerate(models):
        for test_set, joined in test_sets.items():
            values = joined.probabilities[model]
            for rule, target in targets.items():
                threshold = _choose(choosing, model, rule, target)
                rows.append(
                    {
                        **{"init": init, "ratio": ratio, "test_set": test_set, "rule": rule},
                        **{"target": target, "threshold": threshold, "n_test": len(joined.studies)},
                        **measure_point(joined.labels, values, threshold, settings.confidence),
                        "note": _note(threshold, settings),
                    }
                )
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))
    write_table(table.astype({"target": float}), output)
    log.info("wrote %d rows to %s", len(table), output.name)


def _join_validation(task: Task, models: Models, validated: Models) -> TestSet | None:
    """Return the validation rows of all models, in their order; None if they hold one class only."""
    if list(models) != list(validated):
        raise InputError(f"predictions of {task}: --validation must be of the same models as --predictions")
    rows = pd.concat([frame[frame["test_set"] == VALIDATION] for frame in validated.values()])
    if rows.empty:
        raise InputError(
            f"predictions of {task}: no rows of test_set {VALIDATION} to choose thresholds on; "
            "run predict-echo again, which writes them"
        )
    if rows["label"].unique().tolist() in ([0], [1]):
        log.warning("%s: the validation split holds one class only; no threshold can be chosen", task)
        return None
    return join_test_set(task, validated, VALIDATION)


def _choose(validation: TestSet | None, model: int, rule: Rule, target: float | None) -> float:
    if validation is None:
        return np.nan
    return choose_threshold(validation.labels, validation.probabilities[model], rule, target)


def list_targets(sensitivity: float, specificity: float) -> dict[Rule, float | None]:
    """Return every rule that chooses a threshold with its target."""
    return {"youden": None, "sensitivity": sensitivity, "specificity": specificity}


def measure_point(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, confidence: float
) -> dict[str, Any]:
    """Return the columns of an operating point: calls, and measures with intervals; none without threshold.

    `labels` and `probabilities` are (n,).
    """
    if np.isnan(threshold):
        return {}
    counts = apply_threshold(labels, probabilities, threshold)
    columns: dict[str, Any] = asdict(counts)
    for name, estimate in describe(counts, confidence).items():
        columns |= estimate.columns(name)
    return columns


def _note(threshold: float, settings: Evaluation) -> str:
    if np.isnan(threshold):
        return "the validation split holds one class only: no threshold can be chosen"
    parts = [NOTE]
    if np.isinf(threshold):
        parts.append(NOBODY)
    return "; ".join(parts + note_independence(settings))
