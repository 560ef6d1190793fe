"""How many positives a study needs: for an interval of an AUROC, or to tell two AUROCs apart."""

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri

from cineclr.errors import InputError

Alternative = Literal["two_sided", "one_sided"]

MOST_POSITIVES = 10**9


@dataclass(frozen=True)
class SampleSize:
    """Studies needed."""

    positives: int
    negatives: int

    @property
    def total(self) -> int:
        """Return positives and negatives together."""
        return self.positives + self.negatives


def auroc_variance(auroc: float, positives: int, negatives: int) -> float:
    """Return the variance of an AUROC that Hanley & McNeil (1982, Radiology 143:29) predict from its value.

    Exact for exponentially distributed scores, and close to it for most others.

    Args:
        auroc: the true one, in [0.5, 1).
        positives, negatives: studies of either class.
    """
    q1, q2 = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = (positives - 1) * (q1 - auroc**2) + (negatives - 1) * (q2 - auroc**2)
    return (auroc * (1 - auroc) + spread) / (positives * negatives)


def difference_variance(
    auroc: float, baseline: float, correlation: float, positives: int, negatives: int
) -> float:
    """Return the variance of the difference of two AUROCs on the same studies.

    Hanley & McNeil (1983, Radiology 148:839): var1 + var2 - 2 r sd1 sd2.

    Args:
        auroc, baseline: the true ones, in [0.5, 1).
        correlation: r, of the two estimated AUROCs (not of the scores), in [0, 1).
        positives, negatives: studies of either class.
    """
    one, other = (auroc_variance(value, positives, negatives) for value in (auroc, baseline))
    return one + other - 2 * correlation * math.sqrt(one * other)


def size_for_width(auroc: float, width: float, prevalence: float, confidence: float = 0.95) -> SampleSize:
    """Return the studies needed so that the normal interval of an AUROC has at most a given width.

    Args:
        auroc: the one expected, in [0.5, 1).
        width: of the whole interval, from its lower to its upper end, in (0, 1).
        prevalence: share of positives among the studies, in (0, 1).
        confidence: level of the interval.

    Raises:
        InputError: a value out of its range.
    """
    _check_auroc("auroc", auroc)
    _check_open(width=width, prevalence=prevalence, confidence=confidence)
    largest = (width / 2 / float(ndtri((1 + confidence) / 2))) ** 2
    return _smallest(
        prevalence, lambda size: auroc_variance(auroc, size.positives, size.negatives) <= largest
    )


def size_for_difference(
    auroc: float,
    baseline: float,
    correlation: float,
    prevalence: float,
    power: float = 0.8,
    confidence: float = 0.95,
    alternative: Alternative = "two_sided",
) -> SampleSize:
    """Return the studies needed to find the difference of two AUROCs on the same studies with a given power.

    The test is DeLong's: the difference over its standard deviation, which is estimated without assuming that
    the two are equal; so (z of the level + z of the power)^2 x variance is at most the squared difference.

    Args:
        auroc, baseline: the ones expected, in [0.5, 1).
        correlation: of the two estimated AUROCs, in [0, 1); between models on the same studies 0.5 is common.
        prevalence: share of positives among the studies, in (0, 1).
        power: chance to find the difference, in (0, 1).
        confidence: 1 - the level of the test, in (0, 1).
        alternative: `one_sided` asks only whether `auroc` exceeds `baseline`.

    Raises:
        InputError: a value out of its range; equal AUROCs; `one_sided` with an AUROC below the baseline; a
            power below the level of the test.
    """
    _check_auroc("auroc", auroc)
    _check_auroc("baseline", baseline)
    _check_open(prevalence=prevalence, power=power, confidence=confidence)
    if not 0 <= correlation < 1:
        raise InputError(f"correlation is {correlation:g}; it must be at least 0 and below 1")
    if auroc == baseline or (alternative == "one_sided" and auroc < baseline):
        raise InputError(
            f"auroc {auroc:g} against baseline {baseline:g}: there is no such difference to find"
        )
    tail = (1 - confidence) / (2 if alternative == "two_sided" else 1)
    if power <= tail:
        raise InputError(f"power is {power:g}; it must exceed the level of the test, {tail:g}")
    largest = ((auroc - baseline) / float(ndtri(1 - tail) + ndtri(power))) ** 2
    return _smallest(
        prevalence,
        lambda size: (
            difference_variance(auroc, baseline, correlation, size.positives, size.negatives) <= largest
        ),
    )


def _smallest(prevalence: float, enough: Callable[[SampleSize], bool]) -> SampleSize:
    """Return the smallest sample that is enough; more studies never are less so."""

    def of(positives: int) -> SampleSize:
        return SampleSize(positives, max(1, math.ceil(positives / prevalence) - positives))

    positives = bisect.bisect_left(range(MOST_POSITIVES), True, lo=1, key=lambda count: enough(of(count)))
    if positives == MOST_POSITIVES:
        raise InputError(f"{MOST_POSITIVES:,} positives or more would be needed; ask for less")
    return of(positives)


def _check_auroc(name: str, value: float) -> None:
    if not 0.5 <= value < 1:
        raise InputError(f"{name} is {value:g}; it must be at least 0.5 and below 1")


def _check_open(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise InputError(f"{name} is {value:g}; it must lie between 0 and 1")
