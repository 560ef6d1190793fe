"""Who the people of each group are: n, n (%), mean (SD) and ranges, without small counts of people.

The rows that tables of characteristics are made of. A group is a split, or a cohort's part of one; groups are
protected one by one (`reporting.suppress`), so no column of totals may stand beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd

from cineclr.reporting.suppress import WITHHELD, is_small, show_count, withhold

MEAN = "mean (SD)"

Row = dict[str, str]
Groups = Mapping[str, pd.DataFrame]
Describe = Callable[[pd.DataFrame], list[str]]


def describe_size(groups: Groups, min_cell: int) -> list[Row]:
    """Return how many studies, patients and videos each group has, and from which years."""
    return [
        *_rows("studies", ["n"], groups, partial(_count_people, column="study", min_cell=min_cell)),
        *_rows("patients", ["n"], groups, partial(_count_people, column="patient", min_cell=min_cell)),
        *_rows("videos", ["n"], groups, _count_videos),
        *_rows("year", ["range"], groups, partial(_range_years, min_cell=min_cell)),
    ]


def describe_number(groups: Groups, name: str, column: str, min_cell: int) -> list[Row]:
    """Return a row of means and, where a value is missing in any group, one for `missing`."""

    def mean(part: pd.DataFrame) -> list[str]:
        values = part[column].dropna()
        text = f"{values.mean():.1f} ({values.std():.1f})" if len(values) > 1 else ""
        return [WITHHELD if is_small(len(values), min_cell) else text]

    return [
        *_rows(name, [MEAN], groups, mean),
        *describe_levels(groups, name, column, [], min_cell),
    ]


def describe_levels(
    groups: Groups,
    name: str,
    column: str,
    levels: Sequence[object],
    min_cell: int,
    names: Sequence[str] | None = None,
) -> list[Row]:
    """Return a row per level and, where a value is missing in any group, one for `missing`.

    Percentages are of the studies whose value is known; those of `missing` of all studies.
    """
    shown = [f"{level:g}" if isinstance(level, float) else str(level) for level in levels]
    missing = any(part[column].isna().any() for part in groups.values())
    shown = [*(names or shown), *(["missing"] if missing else [])]

    def count(part: pd.DataFrame) -> list[str]:
        values = part[column]
        counts = [int((values == level).sum()) for level in levels]
        return _show_shares(counts, int(values.isna().sum()), len(part), min_cell)

    return _rows(name, shown, groups, count)


def describe_further(groups: Groups, column: str, min_cell: int) -> list[Row]:
    """Return rows of a column of any kind: means when numeric with more than two values, else levels."""
    values = pd.concat([part[column] for part in groups.values()]).dropna()
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
        return describe_number(groups, column, column, min_cell)
    return describe_levels(groups, column, column, sorted(values.unique()), min_cell)


def _rows(name: str, levels: Sequence[str], groups: Groups, describe: Describe) -> list[Row]:
    """Return a row per level; `describe` gives the cells of one group's studies, a text per level."""
    cells = {group: describe(part) for group, part in groups.items()}
    return [
        {"characteristic": name, "level": level, **{group: texts[row] for group, texts in cells.items()}}
        for row, level in enumerate(levels)
    ]


def _count_people(part: pd.DataFrame, column: str, min_cell: int) -> list[str]:
    return [show_count(part[column].nunique(), min_cell)]


def _count_videos(part: pd.DataFrame) -> list[str]:
    return [str(int(part["videos"].sum()))]


def _range_years(part: pd.DataFrame, min_cell: int) -> list[str]:
    text = f"{part['year'].min()}-{part['year'].max()}" if len(part) else ""
    return [WITHHELD if is_small(len(part), min_cell) else text]


def _show_shares(counts: list[int], missing: int, studies: int, min_cell: int) -> list[str]:
    """Return n (%) of each level, then of the missing; studies of no level listed are told by the rest.

    `missing` goes last of all, for other characteristics may be missing in the same studies. A percentage
    tells its denominator: where `missing` is withheld, counts stand alone.
    """
    known, levels = studies - missing, len(counts)
    cells = [*counts, missing, known - sum(counts)]
    hidden = withhold(cells, min_cell, unshown={levels + 1}, last={levels})
    texts = [_share(count, known, percent=levels not in hidden or not missing) for count in counts]
    texts.append(_share(missing, studies))
    return [WITHHELD if row in hidden else text for row, text in enumerate(texts)]


def _share(count: int, total: int, percent: bool = True) -> str:
    if not total:
        return "0"
    return f"{count} ({100 * count / total:.1f}%)" if percent else str(count)
