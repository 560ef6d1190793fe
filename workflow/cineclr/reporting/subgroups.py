"""AUROCs of one task within subgroups of the test sets, and whether they differ between subgroups."""

import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.config.echo import Evaluation, Task
from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.reporting.names import TEST_SETS
from cineclr.reporting.predictions import read_predictions
from cineclr.stats.delong import delong, normal_interval
from cineclr.stats.subgroups import interaction_test

log = logging.getLogger(__name__)

AGE_BAND, MISSING = "age_band", "missing"
LEAST = 2  # studies of each class for a variance
COLUMNS = [
    *("init", "ratio", "test_set", "variable", "level", "n", "n_positive"),
    *("auroc", "ci_low", "ci_high", "p_interaction"),
]
NOT_SUBGROUPS = {"study", "patient", "split"}
MOST = 30  # different numbers; more of them are a measurement, not a division


def evaluate_subgroups(
    task: Task, predictions: list[Path], splits: Path, settings: Evaluation, output: Path
) -> None:
    """Write the AUROC of every model given within each level of each of `settings.subgroups`.

    Intervals are normal with DeLong's variance, by patient where `settings.resample` says so. The same for
    all levels of a variable, `p_interaction` tests whether its AUROCs are equal (`interaction_test`); it is
    unadjusted for the number of tests. A level with fewer than two studies of either class has counts and no
    AUROC; studies whose value is missing are the level `missing`; neither is in the test. The workflow gives
    the models of the largest ratio only: those that would be used, and one table of a readable length.

    Args:
        task: what was predicted.
        predictions: files `<init>/<ratio>.csv`.
        splits: `splits.csv`, whose columns the subgroups are.
        settings: subgroups, age_bands, confidence and resample are read.
        output: the table, CSV with Parquet beside it.

    Raises:
        InputError: a subgroup that is no column of splits; predicted studies that are not in splits.
    """
    cohort = read_splits(splits)
    levels = divide_studies(cohort, settings)
    patients = cohort.set_index("study")["patient"] if settings.resample == "patient" else None
    rows: list[dict[str, Any]] = []
    for (init, ratio), frame in read_predictions(predictions).items():
        if lost := len(set(frame["study"]) - set(levels.index)):
            raise InputError(
                f"predictions {init}/{ratio:g}.csv: {lost} studies are not in splits; both must be of one run"
            )
        for test_set in [name for name in TEST_SETS if name in set(frame["test_set"])]:
            part = frame[frame["test_set"] == test_set]
            for variable in settings.subgroups:
                found = describe_levels(part, levels[variable], patients, settings.confidence)
                rows += [
                    {"init": init, "ratio": ratio, "test_set": test_set, "variable": variable, **row}
                    for row in found
                ]
    write_table(pd.DataFrame(rows, columns=COLUMNS), output)
    log.info("%s: wrote %d rows to %s", task, len(rows), output.name)


def read_splits(path: Path) -> pd.DataFrame:
    """Read `splits.csv`; raise InputError where it is missing."""
    require_file(path, "splits", "Run build-cohort first.")
    return pd.read_csv(path, dtype={"study": str, "patient": str})


def divide_studies(splits: pd.DataFrame, settings: Evaluation) -> pd.DataFrame:
    """Return an ordered column of levels per subgroup variable, the last of each `missing`; by study.

    Raises InputError where a variable of `settings.subgroups` is not there, listing what is, or is a
    measurement.
    """
    there = [AGE_BAND, *(name for name in splits.columns if name not in NOT_SUBGROUPS)]
    if unknown := [name for name in settings.subgroups if name not in there]:
        raise InputError(
            f"echo.evaluation.subgroups: there is no {', '.join(unknown)} to divide by; "
            f"there are {', '.join(there)}"
        )
    divided = {}
    for name in settings.subgroups:
        values = band_ages(splits["age"], settings.age_bands) if name == AGE_BAND else splits[name]
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST:
            raise InputError(
                f"echo.evaluation.subgroups: {name} has {values.nunique()} different numbers; divide it into "
                f"a few levels in the sheet{f' (or use {AGE_BAND})' if name == 'age' else ''}"
            )
        divided[name] = _as_levels(values)
    return pd.DataFrame(divided).set_index(splits["study"])


def band_ages(ages: pd.Series, limits: list[int]) -> pd.Series:
    """Return ordered bands of ages in years: below the first limit, between limits, from the last on."""
    between = [f"{low}-{high - 1}" for low, high in pairwise(limits)]
    labels = [f"<{limits[0]}", *between, f">={limits[-1]}"]
    return pd.cut(ages, [-np.inf, *limits, np.inf], right=False, labels=labels)


def _as_levels(values: pd.Series) -> pd.Series:
    """Return values as an ordered category of texts; numbers sort as numbers, `missing` comes last."""
    known = values.cat.categories if values.dtype == "category" else sorted(values.dropna().unique())
    texts = {value: f"{value:g}" if isinstance(value, float) else str(value) for value in known}
    found = values.astype(object).map(texts).fillna(MISSING)
    order = [*(text for text in texts.values() if text != MISSING), MISSING]
    return pd.Series(pd.Categorical(found, order, ordered=True), index=values.index)


def describe_levels(
    part: pd.DataFrame, levels: pd.Series, patients: pd.Series | None, confidence: float
) -> list[dict[str, Any]]:
    """Return a row per level of one variable in one test set, in their order.

    `part` has study, label and probability; `levels`, and `patients` where they are clusters, are by study.
    """
    rows, tested = [], []
    for level, group in part.groupby(levels.loc[part["study"]].array, observed=True):
        positive = int(group["label"].sum())
        row = {"level": level, "n": len(group), "n_positive": positive}
        if LEAST <= positive <= len(group) - LEAST:
            clusters = None if patients is None else patients.loc[group["study"]]
            result = delong(group["label"], group["probability"], clusters)
            auroc, variance = result.aurocs[0], result.variances[0]
            low, high = normal_interval(auroc, variance, confidence)
            row |= {"auroc": auroc, "ci_low": float(low), "ci_high": float(high)}
            if level != MISSING and np.isfinite(variance):
                tested.append((auroc, variance))
        rows.append(row)
    p_interaction = interaction_test(*zip(*tested, strict=True)).p if tested else np.nan
    return [{**row, "p_interaction": p_interaction} for row in rows]
