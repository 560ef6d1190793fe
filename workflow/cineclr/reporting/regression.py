"""Two models compared on anyone's predictions of a measurement, such as the LV ejection fraction."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.reporting.predictions_table import (
    Duplicates,
    Joined,
    check_output,
    read_predictions_table,
    select_pair,
)
from cineclr.seeds import derive_seed
from cineclr.stats.bland_altman import bland_altman
from cineclr.stats.delong import delong, normal_interval, paired_difference, paired_test
from cineclr.stats.proportion import NAN, UNKNOWN, Estimate
from cineclr.stats.regression import METRICS, bootstrap_measure, compare, fisher_interval, measure, percentile

log = logging.getLogger(__name__)

UNNAMED = "all"
RESAMPLED = ("mse", "mae", "r2")


def evaluate_regression(
    predictions: Path,
    reference: str,
    baseline: str,
    out: Path,
    duplicates: Duplicates = "error",
    threshold: float = 40.0,
    samples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> None:
    """Write errors, correlation, agreement and AUROC of two models, cohort by cohort, and their differences.

    `predictions` is a long table (CSV, CSV.gz or Parquet) with columns model, study, labels (true values),
    preds and, optionally, cohort and row. Models are joined by study, never by the order of rows.

    `out` (CSV, and Parquet beside it) gets a row per cohort and metric: mse, mae, r2, pearson_r, bias,
    limit_low, limit_high (predicted - true, Bland-Altman) and auroc_le_<threshold>, for true values at or
    below `threshold`, with minus the prediction as the score. Intervals of mse, mae and r2 are percentiles of
    `samples` bootstrap resamples of studies; of pearson_r Fisher's; of bias and limits those of
    `bland_altman`; of the AUROC DeLong's. Differences (reference - baseline) are paired: for the AUROC by
    DeLong, otherwise with percentile intervals and the bootstrap test on the same resamples. p values are
    two-sided. What does not exist, such as an AUROC of one class, is empty.

    Raises:
        InputError: what `read_predictions_table`, `select_pair` and `check_output` refuse; settings out of
            range.
    """
    if not 0 < confidence < 1:
        raise InputError(f"--confidence is {confidence:g}; it must lie between 0 and 1, such as 0.95")
    if samples < 100:
        raise InputError(f"--samples is {samples}; give at least 100 resamples")
    if not math.isfinite(threshold):
        raise InputError(f"--threshold is {threshold}; it must be a finite number")
    check_output(out, predictions)
    frame = read_predictions_table(predictions, "preds", "cohort", default_group=UNNAMED)
    rows: list[dict[str, Any]] = []
    for cohort in frame["group"].unique():
        pair = select_pair(frame, cohort, reference, baseline, duplicates)
        log.info("%s: %d studies", cohort, len(pair.studies))
        compared = _compare_measurements(pair, samples, derive_seed(seed, "regression", cohort), confidence)
        compared[f"auroc_le_{threshold:g}"] = _compare_aurocs(pair, threshold, confidence)
        rows += [
            {"cohort": cohort, "metric": metric, "n": len(pair.studies), **columns}
            for metric, columns in compared.items()
        ]
    write_table(pd.DataFrame(rows), out)
    log.info("wrote %d rows to %s", len(rows), out.name)


def _compare_measurements(
    pair: Joined, samples: int, seed: int, confidence: float
) -> dict[str, dict[str, float]]:
    observed = measure(pair.labels, pair.values)
    resampled = bootstrap_measure(pair.labels, pair.values, samples, seed)
    agreement = [bland_altman(pair.labels, values, confidence) for values in pair.values]
    compared: dict[str, dict[str, float]] = {}
    for metric in METRICS:
        if metric in RESAMPLED:
            of_models = [percentile(observed[metric][m], resampled[metric][m], confidence) for m in (0, 1)]
        elif metric == "pearson_r":
            of_models = [fisher_interval(float(r), len(pair.studies), confidence) for r in observed[metric]]
        else:
            of_models = [getattr(one, metric) for one in agreement]
        difference, p_value = compare(observed[metric], resampled[metric], confidence)
        compared[metric] = _columns(of_models, difference, p_value)
    return compared


def _compare_aurocs(pair: Joined, threshold: float, confidence: float) -> dict[str, float]:
    """Compare how well low predictions find true values at or below the threshold."""
    labels = (pair.labels <= threshold).astype(np.int64)
    if len(np.unique(labels)) < 2:
        log.warning("all %d studies are on one side of the threshold %g: no AUROC", len(labels), threshold)
        return _columns([UNKNOWN, UNKNOWN], UNKNOWN, NAN)
    found = delong(labels, -pair.values)
    low, high = normal_interval(found.aurocs, found.variances, confidence)
    of_models = [Estimate(*numbers) for numbers in np.column_stack([found.aurocs, low, high]).tolist()]
    difference = Estimate(*paired_difference(found, confidence=confidence))
    return _columns(of_models, difference, paired_test(found)[1])


def _columns(of_models: list[Estimate], difference: Estimate, p_value: float) -> dict[str, float]:
    reference, baseline = of_models
    return {
        "reference": reference.value,
        "ci_low_reference": reference.ci_low,
        "ci_high_reference": reference.ci_high,
        "baseline": baseline.value,
        "ci_low_baseline": baseline.ci_low,
        "ci_high_baseline": baseline.ci_high,
        "difference": difference.value,
        "ci_low_difference": difference.ci_low,
        "ci_high_difference": difference.ci_high,
        "p_value": p_value,
    }
