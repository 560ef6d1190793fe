"""The rows of prediction files by test set, all models joined by study."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cineclr.config import Evaluation, Task
from cineclr.errors import InputError
from cineclr.reporting.evaluate import INITS, TEST_SETS, VALIDATION, read_predictions
from cineclr.stats.checks import TestSet, join_by_study

Models = Mapping[tuple[str, float], pd.DataFrame]


def read_models(predictions: list[Path]) -> Models:
    """Read prediction files as `read_predictions` does, in the order of tables: by init, then by ratio."""
    frames = read_predictions(predictions)
    ordered = sorted((INITS.index(init), ratio) for init, ratio in frames)
    return {(INITS[init], ratio): frames[INITS[init], ratio] for init, ratio in ordered}


def join_test_set(task: Task, models: Models, test_set: str) -> TestSet:
    """Return the rows of one test set (or of `VALIDATION`), models in the order of `models`.

    Raises:
        InputError: what `join_by_study` refuses, such as models that were not evaluated on the same studies.
    """
    rows = {
        f"{init} at {ratio:g}": frame[frame["test_set"] == test_set]
        for (init, ratio), frame in models.items()
    }
    return join_by_study(rows, f"{task}, rows of test_set {test_set}")


def join_test_sets(task: Task, models: Models) -> dict[str, TestSet]:
    """Return the internal and the external test set, those that the files hold, by name.

    Raises:
        InputError: what `join_test_set` refuses; an unknown test set; neither of the two.
    """
    held = {str(name) for frame in models.values() for name in frame["test_set"].unique()}
    known = (VALIDATION, *TEST_SETS)
    if unknown := sorted(held - set(known)):
        raise InputError(f"predictions of {task}: test_set is {', '.join(unknown)}; known are {known}")
    if not held & set(TEST_SETS):
        raise InputError(f"predictions of {task}: no rows of a test set; give files of predict-echo")
    return {name: join_test_set(task, models, name) for name in TEST_SETS if name in held}


def note_independence(settings: Evaluation) -> list[str]:
    """Return the remark that belongs to intervals that ignore patients where the run resamples patients."""
    return ["intervals take studies as independent, not patients"] if settings.resample == "patient" else []
