"""Evaluation of the LV ejection fraction: errors, agreement and heart failure on every test set (Fig. 3)."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.config.cmr import LVEF, Evaluation
from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.reporting.cmr.diagnoses import ONE_CLASS, describe_aurocs
from cineclr.reporting.cmr.predictions import (
    Cell,
    find_baseline,
    find_other,
    join_models,
    list_test_sets,
    of_task,
    read_predictions,
)
from cineclr.reporting.predictions_table import Joined
from cineclr.seeds import derive_seed
from cineclr.stats.delong import delong
from cineclr.stats.multiple import adjust_families
from cineclr.stats.ranking import Floats
from cineclr.stats.regression import METRICS, Metric, bootstrap_measure, compare, measure, percentile

log = logging.getLogger(__name__)

# A predictor that knows no video: the mean of the training labels for everybody.
TRAIN_MEAN = "train_mean"
# Bias and limits of agreement are described, not tested.
COMPARED: tuple[Metric, ...] = ("mse", "mae", "r2", "pearson_r")
COLUMNS = [
    "test_set", "mode", "ratio", "init", "n_train", "n", "n_positive", "metric", "value", "ci_low",
    "ci_high", "confidence", "baseline", "difference", "difference_ci_low", "difference_ci_high", "p_value",
    "p_holm", "p_bh", "note",
]  # fmt: skip


def evaluate_lvef(
    predictions: list[Path], fits: list[Path], settings: Evaluation, seed: int, output: Path
) -> None:
    """Write errors, correlation, agreement and AUROC of every LVEF model on every test set.

    A row per test set, mode, ratio, init and metric: mse, mae, r2, pearson_r, bias, limit_low and limit_high
    (predicted - true, Bland-Altman), in % or its square, and auroc_le_<threshold>, for LVEF at or below
    `settings.lvef_threshold` with minus the prediction as the score; its rows count those studies as
    `n_positive`. Intervals are percentiles of bootstrap resamples of patients, each with all studies; those
    of the AUROC normal with DeLong's (or Obuchowski's) variance. `difference` is the row's value less that of
    `baseline` (Kinetics-400, or random weights where that was not run) at the same mode and ratio, with
    `p_value`, two-sided: the bootstrap test on the same resamples, or DeLong's paired one; `p_holm` and
    `p_bh` adjust it over the models of a test set and metric. The rows of init `train_mean` are those of a
    predictor that says the mean of the training labels to everybody.

    Args:
        predictions: files `lvef/<init>/<mode>/<ratio>.csv` with columns study, patient, test_set, label,
            prediction; the validation rows are passed over.
        fits: `fit.json` in `lvef/<init>/<mode>/<ratio>/`, for n_train and the mean of the training labels.
        settings: level, resamples and threshold.
        seed: root of the resamples.
        output: the CSV; a Parquet file of the same content is put beside it.

    Raises:
        InputError: files that are not named so; models without a fit; what `join_models` refuses.
    """
    models = of_task(read_predictions(predictions), LVEF)
    if not models:
        raise InputError("no predictions of lvef given: --predictions needs lvef/<init>/<mode>/<ratio>.csv")
    facts = _read_fits(fits, list(models))
    rows: list[dict[str, Any]] = []
    for test_set in list_test_sets(models):
        joined = join_models(models, test_set)
        log.info("%s: %d models, %d studies", test_set, len(models), len(joined.studies))
        own_seed = derive_seed(seed, "evaluate_lvef", test_set)
        rows += [
            {"test_set": test_set, "n": len(joined.studies), "confidence": settings.confidence, **row}
            for row in _evaluate(list(models), joined, facts, settings, own_seed)
        ]
    table = adjust_families(pd.DataFrame(rows, columns=COLUMNS), ["test_set", "metric"])
    write_table(table.astype({"n_train": "Int64", "n_positive": "Int64"}), output)
    log.info("wrote %d rows to %s", len(table), output.name)


def _read_fits(fits: list[Path], cells: list[Cell]) -> dict[Cell, dict[str, Any]]:
    """Return what each model's training said of itself: n_train and the mean of its labels."""
    found = {}
    for path in fits:
        fit = json.loads(require_file(path, "--fits", "Run finetune-lvef first.").read_text())
        found[Cell(fit["task"], fit["mode"], fit["ratio"], fit["init"])] = fit
    if missing := [cell for cell in cells if cell not in found]:
        raise InputError(f"--fits: none of {missing[0]}, which was evaluated; give a fit.json of each model")
    return found


def _evaluate(
    cells: list[Cell], joined: Joined, fits: dict[Cell, dict[str, Any]], settings: Evaluation, seed: int
) -> list[dict[str, Any]]:
    """Return a row per model and metric of one test set, then those of the mean of the training labels."""
    last = fits[max(cells, key=_ratio_of)]
    matrix = np.vstack([joined.values, np.full(len(joined.labels), last["mean"])])
    observed = measure(joined.labels, matrix)
    resampled = bootstrap_measure(joined.labels, matrix, settings.bootstrap_samples, seed, joined.patients)
    baseline = find_baseline(cells)
    aurocs = _evaluate_aurocs(cells, joined, baseline, settings)
    rows: list[dict[str, Any]] = []
    for model, cell in enumerate(cells):
        own = {**cell.setting, "n_train": fits[cell]["n_train"]}
        for metric in METRICS:
            row = _describe(metric, observed[metric], resampled[metric], model, settings.confidence)
            other = find_other(cells, model, baseline)
            if other is not None and metric in COMPARED:
                pair = [model, other]
                estimate, p_value = compare(
                    observed[metric][pair], resampled[metric][pair], settings.confidence
                )
                row |= {"baseline": baseline, **estimate.columns("difference"), "p_value": p_value}
            rows.append({**own, **row})
        rows.append({**own, **aurocs[model]})
    of_mean = {"init": TRAIN_MEAN, "mode": "", "ratio": last["ratio"], "n_train": last["n_train"]}
    of_all = (_describe(name, observed[name], resampled[name], -1, settings.confidence) for name in METRICS)
    return rows + [{**of_mean, **row} for row in of_all if not np.isnan(row["value"])]


def _ratio_of(cell: Cell) -> float:
    return cell.ratio


def _describe(
    metric: Metric, observed: Floats, resampled: Floats, model: int, confidence: float
) -> dict[str, Any]:
    value, low, high = percentile(observed[model], resampled[model], confidence)
    return {"metric": metric, "value": value, "ci_low": low, "ci_high": high, "note": ""}


def _evaluate_aurocs(
    cells: list[Cell], joined: Joined, baseline: str, settings: Evaluation
) -> list[dict[str, Any]]:
    """Return how well low predictions find an LVEF at or below the threshold, a row per model."""
    labels = (joined.labels <= settings.lvef_threshold).astype(np.int64)
    shared = {"metric": f"auroc_le_{settings.lvef_threshold:g}", "n_positive": int(labels.sum())}
    if len(np.unique(labels)) < 2:
        log.warning("all studies are on one side of an LVEF of %g%%: no AUROC", settings.lvef_threshold)
        return [{**shared, "note": ONE_CLASS} for _ in cells]
    result = delong(labels, -joined.values, joined.patients)
    return [
        {**shared, **row, "note": ""} for row in describe_aurocs(result, cells, baseline, settings.confidence)
    ]
