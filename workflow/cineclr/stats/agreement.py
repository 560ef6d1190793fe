"""Agreement of two annotators, or of an annotator and a machine, label by label."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from statsmodels.stats.inter_rater import cohens_kappa

from cineclr.errors import InputError
from cineclr.stats.proportion import NAN, UNKNOWN, Estimate

LONG = ["study", "label", "value"]


def kappa(table: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return Cohen's kappa with its large-sample interval, cut to [-1, 1].

    Cohen (1960, Educ Psychol Meas 20:37); variance of Fleiss, Cohen & Everitt (1969, Psychol Bull 72:323).

    Args:
        table: studies by answer of the first (rows) and the second annotator (columns), (k, k).
        confidence: level of the interval.

    Returns:
        NaN throughout without studies, or if both gave one and the same answer throughout: agreement by
        chance is then complete. The interval is NaN where the variance is 0, which says nothing about
        precision: full agreement, or an annotator who gave one answer only.
    """
    counts = np.asarray(table, dtype=np.float64)
    total = counts.sum()
    if not total or np.diag(counts).max() == total:
        return UNKNOWN
    with np.errstate(invalid="ignore", divide="ignore"):  # of statsmodels' test, which is not used
        found = cohens_kappa(counts)
    value = float(found.kappa)
    one_answer = (counts.sum(axis=0) == total).any() or (counts.sum(axis=1) == total).any()
    if one_answer or np.trace(counts) == total:
        return Estimate(value, NAN, NAN)
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(found.var_kappa)
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))


def agreement(first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = 0.95) -> dict[str, Any]:
    """Return how two annotators agree on one label.

    Args:
        first, second: 0, 1 or NaN (not annotated), (n,) each, of the same studies in the same order.
        confidence: level of the interval of kappa.

    Returns:
        studies = n + only_first + only_second + neither, counted by who annotated them: n by both. Of these:
        kappa, ci_low, ci_high; positive_f1, the F1 of the positives, the same whoever is the reference (NaN
        without positives); agreement, the share of equal answers; prevalence_first, prevalence_second. All
        NaN if n is 0.

    Raises:
        InputError: 0 rows, lengths that differ, values that are neither 0, 1 nor missing.
    """
    one, other = _answers(first, "first"), _answers(second, "second")
    if one.shape != other.shape or not one.size:
        raise InputError(f"agreement: annotators have {one.size} and {other.size} rows; give both the same")
    has_one, has_other = ~np.isnan(one), ~np.isnan(other)
    both = has_one & has_other
    a, b = one[both].astype(int), other[both].astype(int)
    n = len(a)
    estimate = kappa(np.bincount(2 * a + b, minlength=4).reshape(2, 2), confidence)
    return {
        "studies": one.size,
        "n": n,
        "only_first": int((has_one & ~has_other).sum()),
        "only_second": int((has_other & ~has_one).sum()),
        "neither": int((~has_one & ~has_other).sum()),
        "kappa": estimate.value,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "positive_f1": _share(2 * int((a & b).sum()), int(a.sum() + b.sum())),
        "agreement": _share(int((a == b).sum()), n),
        "prevalence_first": _share(int(a.sum()), n),
        "prevalence_second": _share(int(b.sum()), n),
    }


def _share(count: int, of: int) -> float:
    return count / of if of else NAN


def _answers(values: npt.ArrayLike, annotator: str) -> npt.NDArray[np.float64]:
    try:
        answers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"agreement: the {annotator} annotator's answers are not numbers") from None
    if wrong := int((~np.isnan(answers) & ~np.isin(answers, (0, 1))).sum()):
        raise InputError(
            f"agreement: {wrong} answers of the {annotator} annotator are neither 0, 1 nor empty (NaN)"
        )
    return answers


def tabulate_agreement(first: pd.DataFrame, second: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return a row per label: `label` and what `agreement` returns; studies are joined by name.

    Args:
        first, second: an annotator each. Wide: `study` and a column per label, 0, 1 or NaN. Or long: exactly
            the columns study, label, value. A study that one of them lacks counts as not annotated by them.
        confidence: level of the intervals of kappa.

    Raises:
        InputError: no column `study`, studies or (long) answers given twice or without a name, labels that
            only one annotator has, and what `agreement` refuses, naming the label.
    """
    one, other = _wide(first, "first"), _wide(second, "second")
    if apart := sorted(set(one.columns) ^ set(other.columns)):
        raise InputError(
            f"agreement: only one annotator has {', '.join(apart)}; give both the same labels, "
            "empty where nothing was annotated"
        )
    studies = one.index.union(other.index)
    one, other = one.reindex(studies), other.reindex(studies)
    rows = []
    for label in one.columns:
        try:
            rows.append({"label": label, **agreement(one[label], other[label], confidence)})
        except InputError as error:
            raise InputError(f"{label}: {error}") from None
    return pd.DataFrame(rows)


def _wide(frame: pd.DataFrame, annotator: str) -> pd.DataFrame:
    """Return a row per study (text) and a column per label."""
    where = f"agreement: the {annotator} annotator"
    if "study" not in frame.columns:
        raise InputError(f"{where} has no column study; columns are {list(frame.columns)}")
    keys = ["study", "label"] if set(frame.columns) == set(LONG) else ["study"]
    if unnamed := int(frame[keys].isna().any(axis=1).sum()):
        raise InputError(f"{where} has {unnamed} rows without {' or '.join(keys)}")
    named = frame.astype(dict.fromkeys(keys, str))
    repeated = named[named.duplicated(keys)]
    if len(repeated):
        raise InputError(
            f"{where} has {len(repeated)} rows that repeat a {' and '.join(keys)}, "
            f"the first is study {repeated['study'].iloc[0]}; give one"
        )
    if len(keys) == 1:
        return named.set_index("study")
    return named.pivot(index="study", columns="label", values="value")
