"""Calibration in numbers: does a probability of 0.2 mean that two in ten have the disease?"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from cineclr.errors import InputError
from cineclr.stats.checks import check_arrays
from cineclr.stats.proportion import UNKNOWN, Estimate, wilson
from cineclr.stats.ranking import Floats

# Probabilities of exactly 0 or 1 have no logit; for the logistic models they are moved this far inside.
EPSILON = 1e-6


def brier(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the Brier score, the mean of (probability - label) squared (Brier 1950, Mon Weather Rev 78:1-3).

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).

    Raises:
        InputError: what `check_arrays` refuses.
    """
    classes, values = check_arrays(labels, probabilities)
    return float(np.mean((values - classes) ** 2))


def calibration_intercept(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Return a of logit P(label = 1) = a + logit(probability), with its Wald interval.

    0 is ideal; below 0 the probabilities are too high on average (Cox 1958, Biometrika 45:562-565;
    Van Calster et al. 2019, BMC Med 17:230). Probabilities closer to 0 or 1 than `EPSILON` are moved to that
    distance first. Studies are taken as independent. The estimate always exists: it is the root of a monotone
    function, found by bracketing, because Newton steps run away from probabilities near 0 and 1.

    Raises:
        InputError: what `check_arrays` refuses; a level outside (0, 1).
    """
    classes, values = check_arrays(labels, probabilities)
    logits, observed = _logits(values), float(classes.mean())

    def excess(intercept: float) -> float:
        return float(expit(intercept + logits).mean()) - observed

    # At the ends every single probability is below, or above, the observed rate.
    ends = (logit(observed) - logits.max() - 1, logit(observed) - logits.min() + 1)
    intercept = float(brentq(excess, *ends, xtol=1e-12))
    fitted = expit(intercept + logits)
    return _wald(intercept, 1 / np.sqrt(np.sum(fitted * (1 - fitted))), confidence)


def calibration_slope(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Return b of logit P(label = 1) = a + b logit(probability), with its Wald interval.

    1 is ideal; below 1 the probabilities are too extreme (sources, clipping and independence as in
    `calibration_intercept`). NaN where no finite b is the most likely one: the classes do not overlap in
    probability (separation), or all probabilities are equal; or if the fit does not converge.

    Raises:
        InputError: what `check_arrays` refuses; a level outside (0, 1).
    """
    classes, values = check_arrays(labels, probabilities)
    logits = _logits(values)
    if is_separated(classes, logits):
        return UNKNOWN
    design = np.column_stack([np.ones_like(logits), logits])
    result = GLM(classes, design, family=Binomial()).fit()
    if not result.converged:
        return UNKNOWN
    return _wald(float(result.params[1]), float(result.bse[1]), confidence)


def is_separated(labels: npt.ArrayLike, values: npt.ArrayLike) -> bool:
    """Whether some value has no positive below and no negative above it, or the reverse.

    The logistic model of one covariate then has no finite estimate (Albert & Anderson 1984, Biometrika
    71:1-10).
    """
    positive, numbers = np.asarray(labels) == 1, np.asarray(values)
    positives, negatives = numbers[positive], numbers[~positive]
    return bool(negatives.max() <= positives.min() or positives.max() <= negatives.min())


def _logits(probabilities: Floats) -> Floats:
    return logit(np.clip(probabilities, EPSILON, 1 - EPSILON))


def _wald(value: float, error: float, confidence: float) -> Estimate:
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; it must lie between 0 and 1, such as 0.95")
    reach = float(ndtri((1 + confidence) / 2) * error)
    return Estimate(value, value - reach, value + reach)


def group_calibration(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, groups: int = 10, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the observed rate in groups of about equal size by probability (deciles by default).

    Studies of equal probability are never parted, so groups may be fewer and of unequal size.

    Returns:
        A row per group, by rising probability: mean_probability, observed, ci_low, ci_high (Wilson), n.

    Raises:
        InputError: what `check_arrays` refuses; fewer than one group; a level outside (0, 1).
    """
    classes, values = check_arrays(labels, probabilities)
    if groups < 1:
        raise InputError(f"calibration in {groups} groups; at least 1 is needed")
    share = (rankdata(values) - 0.5) / len(values)  # ties share their mean rank
    frame = pd.DataFrame({"group": (share * groups).astype(int), "label": classes, "probability": values})
    rows = []
    for _, members in frame.groupby("group"):
        rate = wilson(int(members["label"].sum()), len(members), confidence)
        rows.append((members["probability"].mean(), *rate, len(members)))
    return pd.DataFrame(rows, columns=["mean_probability", "observed", "ci_low", "ci_high", "n"])
