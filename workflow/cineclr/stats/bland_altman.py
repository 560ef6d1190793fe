"""Agreement of measurements: Bland-Altman bias and limits of agreement, with exact intervals."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import nct, t

from cineclr.stats.proportion import NAN, Estimate
from cineclr.stats.regression import LIMIT, measure


@dataclass(frozen=True)
class BlandAltman:
    """Bias and limits of agreement of predicted - true, in the unit of the measurement."""

    bias: Estimate
    limit_low: Estimate
    limit_high: Estimate


def bland_altman(true: npt.ArrayLike, predicted: npt.ArrayLike, confidence: float = 0.95) -> BlandAltman:
    """Return bias and limits of agreement (Bland & Altman 1999, Stat Methods Med Res 8:135) with intervals.

    The bias has the t interval. A limit, bias -+ z s with z = 1.96, estimates a quantile of the differences;
    its interval is exact for normal differences: the noncentral t distribution with n - 1 degrees of freedom
    and noncentrality z sqrt(n) (Carkeet 2015, Optom Vis Sci 92:e71; Shieh 2018, BMC Med Res Methodol 18:45).
    Bland and Altman's own, of variance s^2 (1 / n + z^2 / (2 (n - 1))), meets it in large samples.

    Args:
        true: (n,).
        predicted: (n,).
        confidence: level of the intervals; the limits hold 95 % of normal differences whatever it is.

    Returns:
        NaN for the limits and for all intervals if n is 1.

    Raises:
        InputError: what `check_measurements` refuses.
    """
    found = {name: float(values[0]) for name, values in measure(true, predicted).items()}
    bias, low, high = found["bias"], found["limit_low"], found["limit_high"]
    size = len(np.asarray(true))
    if size < 2:
        return BlandAltman(*(Estimate(value, NAN, NAN) for value in (bias, low, high)))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    error = (high - bias) / LIMIT / math.sqrt(size)  # standard error of the bias
    inner, outer = (nct.ppf(tails, size - 1, LIMIT * math.sqrt(size)) * error).tolist()
    half = float(t.ppf(tails[1], size - 1) * error)
    return BlandAltman(
        bias=Estimate(bias, bias - half, bias + half),
        limit_low=Estimate(low, bias - outer, bias - inner),
        limit_high=Estimate(high, bias + inner, bias + outer),
    )
