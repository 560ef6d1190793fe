"""Area under the precision-recall curve, as average precision."""

import numpy as np
import numpy.typing as npt

from cineclr.stats.checks import check_arrays
from cineclr.stats.ranking import Floats, Ranking, Tally


def aupr(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the average precision: the sum over thresholds of (gain in recall) x precision.

    The definition of `sklearn.metrics.average_precision_score`: no interpolation, tied scores share one
    threshold. A model without information scores the prevalence, not 0.5.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).

    Raises:
        InputError: one class only, no rows, missing values, values out of range, lengths that differ.
    """
    checked_labels, checked = check_arrays(labels, probabilities)
    return float(aupr_of(Ranking(checked_labels, checked).tally_once())[0])


def aupr_of(tally: Tally) -> Floats:
    """Return the average precision of each resample, (B,); NaN where a resample holds no positive."""
    true = tally.true()
    # At a score that was not drawn nothing is gained; the 1 only keeps 0 / 0 out.
    precision = true / np.maximum(true + tally.false, 1)
    summed = np.einsum("ij,ij->i", tally.drawn, precision)
    with np.errstate(invalid="ignore"):
        return summed / tally.positives
