"""Table S1: who the patients of each split are."""

from collections.abc import Callable, Iterable
from functools import partial

import pandas as pd

SPLITS = ("train", "val", "internal", "external")
SEVERITIES = ("none", "mild", "moderate", "severe")
DESCRIBED = {"split", "study", "patient", "videos", "year", "age", "sex", "as_severity", "lv_mass_index"}
LABELS = {"severe_as", "lvh"}
MEAN = "mean (SD)"

Row = dict[str, str]


def describe_cohort(splits: pd.DataFrame) -> pd.DataFrame:
    """Return characteristic, level and a text column per split: n, n (%), mean (SD) or the range of years.

    Percentages are of the studies whose value is known; a `missing` row gives n (%) of all studies, where any
    is missing. Further columns are means when numeric with more than two values, levels otherwise.
    """
    rows = [
        _row("studies", "n", splits, _count),
        _row("patients", "n", splits, _count_patients),
        _row("videos", "n", splits, _count_videos),
        _row("year", "range", splits, _range_years),
        *_describe_number("age (years)", splits, "age"),
        *_describe_levels("sex", splits, "sex", ["F", "M"]),
        *_describe_levels("aortic stenosis", splits, "as_severity", SEVERITIES),
        *_describe_flag("severe aortic stenosis", splits, "severe_as"),
        *_describe_flag("left ventricular hypertrophy", splits, "lvh"),
        *_describe_number("LV mass index (g/m2)", splits, "lv_mass_index"),
    ]
    for column in [name for name in splits.columns if name not in DESCRIBED | LABELS]:
        values = splits[column].dropna()
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
            rows += _describe_number(column, splits, column)
        else:
            rows += _describe_levels(column, splits, column, sorted(values.unique()))
    return pd.DataFrame(rows, columns=["characteristic", "level", *SPLITS])


def _row(name: str, level: str, splits: pd.DataFrame, describe: Callable[[pd.DataFrame], str]) -> Row:
    cells = {split: describe(splits[splits["split"] == split]) for split in SPLITS}
    return {"characteristic": name, "level": level, **cells}


def _count(part: pd.DataFrame) -> str:
    return str(len(part))


def _count_patients(part: pd.DataFrame) -> str:
    return str(part["patient"].nunique())


def _count_videos(part: pd.DataFrame) -> str:
    return str(int(part["videos"].sum()))


def _range_years(part: pd.DataFrame) -> str:
    return f"{part['year'].min()}-{part['year'].max()}" if len(part) else ""


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f}%)" if total else "0"


def _describe_number(name: str, splits: pd.DataFrame, column: str) -> list[Row]:
    def describe(part: pd.DataFrame) -> str:
        values = part[column].dropna()
        return f"{values.mean():.1f} ({values.std():.1f})" if len(values) > 1 else ""

    return [_row(name, MEAN, splits, describe), *_describe_missing(name, splits, column)]


def _describe_levels(name: str, splits: pd.DataFrame, column: str, levels: Iterable[object]) -> list[Row]:
    rows = []
    for level in levels:
        text = f"{level:g}" if isinstance(level, float) else str(level)
        rows.append(_row(name, text, splits, partial(_share_of_level, column=column, level=level)))
    return rows + _describe_missing(name, splits, column)


def _share_of_level(part: pd.DataFrame, column: str, level: object) -> str:
    return _share(int((part[column] == level).sum()), int(part[column].notna().sum()))


def _describe_flag(name: str, splits: pd.DataFrame, column: str) -> list[Row]:
    row = _row(name, "n (%)", splits, partial(_share_of_level, column=column, level=1))
    return [row, *_describe_missing(name, splits, column)]


def _describe_missing(name: str, splits: pd.DataFrame, column: str) -> list[Row]:
    def describe(part: pd.DataFrame) -> str:
        return _share(int(part[column].isna().sum()), len(part))

    return [_row(name, "missing", splits, describe)] if splits[column].isna().any() else []
