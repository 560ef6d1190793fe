"""Studies ranked by score once, so that every bootstrap resample of them is cumulative sums.

A resample is a row of counts: how often each study was drawn. With the studies in the order of their scores,
the points of a resample's ROC and precision-recall curves are cumulative sums of its counts, read where the
positives stand. Counts are integers: results are exact, with ties, and equal to those of the drawn studies.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Studies counted at the score of each of P positives, from the highest score down, for B resamples.

    Attributes:
        drawn: how often each positive was drawn, (B, P).
        false: negatives at its score or above, (B, P).
        false_above: negatives above its score, (B, P); `false` itself if no negative ties a positive.
        positives, negatives: studies of either class in the resample, (B,).
        last_tied: position of the last positive of the same score, (P,); None if no positives tie.
    """

    drawn: Counts
    false: Counts
    false_above: Counts
    positives: npt.NDArray[np.int64]
    negatives: npt.NDArray[np.int64]
    last_tied: npt.NDArray[np.int64] | None

    def true(self) -> Counts:
        """Return positives at the score or above, (B, P)."""
        summed = self.drawn.cumsum(axis=1)
        return summed if self.last_tied is None else summed.take(self.last_tied, axis=1)


class Ranking:
    """The order of n studies by descending score, for one model.

    Args:
        labels: 0 or 1, (n,).
        scores: higher means more likely positive, (n,); the direction is fixed and never guessed.
        rows: most resamples of one tally. Their arrays are made once: fresh memory costs more than the sums.
    """

    def __init__(self, labels: npt.ArrayLike, scores: npt.ArrayLike, rows: int = 1) -> None:
        positive = np.asarray(labels).astype(bool)
        descending = -np.asarray(scores, dtype=np.float64)
        order = np.argsort(descending, kind="stable")
        self._positives = order[positive[order]]
        negatives = order[~positive[order]]
        # A first column that is set to 0 makes the cumulative sum the number of negatives before a position.
        self._padded_negatives = np.append(negatives[:1], negatives)
        ranked = descending[self._positives]
        self._above = np.searchsorted(descending[negatives], ranked, side="left")
        self._at_or_above = np.searchsorted(descending[negatives], ranked, side="right")
        self._tied_across = not np.array_equal(self._above, self._at_or_above)
        last = np.searchsorted(ranked, ranked, side="right") - 1
        self._last_tied = None if np.array_equal(last, np.arange(len(last))) else last
        self._passed = np.empty((rows, len(negatives) + 1), dtype=np.int32)
        self._drawn, self._false, self._false_above = np.empty((3, rows, len(ranked)), dtype=np.int32)

    def tally(self, counts: Counts) -> Tally:
        """Count the studies of each resample; `counts` is (B, n), a column per study.

        The arrays of a tally are overwritten by the next one.
        """
        rows = len(counts)
        drawn = _pick(counts, self._positives, self._drawn[:rows])
        passed = _pick(counts, self._padded_negatives, self._passed[:rows])
        passed[:, 0] = 0
        np.cumsum(passed, axis=1, out=passed)
        false = _pick(passed, self._at_or_above, self._false[:rows])
        tied = self._tied_across
        return Tally(
            drawn=drawn,
            false=false,
            false_above=_pick(passed, self._above, self._false_above[:rows]) if tied else false,
            positives=drawn.sum(axis=1, dtype=np.int64),
            negatives=passed[:, -1].astype(np.int64),
            last_tied=self._last_tied,
        )

    def tally_once(self) -> Tally:
        """Count every study once: the observed data, B = 1."""
        studies = len(self._positives) + len(self._padded_negatives) - 1
        return self.tally(np.ones((1, studies), dtype=np.int32))


def _pick(counts: Counts, columns: npt.NDArray, out: Counts) -> Counts:
    # `clip` is the one mode that writes straight into `out`; no column is out of range.
    return counts.take(columns, axis=1, out=out, mode="clip")
