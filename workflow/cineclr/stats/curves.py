"""ROC and precision-recall curves, and pointwise bootstrap bands around them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cineclr.errors import InputError
from cineclr.stats.bootstrap import Draws, block_rows, percentile_interval
from cineclr.stats.checks import check_arrays
from cineclr.stats.ranking import Floats, Ranking, Tally


@dataclass(frozen=True)
class Bands:
    """Pointwise bands of the ROC and precision-recall curves of m models.

    Attributes:
        grid: the false positive rates and the recalls at which the curves are averaged, (g,), from 0 to 1.
        roc_low, roc_high: true positive rates, (m, g).
        pr_low, pr_high: precisions, (m, g).
        left_out: resamples that held one class only; they have no curves.
    """

    grid: Floats
    roc_low: Floats
    roc_high: Floats
    pr_low: Floats
    pr_high: Floats
    left_out: int


def roc_curve(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return false and true positive rates at every distinct probability, descending, (t + 1,) each.

    The points of `sklearn.metrics.roc_curve(drop_intermediate=False)`: from (0, 0) to (1, 1), joined by
    straight lines, so that ties count half and the area is the AUROC.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).

    Raises:
        InputError: what `check_arrays` refuses.
    """
    true, false = _count_called(labels, probabilities)
    return false / false[-1], true / true[-1]


def pr_curve(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return recall and precision wherever recall grows, recall ascending, (t,) each.

    The points of `sklearn.metrics.precision_recall_curve` that the average precision sums, without its
    invented first one. Up to each recall the curve has the precision of that point (a step, never a slope:
    straight lines between points would be too optimistic, Davis & Goadrich 2006, ICML, 233-240).

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).

    Raises:
        InputError: what `check_arrays` refuses.
    """
    true, false = _count_called(labels, probabilities)
    grows = np.flatnonzero(np.diff(true)) + 1
    return true[grows] / true[-1], true[grows] / (true + false)[grows]


def _count_called(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return true and false positives if all at or above each distinct probability are called, from 0 up."""
    classes, values = check_arrays(labels, probabilities)
    order = np.argsort(-values, kind="stable")
    last_of_score = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    true = np.append(0, classes[order].cumsum()[last_of_score])
    false = np.append(0, (1 - classes[order]).cumsum()[last_of_score])
    return true, false


def bands(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    samples: int,
    seed: int,
    *,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
    steps: int = 100,
) -> Bands:
    """Return pointwise percentile bands of the curves of m models, over the same bootstrap resamples.

    Curves are averaged vertically: true positive rates at fixed false positive rates (Fawcett 2006, Pattern
    Recognit Lett 27:861-874, section 9.1), precisions at fixed recalls. Each point has its own interval; the
    whole curve lies outside its band more often than 1 - confidence.

    Args:
        labels: 0 or 1, (n,).
        probabilities: of m models for the same studies in the same order, (m, n) or (n,).
        samples: number of resamples.
        seed: the same seed, labels and probabilities give the same bands.
        confidence: level of the bands.
        clusters: whom each study belongs to, (n,), such as its patient, who is then drawn whole.
        steps: the grid has steps + 1 points.

    Raises:
        InputError: what `check_arrays` refuses, for any model; or no resample held both classes.
    """
    matrix = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    checked = [check_arrays(labels, row, f"model {number}") for number, row in enumerate(matrix, start=1)]
    classes = checked[0][0]
    members = np.arange(len(classes))
    if clusters is not None:
        members = np.unique(np.asarray(clusters), return_inverse=True)[1]
    draws = Draws([int(members.max()) + 1], members, samples, seed)
    rankings = [Ranking(classes, row, draws.rows) for row in matrix]
    roc, pr = np.empty((2, len(matrix), steps + 1, samples))
    both = np.empty(samples, dtype=bool)
    for block in range(-(-samples // block_rows(len(classes)))):
        rows, counts = draws.draw(block)
        for model, ranking in enumerate(rankings):
            tally = ranking.tally(counts)
            both[rows] = (tally.positives > 0) & (tally.negatives > 0)
            roc[model, :, rows], pr[model, :, rows] = _sensitivities(tally, steps), _precisions(tally, steps)
    if not both.any():
        raise InputError(f"none of {samples} bootstrap resamples held both classes; too few studies")
    return Bands(
        np.linspace(0, 1, steps + 1),
        *percentile_interval(roc[:, :, both], confidence),
        *percentile_interval(pr[:, :, both], confidence),
        left_out=int((~both).sum()),
    )


def _sensitivities(tally: Tally, steps: int) -> Floats:
    """Return the true positive rate at each false positive rate k / steps, (steps + 1, B).

    Where the curve rises at one rate, its upper end. All in whole numbers, so that rates which meet do meet.
    """
    above = tally.false_above * steps
    width = (tally.false - tally.false_above) * steps  # false positives gained over the ties of a positive
    rates = np.empty((steps + 1, len(above)))
    for k in range(steps + 1):
        passed = (k * tally.negatives)[:, None] - above
        share = np.where(width > 0, np.clip(passed / np.maximum(width, 1), 0, 1), passed >= 0)
        rates[k] = np.einsum("ij,ij->i", tally.drawn, share)
    return rates / np.maximum(tally.positives, 1)


def _precisions(tally: Tally, steps: int) -> Floats:
    """Return the precision at the first probability that reaches each recall k / steps, (steps + 1, B)."""
    true = tally.true().astype(np.int64)
    precision = true / np.maximum(true + tally.false, 1)
    found = np.empty((steps + 1, len(true)))
    for k in range(steps + 1):
        needed = np.maximum(k * tally.positives, 1)  # recall 0: the first positive
        first = (true * steps < needed[:, None]).sum(axis=1)
        found[k] = precision[np.arange(len(true)), np.minimum(first, true.shape[1] - 1)]
    return found
