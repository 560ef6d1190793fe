"""Many tests in one table: adjusted p values; and where a class is too small for a normal interval."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.stats.multitest import multipletests

from cineclr.errors import InputError

# With fewer studies of either class, a normal (Wald) interval of an AUROC is not to be trusted.
FEWEST_FOR_NORMAL = 30


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return adjusted p values (n,) that bound the chance of any false finding.

    Holm (1979, Scand J Stat 6:65).

    Args:
        p_values: (n,); NaN where there was no test: it stays NaN and does not count in the family.

    Raises:
        InputError: values outside [0, 1].
    """
    return _adjust(p_values, "holm")


def benjamini_hochberg(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return adjusted p values (n,) that bound the share of false ones among the findings.

    Benjamini & Hochberg (1995, J R Stat Soc B 57:289).

    Args:
        p_values: (n,); NaN where there was no test: it stays NaN and does not count in the family.

    Raises:
        InputError: values outside [0, 1].
    """
    return _adjust(p_values, "fdr_bh")


def adjust_families(table: pd.DataFrame, families: list[str]) -> pd.DataFrame:
    """Return the table with p_holm and p_bh beside p_value; rows alike in `families` are one family."""
    grouped = table.groupby(families, sort=False, dropna=False)["p_value"]
    return table.assign(p_holm=grouped.transform(holm), p_bh=grouped.transform(benjamini_hochberg))


def _adjust(p_values: npt.ArrayLike, method: str) -> npt.NDArray[np.float64]:
    values = np.asarray(p_values, dtype=np.float64)
    tested = ~np.isnan(values)
    if wrong := int(((values < 0) | (values > 1)).sum()):
        raise InputError(f"adjustment of p values: {wrong} of {values.size} lie outside [0, 1]")
    adjusted = np.full(values.shape, np.nan)
    if tested.any():
        adjusted[tested] = multipletests(values[tested], method=method)[1]
    return adjusted


def few_for_normal(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return where the rarer class has fewer than FEWEST_FOR_NORMAL members; shapes as given."""
    return np.asarray(np.minimum(positives, negatives) < FEWEST_FOR_NORMAL)
