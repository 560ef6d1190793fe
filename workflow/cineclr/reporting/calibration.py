"""Calibration and decision curves of one task: numbers for a table, curves for figures."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cineclr.config.echo import Evaluation, Task
from cineclr.files import write_table
from cineclr.reporting.predictions import join_test_sets, note_independence, read_models
from cineclr.seeds import derive_seed
from cineclr.stats.bootstrap import percentile_interval
from cineclr.stats.calibration import (
    EPSILON,
    brier,
    calibration_intercept,
    calibration_slope,
    group_calibration,
)
from cineclr.stats.calibration_curve import (
    ResampledCalibration,
    integrated_calibration_index,
    resample_calibration,
    smooth,
)
from cineclr.stats.decision import decision_curve
from cineclr.stats.proportion import Estimate
from cineclr.stats.ranking import Floats

Labels = npt.NDArray[np.int64]

log = logging.getLogger(__name__)

# Enough for an interval to two digits; each needs a smoothed curve, which is what takes the time.
RESAMPLES = 500
GRID_POINTS = 101
THRESHOLDS = np.arange(1, 100) / 100


def evaluate_calibration(
    task: Task, predictions: list[Path], settings: Evaluation, output: Path, curve: Path, seed: int = 0
) -> None:
    """Write Brier score, calibration intercept and slope and ICI of every init, ratio and test set.

    Intercept and slope carry Wald intervals, the Brier score percentiles of plain bootstrap resamples of
    studies, the ICI none (see `integrated_calibration_index`). Training that weights positives raises the
    probabilities on purpose; the intercept shows by how much. `curve` is a long table of what figures draw,
    with columns init, ratio, test_set, kind, x, y, ci_low, ci_high, n: `smoothed` (observed rate over
    probability, with a bootstrap band), `group` (deciles: observed rate over mean probability, Wilson),
    `net_benefit` and `treat_all` (over threshold probability; treating nobody is 0). Each file of
    `predictions` is `<init>/<ratio>.csv` with columns study, test_set, label, probability.

    Raises:
        InputError: what `read_predictions` and `join_test_sets` refuse.
    """
    models = read_models(predictions)
    test_sets = join_test_sets(task, models)
    rows: list[dict[str, Any]] = []
    curves = []
    for model, (init, ratio) in enumerate(models):
        for test_set, joined in test_sets.items():
            labels, values = joined.labels, joined.probabilities[model]
            grid = np.linspace(values.min(), values.max(), GRID_POINTS)
            own_seed = derive_seed(seed, "evaluate_calibration", task, init, ratio, test_set)
            resampled = resample_calibration(labels, values, grid, RESAMPLES, own_seed)
            key = {"init": init, "ratio": ratio, "test_set": test_set}
            rows.append(key | _summarize(labels, values, resampled, settings))
            points = _draw(labels, values, grid, resampled, settings.confidence)
            curves.append(pd.DataFrame(key, index=points.index).join(points))
    write_table(pd.DataFrame(rows), output)
    write_table(pd.concat(curves, ignore_index=True), curve)
    log.info("wrote %d rows to %s, and the curves to %s", len(rows), output.name, curve.name)


def _summarize(
    labels: Labels, values: Floats, resampled: ResampledCalibration, settings: Evaluation
) -> dict[str, Any]:
    level = settings.confidence
    low, high = percentile_interval(resampled.brier, level)
    estimates = {
        "brier": Estimate(brier(labels, values), float(low), float(high)),
        "intercept": calibration_intercept(labels, values, level),
        "slope": calibration_slope(labels, values, level),
    }
    columns: dict[str, Any] = {"n_test": len(labels), "n_test_positive": int(labels.sum())}
    for name, estimate in estimates.items():
        columns |= estimate.columns(name)
    columns["ici"] = integrated_calibration_index(labels, values)
    return columns | {"note": _note(values, estimates, settings)}


def _note(values: Floats, estimates: dict[str, Estimate], settings: Evaluation) -> str:
    parts = []
    if clipped := int(((values < EPSILON) | (values > 1 - EPSILON)).sum()):
        parts.append(f"{clipped} probabilities moved to {EPSILON:g} from 0 or 1 for intercept and slope")
    if np.isnan(estimates["slope"].value):
        parts.append("no slope: probabilities are all equal or part the classes, or the fit did not converge")
    return "; ".join(parts + note_independence(settings))


def _draw(
    labels: Labels, values: Floats, grid: Floats, resampled: ResampledCalibration, level: float
) -> pd.DataFrame:
    order = np.argsort(values, kind="stable")
    low, high = np.nanquantile(resampled.curve, [(1 - level) / 2, (1 + level) / 2], axis=0)
    line = np.interp(grid, values[order], smooth(labels, values)[order])
    decision = decision_curve(labels, values, THRESHOLDS)
    groups = group_calibration(labels, values, confidence=level).rename(
        columns={"mean_probability": "x", "observed": "y"}
    )
    parts = [
        pd.DataFrame({"kind": "smoothed", "x": grid, "y": line, "ci_low": low, "ci_high": high}),
        groups.assign(kind="group"),
        pd.DataFrame({"kind": "net_benefit", "x": THRESHOLDS, "y": decision.model}),
        pd.DataFrame({"kind": "treat_all", "x": THRESHOLDS, "y": decision.treat_all}),
    ]
    points = pd.concat(parts, ignore_index=True)[["kind", "x", "y", "ci_low", "ci_high", "n"]]
    return points.assign(n=points["n"].fillna(len(values)).astype(int))
