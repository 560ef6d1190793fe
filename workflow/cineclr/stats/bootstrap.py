"""Bootstrap over studies: percentile intervals, and the test that pROC calls `roc.test(method="bootstrap")`.

All models of a test set see the same resamples, so their differences are paired. A resample is drawn as a
row of counts (see `ranking`), a block of rows at a time, so memory stays bounded whatever the number of
resamples. A block has a random stream of its own: threads change the time, never the result.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import ndtr

from cineclr.errors import InputError
from cineclr.stats.aupr import aupr_of
from cineclr.stats.auroc import auroc_of
from cineclr.stats.checks import check_arrays, check_clusters
from cineclr.stats.ranking import Counts, Floats, Ranking, Tally

Metric = Literal["auroc", "aupr"]
Alternative = Literal["greater", "less", "two_sided"]

METRICS: dict[Metric, Callable[[Tally], Floats]] = {"auroc": auroc_of, "aupr": aupr_of}

# Counts of one block (4 bytes each): 1 MB stays in a core's cache, which is where the speed comes from.
BLOCK_CELLS = 2**18


@dataclass(frozen=True)
class Resampled:
    """Metrics of m models, observed and in the same resamples.

    Attributes:
        observed: metric -> (m,).
        values: metric -> (m, resamples that held both classes).
        left_out: resamples that held one class only. They have no AUROC; like pROC, we leave them out and say
            how many (a redraw would give the same distribution).
    """

    observed: dict[Metric, Floats]
    values: dict[Metric, Floats]
    left_out: int


def bootstrap(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    samples: int,
    seed: int,
    *,
    stratified: bool = False,
    clusters: npt.ArrayLike | None = None,
    metrics: Sequence[Metric] = ("auroc", "aupr"),
    threads: int = 1,
) -> Resampled:
    """Resample n studies with replacement, `samples` times, and compute the metrics of every model each time.

    Args:
        labels: 0 or 1, (n,).
        probabilities: of m models for the same studies in the same order, (m, n) or (n,).
        samples: number of resamples.
        seed: the same seed, labels and probabilities give the same numbers.
        stratified: draw positives and negatives apart, so that each resample keeps the observed prevalence
            (pROC's default in `roc.test`); False is the plain bootstrap of the paper's intervals.
        clusters: whom each study belongs to, (n,), such as its patient: then clusters are drawn, as many as
            there are, each with all its studies. None draws studies.
        metrics: which metrics to compute.
        threads: blocks of resamples computed at once.

    Raises:
        InputError: what `check_arrays` refuses, for any model; stratified with clusters, which has no meaning
            where a patient's studies are of both classes; not one cluster per study; or no resample held both
            classes.
    """
    matrix = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    checked = [check_arrays(labels, row, f"model {number}") for number, row in enumerate(matrix, start=1)]
    classes = checked[0][0]
    if stratified and clusters is not None:
        raise InputError("bootstrap: stratified resamples cannot draw clusters; choose one of the two")
    order = np.argsort(-classes, kind="stable")  # positives first, so that strata are consecutive
    classes, matrix = classes[order], matrix[:, order]
    strata = [int(classes.sum()), int((1 - classes).sum())] if stratified else [len(classes)]
    members = np.arange(len(classes))
    if clusters is not None:
        check_clusters(clusters, len(classes))
        members = np.unique(np.asarray(clusters)[order], return_inverse=True)[1]
        strata = [int(members.max()) + 1]
    values: dict[Metric, Floats] = {metric: np.empty((len(matrix), samples)) for metric in metrics}
    many = -(-samples // block_rows(len(classes)))

    def compute(blocks: range) -> None:
        draws = Draws(strata, members, samples, seed)
        rankings = [Ranking(classes, row, draws.rows) for row in matrix]
        for rows, counts in map(draws.draw, blocks):
            for model, ranking in enumerate(rankings):
                tally = ranking.tally(counts)
                both = (tally.positives > 0) & (tally.negatives > 0)
                for metric in metrics:
                    values[metric][model, rows] = np.where(both, METRICS[metric](tally), np.nan)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compute, [range(first, many, threads) for first in range(threads)]))
    return _without_one_class([Ranking(classes, row) for row in matrix], values, samples)


def _without_one_class(rankings: list[Ranking], values: dict[Metric, Floats], samples: int) -> Resampled:
    kept = ~np.isnan(next(iter(values.values()))[0])
    if not kept.any():
        raise InputError(
            f"none of {samples} bootstrap resamples held both classes; there are too few studies"
        )
    once = [ranking.tally_once() for ranking in rankings]
    return Resampled(
        observed={metric: np.array([METRICS[metric](tally)[0] for tally in once]) for metric in values},
        values={metric: matrix[:, kept] for metric, matrix in values.items()},
        left_out=int((~kept).sum()),
    )


def block_rows(studies: int) -> int:
    """Return how many resamples of so many studies are in a block."""
    return max(1, BLOCK_CELLS // studies)


class Draws:
    """Blocks of bootstrap resamples, as counts of how often each of n studies is in them.

    Args:
        strata: sizes of consecutive groups of units, from each of which as many are drawn as it has.
        members: the unit that each study belongs to, (n,).
        samples: number of resamples.
        seed: the same seed draws the same.
    """

    def __init__(self, strata: Sequence[int], members: npt.NDArray, samples: int, seed: int) -> None:
        self._strata, self._members, self._samples, self._seed = strata, members, samples, seed
        self.rows = block_rows(len(members))
        units = sum(strata)
        self._alone = np.array_equal(members, np.arange(units))
        self._narrow = np.uint16 if units < 2**16 else np.int64  # half the bits take half the time
        self._drawn = np.empty((self.rows, units), dtype=np.int32)
        self._ones = np.ones(self._drawn.size, dtype=np.int32)
        self._ends = np.arange(0, self._drawn.size + 1, units, dtype=np.int32)
        self._counts = np.empty_like(self._ones).reshape(self._drawn.shape)

    def draw(self, block: int) -> tuple[slice, Counts]:
        """Return which resamples a block holds and their counts (b, n), overwritten by the next block."""
        start = block * self.rows
        rows = min(self.rows, self._samples - start)
        # SFC64 is NumPy's fastest generator.
        stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence((self._seed, block))))
        drawn, end = self._drawn[:rows], 0
        for size in self._strata:
            drawn[:, end : end + size] = stream.integers(end, end + size, (rows, size), dtype=self._narrow)
            end += size
        # A sparse matrix sums what falls on one cell, three times as fast as `np.bincount`.
        cells = (self._ones[: drawn.size], drawn.ravel(), self._ends[: rows + 1])
        counts = csr_array(cells, shape=drawn.shape).toarray(out=self._counts[:rows])
        return slice(start, start + rows), counts if self._alone else counts.take(self._members, axis=1)


def percentile_interval(values: npt.ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the percentile interval: the alpha/2 and 1 - alpha/2 quantiles of the resamples.

    Quantiles interpolate linearly (R's type 7, NumPy's default).

    Args:
        values: resampled metrics, (..., resamples).
        confidence: 0.95 takes the 2.5th and the 97.5th percentile, not the 5th and the 95th.
    """
    alpha = 1 - confidence
    low, high = np.quantile(np.asarray(values), [alpha / 2, 1 - alpha / 2], axis=-1)
    return low, high


def bootstrap_test(
    observed: tuple[float, float],
    values: tuple[npt.ArrayLike, npt.ArrayLike],
    alternative: Alternative = "greater",
) -> tuple[float, float]:
    """Compare two paired AUROCs as pROC's `roc.test(method="bootstrap")` does; return D and p.

    D = (A1 - A2) / sd(A1* - A2*) over the same resamples, compared with the standard normal distribution
    (Robin et al. 2011, BMC Bioinformatics 12:77). `greater` asks whether A1 exceeds A2: p is small where it
    does, and near 1 where A2 is the higher one. Where the two are equal throughout, D is 0, as in pROC.

    Args:
        observed: A1 and A2.
        values: A1* and A2* in the same resamples, (resamples,) each; pROC's default is stratified resamples.
        alternative: the direction of the test.
    """
    difference = observed[0] - observed[1]
    spread = float(np.std(np.asarray(values[0]) - np.asarray(values[1]), ddof=1))
    if spread == 0:
        statistic = math.copysign(math.inf, difference) if difference else 0.0
    else:
        statistic = difference / spread
    upper, lower = float(ndtr(-statistic)), float(ndtr(statistic))
    p_value = {"greater": upper, "less": lower, "two_sided": min(1.0, 2 * min(upper, lower))}[alternative]
    return statistic, p_value
