"""Operating points of the diagnoses: thresholds chosen on the validation split, or on the test set itself."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.config.cmr import Evaluation
from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.reporting.cmr.diagnoses import ONE_CLASS
from cineclr.reporting.cmr.predictions import (
    VALIDATION,
    Predictions,
    join_models,
    list_tasks,
    list_test_sets,
    read_predictions,
    split_models,
)
from cineclr.reporting.operating_points import COUNTS, NOBODY, list_targets, measure_point
from cineclr.reporting.predictions_table import Joined
from cineclr.stats.operating import MEASURES, choose_threshold

log = logging.getLogger(__name__)

COLUMNS = [
    "task", "test_set", "mode", "ratio", "init", "rule", "target", "threshold", "n", *COUNTS,
    *(f"{name}{part}" for name in MEASURES for part in ("", "_ci_low", "_ci_high")),
    "note",
]  # fmt: skip
NOTES = {
    "val": "threshold chosen on the validation split; the paper chose it on the data it reported",
    "test": "threshold chosen on the data it is reported on, as in the paper: optimistic",
}
NOT_CHOSEN = "the validation split holds one class only: no threshold can be chosen"
INDEPENDENT = "intervals take studies as independent, not patients"


def evaluate_cmr_operating_points(
    predictions: list[Path], settings: Evaluation, output: Path, validation: list[Path] | None = None
) -> None:
    """Write what the models of every diagnosis do at thresholds chosen on `settings.operating_points`.

    A row per diagnosis, test set, mode, ratio, init and rule (see `choose_threshold`): confusion counts,
    sensitivity, specificity, PPV, NPV, accuracy and F1 with intervals (see `describe`). Where the studies
    that choose, or the test set, are of one class, the row keeps its place, its values are empty, and `note`
    says why. Each file of `predictions` is `<task>/<init>/<mode>/<ratio>.csv` with columns study, patient,
    test_set, label, prediction; `validation` are the files of the same models that hold the validation rows,
    where they are others: those of the models' run.

    Raises:
        InputError: no validation rows where they choose, or of other models; files that are not named so;
            what `join_models` refuses.
    """
    found, validated = read_predictions(predictions), read_predictions(validation or predictions)
    if list(found) != list(validated):
        raise InputError("--validation must be of the same models as --predictions")
    rows: list[dict[str, Any]] = []
    for models in split_models(found):
        (task,) = list_tasks(models)
        choosing = None
        if settings.operating_points == VALIDATION:
            choosing = _join_validation({cell: validated[cell] for cell in models})
        for test_set in list_test_sets(models):
            joined = join_models(models, test_set)
            for model, cell in enumerate(models):
                key = {"task": task, "test_set": test_set, **cell.setting, "n": len(joined.studies)}
                points = _list_points(choosing or joined, joined, model, settings)
                rows += [{**key, **row} for row in points]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))
    write_table(table, output)
    log.info("wrote %d rows to %s", len(table), output.name)


def _join_validation(models: Predictions) -> Joined:
    if not any(frame["group"].eq(VALIDATION).any() for frame in models.values()):
        raise InputError(
            f"predictions of {list_tasks(models)[0]}: no rows of test_set {VALIDATION} to choose thresholds "
            "on; run predict-cmr again, which writes them"
        )
    return join_models(models, VALIDATION)


def _list_points(choosing: Joined, joined: Joined, model: int, settings: Evaluation) -> list[dict[str, Any]]:
    """Return a row per rule of one model on one test set."""
    targets = list_targets(settings.target_sensitivity, settings.target_specificity)
    notes = [NOTES[settings.operating_points]]
    if joined.patients is not None and len(set(joined.patients)) < len(joined.studies):
        notes.append(INDEPENDENT)
    if _is_one_class(joined):
        return [{"rule": rule, "target": target, "note": ONE_CLASS} for rule, target in targets.items()]
    if _is_one_class(choosing):
        return [{"rule": rule, "target": target, "note": NOT_CHOSEN} for rule, target in targets.items()]
    rows = []
    for rule, target in targets.items():
        threshold = choose_threshold(choosing.labels, choosing.values[model], rule, target)
        columns = measure_point(joined.labels, joined.values[model], threshold, settings.confidence)
        own_notes = [*notes, NOBODY] if np.isinf(threshold) else notes
        note = "; ".join(own_notes)
        rows.append({"rule": rule, "target": target, "threshold": threshold, **columns, "note": note})
    return rows


def _is_one_class(joined: Joined) -> bool:
    return len(np.unique(joined.labels)) < 2
