"""Decision curves: the net benefit of acting on a model's predictions."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cineclr.errors import InputError
from cineclr.stats.checks import check_arrays
from cineclr.stats.operating import count_at_or_above
from cineclr.stats.ranking import Floats


class DecisionCurve(NamedTuple):
    """Net benefit per study, in true positives, at each of t threshold probabilities; all (t,)."""

    thresholds: Floats
    model: Floats
    treat_all: Floats
    treat_none: Floats


def decision_curve(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> DecisionCurve:
    """Return the net benefit of a model, of treating everybody and of treating nobody.

    Net benefit = tp / n - fp / n x threshold / (1 - threshold), where a study is treated if its probability
    is at or above the threshold (Vickers & Elkin 2006, Med Decis Making 26:565-574). Treating nobody is 0.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,); they are compared with the thresholds as they are, so a model that is
            not calibrated is judged as it would be used.
        thresholds: threshold probabilities, at least 0 and below 1, (t,).

    Raises:
        InputError: what `check_arrays` refuses; a threshold out of range.
    """
    classes, values = check_arrays(labels, probabilities)
    at = np.asarray(thresholds, dtype=np.float64)
    if at.ndim != 1 or not ((at >= 0) & (at < 1)).all():
        raise InputError("threshold probabilities must be a list of numbers from 0 to below 1")
    true = count_at_or_above(values[classes == 1], at)
    false = count_at_or_above(values[classes == 0], at)
    prevalence = classes.mean()
    odds = at / (1 - at)
    return DecisionCurve(
        thresholds=at,
        model=(true - false * odds) / len(values),
        treat_all=prevalence - (1 - prevalence) * odds,
        treat_none=np.zeros_like(at),
    )
