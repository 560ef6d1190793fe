"""Table S1: who the patients of each split are."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from cineclr.reporting.suppress import WITHHELD, is_small, show_count, withhold

SPLITS = ("train", "val", "internal", "external")
SEVERITIES = ("none", "mild", "moderate", "severe")
DESCRIBED = {"split", "study", "patient", "videos", "year", "age", "sex", "as_severity", "lv_mass_index"}
LABELS = {"severe_as", "lvh"}
MEAN = "mean (SD)"

Row = dict[str, str]
Describe = Callable[[pd.DataFrame], list[str]]


def describe_cohort(splits: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return characteristic, level and a text column per split: n, n (%), mean (SD) or the range of years.

    Percentages are of the studies whose value is known; a `missing` row gives n (%) of all studies, where any
    is missing. Further columns are means when numeric with more than two values, levels otherwise. Cells of
    fewer than `min_cell` people, and what would give them away, are withheld (`reporting.suppress`).
    """
    levels = partial(_describe_levels, splits, min_cell=min_cell)
    number = partial(_describe_number, splits, min_cell=min_cell)
    stenosis = levels("aortic stenosis", "as_severity", SEVERITIES)
    rows = [
        *_describe_size(splits, min_cell),
        *number("age (years)", "age"),
        *levels("sex", "sex", ["F", "M"]),
        *stenosis,
        # The same count as the level: shown or withheld with it.
        {
            **stenosis[SEVERITIES.index("severe")],
            "characteristic": "severe aortic stenosis",
            "level": "n (%)",
        },
        *levels("left ventricular hypertrophy", "lvh", [1], names=["n (%)"]),
        *number("LV mass index (g/m2)", "lv_mass_index"),
    ]
    for column in [name for name in splits.columns if name not in DESCRIBED | LABELS]:
        values = splits[column].dropna()
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
            rows += number(column, column)
        else:
            rows += levels(column, column, sorted(values.unique()))
    return pd.DataFrame(rows, columns=["characteristic", "level", *SPLITS])


def _rows(name: str, levels: Sequence[str], splits: pd.DataFrame, describe: Describe) -> list[Row]:
    """Return a row per level; `describe` gives the cells of one split's studies, a text per level."""
    cells = {split: describe(splits[splits["split"] == split]) for split in SPLITS}
    return [
        {"characteristic": name, "level": level, **{split: cells[split][row] for split in SPLITS}}
        for row, level in enumerate(levels)
    ]


def _describe_size(splits: pd.DataFrame, min_cell: int) -> list[Row]:
    return [
        *_rows("studies", ["n"], splits, partial(_count_people, column="study", min_cell=min_cell)),
        *_rows("patients", ["n"], splits, partial(_count_people, column="patient", min_cell=min_cell)),
        *_rows("videos", ["n"], splits, _count_videos),
        *_rows("year", ["range"], splits, partial(_range_years, min_cell=min_cell)),
    ]


def _count_people(part: pd.DataFrame, column: str, min_cell: int) -> list[str]:
    return [show_count(part[column].nunique(), min_cell)]


def _count_videos(part: pd.DataFrame) -> list[str]:
    return [str(int(part["videos"].sum()))]


def _range_years(part: pd.DataFrame, min_cell: int) -> list[str]:
    text = f"{part['year'].min()}-{part['year'].max()}" if len(part) else ""
    return [WITHHELD if is_small(len(part), min_cell) else text]


def _describe_number(splits: pd.DataFrame, name: str, column: str, min_cell: int) -> list[Row]:
    def mean(part: pd.DataFrame) -> list[str]:
        values = part[column].dropna()
        text = f"{values.mean():.1f} ({values.std():.1f})" if len(values) > 1 else ""
        return [WITHHELD if is_small(len(values), min_cell) else text]

    return [
        *_rows(name, [MEAN], splits, mean),
        *_describe_levels(splits, name, column, [], min_cell),
    ]


def _describe_levels(
    splits: pd.DataFrame,
    name: str,
    column: str,
    levels: Sequence[object],
    min_cell: int,
    names: Sequence[str] | None = None,
) -> list[Row]:
    """Return a row per level and, where a value is missing in any split, one for `missing`."""
    shown = [f"{level:g}" if isinstance(level, float) else str(level) for level in levels]
    shown = [*(names or shown), *(["missing"] if splits[column].isna().any() else [])]

    def count(part: pd.DataFrame) -> list[str]:
        values = part[column]
        counts = [int((values == level).sum()) for level in levels]
        return _show_shares(counts, int(values.isna().sum()), len(part), min_cell)

    return _rows(name, shown, splits, count)


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
