"""Table S1: who the patients of each split are."""

from functools import partial

import pandas as pd

from cineclr.reporting.characteristics import (
    describe_further,
    describe_levels,
    describe_number,
    describe_size,
)

SPLITS = ("train", "val", "internal", "external")
SEVERITIES = ("none", "mild", "moderate", "severe")
DESCRIBED = {"split", "study", "patient", "videos", "year", "age", "sex", "as_severity", "lv_mass_index"}
LABELS = {"severe_as", "lvh"}


def describe_cohort(splits: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return characteristic, level and a text column per split: n, n (%), mean (SD) or the range of years.

    A split without studies has no column: a cohort of tests only has one.

    Percentages are of the studies whose value is known; a `missing` row gives n (%) of all studies, where any
    is missing. Further columns are means when numeric with more than two values, levels otherwise. Cells of
    fewer than `min_cell` people, and what would give them away, are withheld (`reporting.suppress`).
    """
    groups = {split: splits[splits["split"] == split] for split in SPLITS if split in set(splits["split"])}
    levels = partial(describe_levels, groups, min_cell=min_cell)
    number = partial(describe_number, groups, min_cell=min_cell)
    stenosis = levels("aortic stenosis", "as_severity", SEVERITIES)
    rows = [
        *describe_size(groups, min_cell),
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
        rows += describe_further(groups, column, min_cell)
    return pd.DataFrame(rows, columns=["characteristic", "level", *groups])
