"""Area under the receiver operating characteristic curve."""

import numpy as np
import numpy.typing as npt

from cineclr.stats.checks import check_arrays
from cineclr.stats.ranking import Counts, Floats, Ranking, Tally


def auroc(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the AUROC: the probability that a positive scores above a negative, ties counting half.

    Equals the Mann-Whitney U statistic over the number of pairs; O(n log n). Higher probabilities always mean
    positive: an AUROC below 0.5 stays below 0.5.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).

    Raises:
        InputError: one class only, no rows, missing values, values out of range, lengths that differ.
    """
    checked_labels, checked = check_arrays(labels, probabilities)
    return float(auroc_of(Ranking(checked_labels, checked).tally_once())[0])


def auroc_of(tally: Tally) -> Floats:
    """Return the AUROC of each resample, (B,); NaN where a resample holds one class only."""
    # Of each positive, the negatives that do not score below it count against it, those that tie by half.
    against = _sum_products(tally.drawn, tally.false)
    tied = tally.false_above is not tally.false
    against += _sum_products(tally.drawn, tally.false_above) if tied else against
    pairs = tally.positives * tally.negatives
    with np.errstate(invalid="ignore"):
        return (2 * pairs - against) / (2 * pairs)


def _sum_products(drawn: Counts, false: Counts) -> npt.NDArray[np.int64]:
    """Return the row sums of products, (B,), in 64 bits: pairs of studies outgrow 32."""
    return np.einsum("ij,ij->i", drawn, false, dtype=np.int64, casting="safe")
