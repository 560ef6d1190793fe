"""DeLong's variance of AUROCs, intervals and tests; Obuchowski's version for patients with several studies.

An AUROC is a mean of placements: of a positive, the share of negatives it outscores (ties counting half);
of a negative, the share of positives that outscore it. Their spread gives the covariance of the AUROCs of
several models on the same studies (DeLong et al. 1988, Biometrics 44:837). Placements are read off sorted
scores, in O(n log n) (the idea of Sun & Xu 2014, IEEE Signal Process Lett 21:1389).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr

from cineclr.stats.checks import check_clusters, check_scores

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DeLong:
    """AUROCs of m models on the same n studies and the covariance of these estimates.

    Attributes:
        aurocs: (m,).
        covariance: (m, m); NaN where either class is a single study (or in one cluster only).
        size: studies, n.
    """

    aurocs: Floats
    covariance: Floats
    size: int

    @property
    def variances(self) -> Floats:
        """Return the variance of each AUROC, (m,)."""
        return np.diagonal(self.covariance)


def delong(labels: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> DeLong:
    """Return the AUROCs of m models and their covariance.

    Args:
        labels: 0 or 1, (n,).
        scores: finite numbers of any scale, higher meaning positive, (m, n) or (n,); the direction is fixed.
        clusters: whom each study belongs to, (n,), such as its patient: studies of one cluster may be
            correlated (Obuchowski 1997, Biometrics 53:567). A cluster per study gives DeLong's covariance.

    Raises:
        InputError: what `check_scores` refuses, for any model; not one cluster per study.
    """
    matrix = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    checked = [check_scores(labels, row, f"model {number}") for number, row in enumerate(matrix, start=1)]
    classes = checked[0][0]
    positive = classes == 1
    wins, losses = map(np.array, zip(*(_count(row[positive], row[~positive]) for row in matrix), strict=True))
    (p, n), total = (wins.shape[1], losses.shape[1]), wins.sum(axis=1, keepdims=True)
    groups = np.arange(len(classes))
    if clusters is not None:
        check_clusters(clusters, len(classes))
        groups = np.unique(clusters, return_inverse=True)[1]
    covariance = _covariance(
        # Counts are exact and divided last, so a variance that ought to be 0 is 0 and not almost.
        (p * wins - total) / (p * n),
        (n * losses - total) / (p * n),
        groups[positive],
        groups[~positive],
    )
    return DeLong(aurocs=total[:, 0] / (p * n), covariance=covariance, size=len(classes))


def _count(positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Return the negatives below each positive, (P,), and the positives above each negative, (N,).

    These are the placements times N and times P.
    """
    wins = _midrank(np.sort(negatives), positives)
    losses = len(positives) - _midrank(np.sort(positives), negatives)
    return wins, losses


def _midrank(ordered: Floats, values: Floats) -> Floats:
    """Return how many of `ordered` lie below each value, those equal to it counting half."""
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _covariance(
    positives: Floats, negatives: Floats, positive_groups: npt.NDArray, negative_groups: npt.NDArray
) -> Floats:
    """Sum the deviations of placements (m, P), (m, N) by cluster and return their covariance (m, m)."""
    many = 1 + max(positive_groups.max(), negative_groups.max())
    (m, p), n = positives.shape, negatives.shape[1]
    if min(len(np.unique(positive_groups)), len(np.unique(negative_groups))) < 2:
        return np.full((m, m), np.nan)
    left = _sum_by_group(positives / p, positive_groups, many)
    right = _sum_by_group(negatives / n, negative_groups, many)
    between = _products(left, right) * _correct(many)
    return (
        _products(left, left) * _correct(len(np.unique(positive_groups)))
        + _products(right, right) * _correct(len(np.unique(negative_groups)))
        + between
        + between.T
    )


def _correct(clusters: int) -> float:
    """Return the factor that makes a sum of squares over clusters an unbiased variance."""
    return clusters / (clusters - 1)


def _sum_by_group(values: Floats, groups: npt.NDArray, many: int) -> Floats:
    return np.stack([np.bincount(groups, row, many) for row in values])


def _products(left: Floats, right: Floats) -> Floats:
    # Not BLAS: equal rows must give equal sums to the last bit, so that a model equals itself exactly.
    return np.array([[float((one * other).sum()) for other in right] for one in left])


def normal_interval(
    value: npt.ArrayLike, variance: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the normal (Wald) interval of AUROCs, cut at 0 and 1, as pROC's `ci.auc` does.

    `value` and `variance` have one shape, that of either end. NaN where the variance is. Where few studies
    are positive, or the AUROC is near 1, it covers less often than it says (`multiple.few_for_normal`);
    `logit_interval` holds better there.
    """
    half = ndtri((1 + confidence) / 2) * np.sqrt(variance)
    return np.clip(value - half, 0, 1), np.clip(value + half, 0, 1)


def logit_interval(
    value: npt.ArrayLike, variance: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the interval that is normal on the logit scale (Pepe 2003, The Statistical Evaluation, 5.2.4).

    Shapes as in `normal_interval`. It stays inside (0, 1) without being cut. NaN where the variance is, and
    at AUROCs of 0 and 1.
    """
    auroc = np.asarray(value, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logit = np.log(auroc / (1 - auroc))
        half = ndtri((1 + confidence) / 2) * np.sqrt(variance) / (auroc * (1 - auroc))
        return 1 / (1 + np.exp(half - logit)), 1 / (1 + np.exp(-half - logit))


def paired_test(result: DeLong, first: int = 0, second: int = 1) -> tuple[float, float]:
    """Compare two models on the same studies (DeLong et al. 1988); return z and the two-sided p.

    Models without any difference have z = 0 and p = 1, as in pROC; NaN where the covariance is.
    """
    difference, variance = _difference(result, first, second)
    z = _ratio(difference, variance) if difference or variance else 0.0
    return z, float(2 * ndtr(-abs(z)))


def paired_difference(
    result: DeLong, first: int = 0, second: int = 1, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two AUROCs on the same studies, first - second, and its normal interval.

    The limits are NaN where the covariance is.
    """
    difference, variance = _difference(result, first, second)
    half = float(ndtri((1 + confidence) / 2) * np.sqrt(np.maximum(variance, 0)))  # NaN stays NaN
    return difference, difference - half, difference + half


def _difference(result: DeLong, first: int, second: int) -> tuple[float, float]:
    """Return the difference of two AUROCs on the same studies and its variance."""
    covariance = result.covariance
    variance = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    return float(result.aurocs[first] - result.aurocs[second]), float(variance)


def unpaired_test(one: DeLong, other: DeLong) -> tuple[float, float, float]:
    """Compare two models on different studies; return t, its degrees of freedom and the two-sided p.

    Student's t with Satterthwaite's degrees of freedom, as in pROC; takes the first model of each. NaN where
    a variance is, and where both are 0.
    """
    variances = np.array([one.covariance[0, 0], other.covariance[0, 0]])
    sizes = np.array([one.size, other.size])
    t = _ratio(float(one.aurocs[0] - other.aurocs[0]), variances.sum())
    with np.errstate(invalid="ignore"):
        freedom = float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())
    return t, freedom, float(2 * stdtr(freedom, -abs(t)))


def _ratio(difference: float, variance: float) -> float:
    """Return difference / standard deviation; a variance that rounding made negative is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(difference) / np.sqrt(np.maximum(variance, 0)))
