"""Prediction files of the workflow: read, their rows by test set, all models joined by study."""

import typing
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cineclr.config.echo import Evaluation, Init, Task
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.names import TEST_SETS
from cineclr.stats.checks import TestSet, join_by_study

INITS: tuple[Init, ...] = typing.get_args(Init)
VALIDATION = "val"

Models = Mapping[tuple[str, float], pd.DataFrame]


def read_predictions(paths: list[Path]) -> dict[tuple[str, float], pd.DataFrame]:
    """Read prediction files, keyed by the init and ratio of their names `<init>/<ratio>.csv`."""
    frames: dict[tuple[str, float], pd.DataFrame] = {}
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        require_file(path, f"predictions {name}", "Run predict-echo for this model first.")
        try:
            key = (path.parent.name, float(path.stem))
        except ValueError:
            raise InputError(f"predictions {name}: the file name must be a ratio, such as 0.1.csv") from None
        if key[0] not in INITS:
            raise InputError(f"predictions {name}: the folder must be an init, one of {', '.join(INITS)}")
        if key in frames:
            raise InputError(f"predictions {name}: given twice")
        frame = pd.read_csv(path, dtype={"study": str})
        if "test_set" not in frame.columns:
            raise InputError(f"predictions {name}: no column test_set")
        if not len(frame):
            raise InputError(f"predictions {name}: no studies (0 rows)")
        frames[key] = frame
    if not frames:
        raise InputError("no predictions given: --predictions needs at least one <init>/<ratio>.csv")
    return frames


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
    return join_by_study(rows, f"{task}, {test_set} rows")


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


def read_patients(splits: Path) -> pd.Series:
    """Return study -> patient, both as pseudonyms."""
    require_file(splits, "splits", "Run build-cohort first.")
    return pd.read_csv(splits, dtype=str).set_index("study")["patient"]


def find_patients(studies: list[str], patients: pd.Series) -> list[str]:
    """Return the patient of each study; raise InputError for a study that is not in the splits."""
    if unknown := [study for study in studies if study not in patients.index]:
        raise InputError(f"splits: {len(unknown)} evaluated studies are not in it, such as {unknown[0]}")
    return patients[studies].tolist()


def note_independence(settings: Evaluation) -> list[str]:
    """Return the remark that belongs to intervals that ignore patients where the run resamples patients."""
    return ["intervals take studies as independent, not patients"] if settings.resample == "patient" else []
