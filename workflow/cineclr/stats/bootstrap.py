"""Bootstrap over studies: percentile intervals, and the test that pROC calls `roc.test(method="bootstrap")`.

All models of a test set see the same resamples, so their differences are paired. A resample is drawn as a
row of counts (see `ranking`), a block of rows at a time, so memory stays bounded whatever the number of
resamples; the size of a block never changes the result.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from cineclr.errors import InputError
from cineclr.stats.aupr import aupr_of
from cineclr.stats.auroc import auroc_of
from cineclr.stats.checks import check_arrays
from cineclr.stats.ranking import Counts, Floats, Ranking, Tally

Metric = Literal["auroc", "aupr"]
Alternative = Literal["greater", "less", "two_sided"]

METRICS: dict[Metric, Callable[[Tally], Floats]] = {"auroc": auroc_of, "aupr": aupr_of}

# Counts of one block (8 bytes each): 0.5 MB stays in a core's cache, which is where the speed comes from.
BLOCK_CELLS = 2**16


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
    metrics: Sequence[Metric] = ("auroc", "aupr"),
    block_cells: int = BLOCK_CELLS,
) -> Resampled:
    """Resample n studies with replacement, `samples` times, and compute the metrics of every model each time.

    Args:
        labels: 0 or 1, (n,).
        probabilities: of m models for the same studies in the same order, (m, n) or (n,).
        samples: number of resamples, each of n studies.
        seed: the same seed, labels and probabilities give the same numbers.
        stratified: draw positives and negatives apart, so that each resample keeps the observed prevalence
            (pROC's default in `roc.test`); False is the plain bootstrap of the paper's intervals.
        metrics: which metrics to compute.
        block_cells: resamples x studies held in memory at once.

    Raises:
        InputError: what `check_arrays` refuses, for any model; or no resample held both classes.
    """
    matrix = np.atleast_2d(np.asarray(probabilities, dtype=np.float64))
    checked = [check_arrays(labels, row, f"model {number}") for number, row in enumerate(matrix, start=1)]
    classes = checked[0][0]
    positives_first = np.argsort(-classes, kind="stable")  # so that strata are consecutive
    rankings = [Ranking(classes[positives_first], row[positives_first]) for _, row in checked]
    strata = [int(classes.sum()), int((1 - classes).sum())] if stratified else [len(classes)]
    values: dict[Metric, Floats] = {metric: np.empty((len(rankings), samples)) for metric in metrics}
    start = 0
    for counts in draw_counts(strata, samples, seed, block_cells=block_cells):
        block = slice(start, start + len(counts))
        for model, ranking in enumerate(rankings):
            tally = ranking.tally(counts)
            both = (tally.positives > 0) & (tally.negatives > 0)
            for metric in metrics:
                values[metric][model, block] = np.where(both, METRICS[metric](tally), np.nan)
        start += len(counts)
    return _without_one_class(rankings, values, samples)


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


def draw_counts(
    strata: Sequence[int], samples: int, seed: int, *, block_cells: int = BLOCK_CELLS
) -> Iterator[Counts]:
    """Yield blocks (b, n) of counts: how often each of n studies is in each resample.

    `strata` are the sizes of consecutive groups of studies, from each of which as many are drawn as it has.
    """
    size = sum(strata)
    # SFC64 is NumPy's fastest generator; a stream per stratum keeps the draws independent of the block size.
    seeds = np.random.SeedSequence(seed).spawn(len(strata))
    streams = [np.random.Generator(np.random.SFC64(child)) for child in seeds]
    ends = np.cumsum(strata)
    step = max(1, block_cells // size)
    for start in range(0, samples, step):
        rows = min(step, samples - start)
        cells = np.empty((rows, size), dtype=np.int64)
        for stream, end, length in zip(streams, ends, strata, strict=True):
            cells[:, end - length : end] = stream.integers(end - length, end, (rows, length))
        cells += (np.arange(rows) * size)[:, None]
        yield np.bincount(cells.ravel(), minlength=rows * size).reshape(rows, size)


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
