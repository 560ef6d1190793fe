"""Operating points: a threshold chosen on some studies, and what it does on others."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cineclr.errors import InputError
from cineclr.stats.checks import check_arrays
from cineclr.stats.proportion import Estimate, wilson
from cineclr.stats.ranking import Floats

Rule = Literal["youden", "sensitivity", "specificity"]

MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


@dataclass(frozen=True)
class Confusion:
    """Studies by call and label: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


def choose_threshold(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, rule: Rule, target: float | None = None
) -> float:
    """Return the threshold that a rule chooses; a study is positive if its probability is at or above it.

    Candidates are the observed probabilities, each once, and infinity, at which nobody is positive. Every two
    candidates differ in sensitivity or specificity, so each rule has exactly one answer:

    * `youden`: the largest sensitivity + specificity - 1 (Youden 1950, Cancer 3:32-35); of equal ones that of
      the highest sensitivity, because a missed case costs a screening test more than a second look does.
    * `sensitivity`: of the thresholds with at least the target sensitivity those of the highest specificity;
      of these that of the highest sensitivity, which costs nothing.
    * `specificity`: the same with the two exchanged; infinity if even the highest probability calls too many.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).
        rule: see above.
        target: least sensitivity or specificity, in (0, 1]; None for `youden`.

    Raises:
        InputError: what `check_arrays` refuses, such as one class only; an unknown rule; a target that is
            missing, out of range, or given to `youden`.
    """
    classes, values = check_arrays(labels, probabilities, "studies that choose the threshold")
    least = _check_target(rule, target)
    candidates = np.append(np.unique(values), np.inf)
    true = count_at_or_above(values[classes == 1], candidates)
    false = count_at_or_above(values[classes == 0], candidates)
    positives, negatives = int(true[0]), int(false[0])
    kept = negatives - false
    if rule == "youden":
        # In integers, so that equal indices are equal: J = (tp N + tn P) / (P N) - 1.
        order, allowed = (true, true * negatives + kept * positives), true >= 0
    elif rule == "sensitivity":
        order, allowed = (true, kept), true / positives >= least
    else:
        order, allowed = (kept, true), kept / negatives >= least
    ranked = np.lexsort((*order, allowed))  # the last key counts first
    return float(candidates[ranked[-1]])


def _check_target(rule: Rule, target: float | None) -> float:
    """Return the least value that the rule asks for; 0 for `youden`."""
    if rule not in ("youden", "sensitivity", "specificity"):
        raise InputError(f"threshold rule is {rule}; it must be youden, sensitivity or specificity")
    if rule == "youden":
        if target is not None:
            raise InputError(f"threshold rule youden takes no target (got {target})")
        return 0.0
    if target is None or not 0 < target <= 1:
        raise InputError(f"target {rule} is {target}; it must be above 0 and at most 1, such as 0.9")
    return target


def count_at_or_above(values: Floats, thresholds: Floats) -> npt.NDArray[np.int64]:
    """Return how many of `values` (n,) are at or above each threshold, (t,)."""
    return len(values) - np.searchsorted(np.sort(values), thresholds, side="left")


def apply_threshold(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Confusion:
    """Count the studies by call and label; positive means probability >= threshold.

    Args:
        labels: 0 or 1, (n,).
        probabilities: in [0, 1], (n,).
        threshold: any number or infinity, at which nobody is positive.

    Raises:
        InputError: what `check_arrays` refuses; a threshold that is not a number.
    """
    classes, values = check_arrays(labels, probabilities, "studies to classify")
    if np.isnan(threshold):
        raise InputError("threshold is not a number (NaN); choose one first")
    called, positive = values >= threshold, classes == 1
    return Confusion(
        tp=int((called & positive).sum()),
        fp=int((called & ~positive).sum()),
        fn=int((~called & positive).sum()),
        tn=int((~called & ~positive).sum()),
    )


def describe(counts: Confusion, confidence: float = 0.95) -> dict[str, Estimate]:
    """Return sensitivity, specificity, PPV, NPV, accuracy and F1 with intervals, by name.

    The first five are proportions with Wilson intervals. F1 = 2 J / (1 + J) rises with the proportion
    J = tp / (tp + fp + fn), the F* of Hand, Christen & Kirielle (2021, Machine Learning 110:451-456). Among
    the studies that are not true negatives tp is binomial, so the Wilson interval of J, transformed, is that
    of F1. Lam, Gopal & Qian (2023, arXiv:2309.14621) compare it with others, as `Wilson indirect`.

    A measure whose denominator is 0, such as the PPV where nobody is called positive, is NaN. The intervals
    take studies as independent and the threshold as given: it must not come from the same studies.

    Raises:
        InputError: a count below 0; a level outside (0, 1).
    """
    tp, fp, fn, tn = counts.tp, counts.fp, counts.fn, counts.tn
    if min(tp, fp, fn, tn) < 0:
        raise InputError(f"confusion counts must not be below 0: {counts}")
    proportions = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "accuracy": (tp + tn, tp + fp + fn + tn),
    }
    measures = {name: wilson(count, of, confidence) for name, (count, of) in proportions.items()}
    jaccard = wilson(tp, tp + fp + fn, confidence)
    return {**measures, "f1": Estimate(*(2 * limit / (1 + limit) for limit in jaccard))}
