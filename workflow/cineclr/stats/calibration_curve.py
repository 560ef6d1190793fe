"""Calibration as a smooth curve with a bootstrap band, and its distance from the diagonal (ICI)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.nonparametric.smoothers_lowess import lowess

from cineclr.errors import InputError
from cineclr.stats.checks import check_arrays
from cineclr.stats.ranking import Floats

# Share of the studies in each local fit: the default of R's loess, which Austin & Steyerberg used.
SPAN = 0.75
# Fits closer than this share of the range are interpolated: the default of R's lowess.
DELTA = 0.01


@dataclass(frozen=True)
class ResampledCalibration:
    """Calibration in B bootstrap resamples of studies.

    Attributes:
        brier: (B,).
        curve: smoothed observed rate at the points of a grid, (B, g); NaN outside a resample's probabilities.
    """

    brier: Floats
    curve: Floats


def smooth(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Floats:
    """Return the smoothed rate of positives at each study's probability, (n,).

    Lowess of the labels: local lines over the nearest `SPAN` of the studies with tricube weights, without
    robustness iterations, which would take the rarer class for outliers (Cleveland 1979, J Am Stat Assoc
    74:829-836). Austin & Steyerberg's R loess fits local parabolas instead. Values may leave [0, 1] slightly.

    Raises:
        InputError: what `check_arrays` refuses.
    """
    classes, values = check_arrays(labels, probabilities)
    order = np.argsort(values, kind="stable")
    smoothed = np.empty_like(values)
    smoothed[order] = _smooth_sorted(classes[order].astype(np.float64), values[order])
    return smoothed


def _smooth_sorted(labels: Floats, values: Floats) -> Floats:
    distinct, first, sizes = np.unique(values, return_index=True, return_counts=True)
    span = max(2, int(SPAN * len(values)))
    filling = sizes >= span
    smoothed = np.empty_like(values)
    if len(distinct) > 1:
        # Nothing may be interpolated from a tie that is mended below.
        delta = 0 if filling.any() else DELTA * (values[-1] - values[0])
        fraction = span / len(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            smoothed = lowess(
                labels, values, frac=fraction, it=0, delta=delta, is_sorted=True, return_sorted=False
            )
    # Where a tie fills the span the fit has no width, and lowess returns a study's own label; the limit of a
    # narrow fit is the mean of the tie.
    for start, size in zip(first[filling], sizes[filling], strict=True):
        smoothed[start : start + size] = labels[start : start + size].mean()
    return smoothed


def integrated_calibration_index(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the ICI: the mean distance of the probabilities from the smoothed rate of positives.

    Austin & Steyerberg 2019, Stat Med 38:4051-4065, with the curve of `smooth`. 0 is ideal, but in a finite
    sample a perfectly calibrated model stays above it, and in resamples further still: percentile intervals
    never cover its 0 and can leave out the estimate itself. So there is no interval.

    Raises:
        InputError: what `check_arrays` refuses.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    return float(np.mean(np.abs(smooth(labels, values) - values)))


def resample_calibration(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, grid: Floats, samples: int, seed: int
) -> ResampledCalibration:
    """Return Brier score and curve in plain bootstrap resamples of studies.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).
        grid: rising probabilities at which the curve is read, by linear interpolation, (g,).
        samples: number of resamples B.
        seed: the same seed, labels and probabilities give the same numbers.

    Raises:
        InputError: what `check_arrays` refuses; fewer than one resample.
    """
    classes, values = check_arrays(labels, probabilities)
    if samples < 1:
        raise InputError(f"calibration: {samples} bootstrap resamples; at least 1 is needed")
    order = np.argsort(values, kind="stable")
    observations, values = classes[order].astype(np.float64), values[order]
    generator = np.random.default_rng(seed)
    result = ResampledCalibration(np.empty(samples), np.empty((samples, len(grid))))
    for sample in range(samples):
        drawn = np.sort(generator.integers(0, len(values), len(values)))  # stays sorted by probability
        observed, predicted = observations[drawn], values[drawn]
        smoothed = _smooth_sorted(observed, predicted)
        result.brier[sample] = np.mean((predicted - observed) ** 2)
        result.curve[sample] = np.interp(grid, predicted, smoothed, left=np.nan, right=np.nan)
    return result
