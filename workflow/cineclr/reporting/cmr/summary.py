"""The second paper's part of the summary on one screen: retrieval, LVEF, diagnoses."""

from pathlib import Path

import pandas as pd

from cineclr.reporting.names import CMR_INIT_NAMES, MODE_NAMES

WIDTH = 34


def describe_cmr(run: Path) -> list[str]:
    """Return the lines of a run's retrieval, LVEF errors and mean AUROCs; what is not there is left out."""
    lines = []
    if (path := run / "cmr/evaluation/retrieval.csv").is_file():
        lines += ["", *describe_retrieval(pd.read_csv(path))]
    if (path := run / "cmr/tables/lvef.csv").is_file():
        lines += ["", *describe_lvef(pd.read_csv(path))]
    if (path := run / "cmr/tables/diagnoses.csv").is_file():
        lines += ["", *describe_diagnoses(pd.read_csv(path))]
    return lines


def describe_retrieval(table: pd.DataFrame) -> list[str]:
    """Return how often a study's own report was found among others, beside chance, a line per cohort."""
    return [
        f"Own report among {row.pool}, {row.test_set}: first {row.top1:.0%} (chance {row.chance_top1:.0%}), "
        f"in the first five {row.top5:.0%} (chance {row.chance_top5:.0%}); {row.pairs} studies"
        for row in table.itertuples()
    ]


def describe_lvef(table: pd.DataFrame) -> list[str]:
    """Return the mean absolute error of each model at the largest ratio, a line per model."""
    rows = table[(table["metric"] == "mae") & (table["ratio"] == table["ratio"].max())]
    return ["Mean absolute error of LVEF in %", *_lines(rows)]


def describe_diagnoses(table: pd.DataFrame) -> list[str]:
    """Return the mean AUROC over diagnoses of each model, a line per model."""
    known = table.dropna(subset="value")
    rows = known.groupby(["mode", "ratio", "init", "test_set"])["value"].mean().reset_index()
    return [f"Mean AUROC of {known['task'].nunique()} diagnoses", *_lines(rows)]


def _lines(rows: pd.DataFrame) -> list[str]:
    """Return a line per model with a value of each test set, under their names."""
    rows = rows.dropna(subset="value")
    sets = list(dict.fromkeys(rows["test_set"]))
    lines = [" " * WIDTH + "".join(f"{name[:14]:<16}" for name in sets)]
    for (mode, init), own in rows.groupby(["mode", "init"], sort=False):
        values = own.drop_duplicates("test_set").set_index("test_set")["value"]
        init_name = CMR_INIT_NAMES.get(str(init), str(init).replace("train_mean", "Mean of training labels"))
        name = f"{init_name}, {MODE_NAMES[str(mode)].lower()}" if str(mode) in MODE_NAMES else init_name
        cells = [f"{values[one]:<16.3g}" if one in values else f"{'':<16}" for one in sets]
        lines.append((f"{name:<{WIDTH}}" + "".join(cells)).rstrip())
    return lines
