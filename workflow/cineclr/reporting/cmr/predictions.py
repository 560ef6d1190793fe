"""Prediction files of the second paper: read, and all models of a task joined by study."""

import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cineclr.config.cmr import DIAGNOSES, LVEF, Init, Mode
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.predictions_table import Joined, select_models
from cineclr.stats.regression import check_measurements

VALIDATION = "val"
INITS: tuple[str, ...] = typing.get_args(Init)
# Zero-shot predictions are of no training: their ratio is 0.
ZERO_SHOT = "zero_shot"
MODES: tuple[str, ...] = (*typing.get_args(Mode), ZERO_SHOT)
TASKS = (LVEF, *DIAGNOSES)
# What the contrastive encoder is compared with: Kinetics-400 (the paper), random where that was not run.
BASELINES: tuple[str, ...] = ("kinetics400", "random")

TEXTS = ("study", "patient", "test_set")
NUMBERS = ("label", "prediction")


class Cell(NamedTuple):
    """One model: what it was trained for, how, on which share of the studies, and from which weights."""

    task: str
    mode: str
    ratio: float
    init: str

    @property
    def setting(self) -> dict[str, str | float]:
        """Return the columns that tell a task's models apart."""
        return {"mode": self.mode, "ratio": self.ratio, "init": self.init}

    def __str__(self) -> str:
        """Return the model's name as messages print it."""
        return f"{self.init}/{self.mode}/{self.ratio:g}"


Predictions = dict[Cell, pd.DataFrame]


def find_cell(path: Path) -> Cell:
    """Return the model that a file `<task>/<init>/<mode>/<ratio>.csv` belongs to.

    Raises:
        InputError: naming the part of the path that is none of those known.
    """
    parts = path.parts[-4:]
    name = "/".join(parts)
    try:
        task, init, mode, ratio = *parts[:3], float(path.stem)
    except ValueError:
        raise InputError(f"{name}: must be <task>/<init>/<mode>/<ratio>.csv, a ratio such as 0.1") from None
    for role, value, known in (("task", task, TASKS), ("init", init, INITS), ("mode", mode, MODES)):
        if value not in known:
            raise InputError(f"{name}: {value} is no {role}; known are {', '.join(known)}")
    return Cell(task, mode, ratio, init)


def read_predictions(paths: list[Path]) -> Predictions:
    """Read prediction files, in the order of tables: by task, mode, ratio and init.

    Returns:
        frames as `predictions_table` has them: group (the test set), model, study, patient, labels, value,
        row.

    Raises:
        InputError: no files, a file that is missing or given twice, a column that is missing, no rows, cells
            that are empty or no numbers.
    """
    found: Predictions = {}
    for path in paths:
        cell = find_cell(path)
        if cell in found:
            raise InputError(f"predictions {cell.task}, {cell}: given twice")
        found[cell] = _read(path, cell)
    if not found:
        raise InputError("no predictions given: --predictions needs at least one file of predict-cmr")
    return {cell: found[cell] for cell in sorted(found, key=_rank)}


def _rank(cell: Cell) -> tuple[int, int, float, int]:
    return TASKS.index(cell.task), MODES.index(cell.mode), cell.ratio, INITS.index(cell.init)


def _read(path: Path, cell: Cell) -> pd.DataFrame:
    where = f"predictions {cell.task}, {cell}"
    require_file(path, where, "Run predict-cmr for this model first.")
    frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    if absent := [name for name in (*TEXTS, *NUMBERS) if name not in frame.columns]:
        raise InputError(f"{where}: no column {', '.join(absent)}; run predict-cmr again")
    if unnamed := int(frame[list(TEXTS)].isna().any(axis="columns").sum()):
        raise InputError(f"{where}: {unnamed} rows lack study, patient or test_set; run predict-cmr again")
    labels, (values,) = check_measurements(frame["label"], frame["prediction"], where)
    return pd.DataFrame(
        {
            "group": frame["test_set"],
            "model": str(cell),
            "study": frame["study"],
            "patient": frame["patient"],
            "labels": labels,
            "value": values,
            "row": np.arange(len(frame)),
        }
    )


def of_task(predictions: Predictions, task: str) -> Predictions:
    """Return the models of one task."""
    return {cell: frame for cell, frame in predictions.items() if cell.task == task}


def split_models(predictions: Predictions) -> list[Predictions]:
    """Return the models of each task and mode, which share their studies, in the order of tables."""
    keys = dict.fromkeys((cell.task, cell.mode) for cell in predictions)
    return [
        {cell: frame for cell, frame in predictions.items() if (cell.task, cell.mode) == key} for key in keys
    ]


def list_tasks(predictions: Predictions) -> list[str]:
    """Return the tasks that there are predictions of, in the order of tables."""
    return list(dict.fromkeys(cell.task for cell in predictions))


def list_test_sets(predictions: Predictions) -> list[str]:
    """Return the names of the test sets, sorted; raise InputError where there is none."""
    names = {str(name) for frame in predictions.values() for name in frame["group"].unique()} - {VALIDATION}
    if not names:
        raise InputError(f"predictions of {', '.join(list_tasks(predictions))}: no rows of a test set")
    return sorted(names)


def join_models(predictions: Predictions, test_set: str) -> Joined:
    """Return the predictions of one task's models on a test set (or `VALIDATION`), in the order given.

    Raises:
        InputError: what `select_models` refuses, such as models that were not evaluated on the same studies.
    """
    frame = pd.concat(predictions.values(), ignore_index=True)
    tasks = " and ".join(list_tasks(predictions))
    try:
        return select_models(frame, test_set, [str(cell) for cell in predictions])
    except InputError as error:
        raise InputError(f"predictions of {tasks}: {error}") from None


def find_baseline(cells: Iterable[Cell]) -> str:
    """Return the init that others are compared with; empty where none of `BASELINES` was run."""
    inits = {cell.init for cell in cells}
    return next((init for init in BASELINES if init in inits), "")


def find_other(cells: Sequence[Cell], model: int, baseline: str) -> int | None:
    """Return the position of the model that differs from this one only by the baseline's initial weights."""
    other = cells[model]._replace(init=baseline)
    return cells.index(other) if other != cells[model] and other in cells else None
