"""Predicted against true measurements, such as the LV ejection fraction: errors, correlation, comparison.

Every metric is a function of weighted means over studies, so that a block of bootstrap resamples is one
matrix product: the counts of `bootstrap.Draws` times what each study adds.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from cineclr.errors import InputError
from cineclr.stats.bootstrap import Draws, bootstrap_test, percentile_interval
from cineclr.stats.checks import check_clusters
from cineclr.stats.proportion import NAN, UNKNOWN, Estimate
from cineclr.stats.ranking import Floats

Metric = Literal["mse", "mae", "r2", "pearson_r", "bias", "limit_low", "limit_high"]
METRICS: tuple[Metric, ...] = get_args(Metric)

# The limits of agreement hold 95 % of normal differences (Bland & Altman 1999, Stat Methods Med Res 8:135).
LIMIT = float(ndtri(0.975))
# A variance below this share of the observed one is rounding: the resample repeats one value.
ROUNDING = 1e-12


def check_measurements(
    true: npt.ArrayLike, predicted: npt.ArrayLike, where: str = "predictions"
) -> tuple[Floats, Floats]:
    """Return true values (n,) and the predictions of m models (m, n) as floats.

    Args:
        true: (n,).
        predicted: for the same studies in the same order, (m, n) or (n,).
        where: what they belong to, for the error.

    Raises:
        InputError: naming `where` and what is wrong: values that are no finite numbers, 0 rows, lengths that
            differ.
    """
    try:
        values = np.asarray(true, dtype=np.float64)
        matrix = np.atleast_2d(np.asarray(predicted, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"{where}: not numbers, or models that differ in their number of studies") from None
    if values.ndim != 1 or matrix.ndim != 2 or matrix.shape[1] != len(values):
        raise InputError(f"{where}: {values.shape} true values, but {matrix.shape} predicted values")
    if not len(values):
        raise InputError(f"{where}: no studies (0 rows)")
    for name, array in (("true", values), ("predicted", matrix)):
        if wrong := int((~np.isfinite(array)).sum()):
            raise InputError(f"{where}: {wrong} of {array.size} {name} values are missing (NaN) or infinite")
    return values, matrix


@dataclass(frozen=True)
class Terms:
    """What each of n studies adds to the metrics of one model.

    Attributes:
        table: |e|, e^2, c, c^2, t, t^2, p, p^2, t p, (n, 9): e is predicted - true, c is e less its mean;
            t and p are true and predicted, standardised so that sums of squares keep their digits.
        mean_error: the mean of e.
        true_variance: of the true values; 0 where they are constant.
    """

    table: Floats
    mean_error: float
    true_variance: float

    def metrics(self, counts: npt.NDArray[np.integer]) -> dict[Metric, Floats]:
        """Return the metrics of resamples, (B,) each; `counts` is (B, n), a column per study."""
        n = counts.sum(axis=1, dtype=np.float64)  # resamples of clusters differ in their number of studies
        means = counts.astype(np.float64) @ self.table / n[:, np.newaxis]
        absolute, squared, c, c2, t, t2, p, p2, tp = means.T
        bias = self.mean_error + c
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt(np.maximum(c2 - c**2, 0) * n / (n - 1))
            t_variance, p_variance = (np.where(v > ROUNDING, v, np.nan) for v in (t2 - t**2, p2 - p**2))
            return {
                "mse": squared,
                "mae": absolute,
                "r2": 1 - squared / (t_variance * self.true_variance),
                "pearson_r": np.clip((tp - t * p) / np.sqrt(t_variance * p_variance), -1, 1),
                "bias": bias,
                "limit_low": bias - LIMIT * spread,
                "limit_high": bias + LIMIT * spread,
            }


def _terms(true: Floats, predicted: Floats) -> Terms:
    error = predicted - true
    centred = error - error.mean()
    t, p = _standardise(true), _standardise(predicted)
    columns = [np.abs(error), error**2, centred, centred**2, t, t**2, p, p**2, t * p]
    return Terms(np.column_stack(columns), float(error.mean()), float(np.ptp(true) and true.var()))


def _standardise(values: Floats) -> Floats:
    # By the range, because the standard deviation of equal values is rounding and not 0.
    return (values - values.mean()) / values.std() if np.ptp(values) else np.zeros_like(values)


def measure(true: npt.ArrayLike, predicted: npt.ArrayLike) -> dict[Metric, Floats]:
    """Return the metrics of m models, (m,) each.

    MSE and MAE; R2 = 1 - MSE / variance of the true values (not the square of r; below 0 for a model worse
    than the mean); Pearson's r; bias = mean of predicted - true, and the limits of agreement, bias -+ 1.96
    standard deviations (Bland & Altman 1999, Stat Methods Med Res 8:135).

    Args:
        true: (n,).
        predicted: (m, n) or (n,).

    Returns:
        NaN for R2 if the true values are constant, for r if either is, and for the limits if n is 1.

    Raises:
        InputError: what `check_measurements` refuses.
    """
    values, matrix = check_measurements(true, predicted)
    once = np.ones((1, len(values)), dtype=np.int64)
    found = [_terms(values, row).metrics(once) for row in matrix]
    return {metric: np.concatenate([each[metric] for each in found]) for metric in METRICS}


def bootstrap_measure(
    true: npt.ArrayLike,
    predicted: npt.ArrayLike,
    samples: int,
    seed: int,
    clusters: npt.ArrayLike | None = None,
) -> dict[Metric, Floats]:
    """Return the metrics of m models in the same resamples of studies, (m, samples) each.

    Resamples are drawn a block at a time, in bounded memory. A metric is NaN where `measure` says so of the
    resampled studies; `percentile` and `compare` leave those resamples out. The resamples of one study (or of
    one cluster) are all alike, which says nothing about precision: they are NaN throughout.

    Args:
        true: (n,).
        predicted: (m, n) or (n,).
        samples: number of resamples, each of n studies (or of as many clusters as there are).
        seed: the same seed and data give the same numbers.
        clusters: whom each study belongs to, (n,), such as its patient: then clusters are drawn, each with
            all its studies. None draws studies.

    Raises:
        InputError: what `check_measurements` refuses; not one cluster per study.
    """
    values, matrix = check_measurements(true, predicted)
    models = [_terms(values, row) for row in matrix]
    resampled: dict[Metric, Floats] = {metric: np.full((len(models), samples), NAN) for metric in METRICS}
    members = np.arange(len(values))
    if clusters is not None:
        check_clusters(clusters, len(values))
        members = np.unique(clusters, return_inverse=True)[1]
    units = int(members.max()) + 1
    if units == 1:
        return resampled
    draws = Draws([units], members, samples, seed)
    for rows, counts in map(draws.draw, range(-(-samples // draws.rows))):
        # A product per model, so that equal models get equal numbers to the last bit.
        for model, terms in enumerate(models):
            for metric, found in terms.metrics(counts).items():
                resampled[metric][model, rows] = found
    return resampled


def percentile(observed: float, values: Floats, confidence: float = 0.95) -> Estimate:
    """Return a metric with its percentile interval; `values` (B,) is the metric in the resamples.

    NaN throughout where the metric does not exist; the interval is NaN where it exists in no resample.
    """
    kept = values[~np.isnan(values)]
    if math.isnan(observed):
        return UNKNOWN
    if not len(kept):
        return Estimate(float(observed), NAN, NAN)
    low, high = percentile_interval(kept, confidence)
    return Estimate(float(observed), float(low), float(high))


def compare(observed: Floats, values: Floats, confidence: float = 0.95) -> tuple[Estimate, float]:
    """Return the difference of two models' metrics, first - second, with its interval and two-sided p.

    The interval is the percentile interval of the paired differences; p is that of `bootstrap_test`.

    Args:
        observed: the metric of both models, (2,).
        values: the same in the same resamples, (2, B).
        confidence: level of the interval.

    Returns:
        NaN throughout where the metric of either model does not exist; NaN for the interval and p where it
        exists in no resample.
    """
    kept = values[:, ~np.isnan(values).any(axis=0)]
    first, second = (float(value) for value in observed)
    if math.isclose(first, second, rel_tol=ROUNDING):  # such as r of a model and of its linear recalibration
        second = first
    difference = percentile(first - second, kept[0] - kept[1], confidence)
    if math.isnan(difference.ci_low):
        return difference, NAN
    return difference, bootstrap_test((first, second), (kept[0], kept[1]), "two_sided")[1]


def fisher_interval(r: float, n: int, confidence: float = 0.95) -> Estimate:
    """Return Pearson's r of n studies with Fisher's interval: normal in atanh(r), variance 1 / (n - 3).

    Fisher (1921, Metron 1:3). The interval is NaN if n is below 4, everything if r does not exist.
    """
    if math.isnan(r) or n < 4:
        return Estimate(r, NAN, NAN)
    with np.errstate(divide="ignore"):
        centre, half = np.arctanh(r), ndtri((1 + confidence) / 2) / math.sqrt(n - 3)
    return Estimate(r, float(np.tanh(centre - half)), float(np.tanh(centre + half)))
