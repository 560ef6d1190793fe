"""Anyone's predictions: a long table with a row per group (target or cohort), model and study.

Models are joined by study and the join is verified; the order of rows never pairs anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cineclr.errors import InputError
from cineclr.files import require_file

Duplicates = Literal["error", "first", "mean"]
Floats = npt.NDArray[np.float64]

SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class Joined:
    """Predictions of m models for the same n studies of one group, in the order of the studies' ids.

    Attributes:
        studies: (n,).
        labels: what is true of each study, (n,).
        values: of the models in the order asked for, such as the reference, then the baseline, (m, n).
        patients: whose each study is, (n,); None where the table does not say.
    """

    studies: list[str]
    labels: Floats
    values: Floats
    patients: list[str] | None


def read_predictions_table(
    path: Path, value_column: str, group_column: str, *, default_group: str | None = None
) -> pd.DataFrame:
    """Read a long table `<group_column>, model, study, labels, <value_column>`, optionally `row`, `patient`.

    Args:
        path: CSV, CSV.gz or Parquet.
        value_column: the column of predictions.
        group_column: the column whose values are evaluated apart.
        default_group: name of the one group where that column is absent; None requires the column.

    Returns:
        group, model, study (text), labels, value (finite floats) and row (integer; without that column the
        order in the file, counted from 0 within group and model), patient (text) where the table has that
        column; in the order of the file.

    Raises:
        InputError: no such file, a format that is not read, 0 rows, a missing column, a cell that is empty
            or not a finite number, `row` that is not a whole number or repeats within group and model.
    """
    raw = _read(require_file(path, "predictions", "Give a table of predictions."), group_column)
    if group_column not in raw.columns and default_group is not None:
        raw = raw.assign(**{group_column: default_group})
    needed = [group_column, "model", "study", "labels", value_column]
    if absent := [name for name in needed if name not in raw.columns]:
        raise InputError(
            f"predictions {path.name}: no column {', '.join(absent)}; columns are {list(raw.columns)}"
        )
    if not len(raw):
        raise InputError(f"predictions {path.name}: 0 rows")
    frame = pd.DataFrame(
        {
            "group": _texts(raw, group_column, path),
            "model": _texts(raw, "model", path),
            "study": _texts(raw, "study", path),
            "labels": _numbers(raw, "labels", path),
            "value": _numbers(raw, value_column, path),
        }
    )
    if "patient" in raw.columns:
        frame["patient"] = _texts(raw, "patient", path)
    return frame.assign(row=_rows(raw, frame, path))


def check_output(out: Path, predictions: Path) -> None:
    """Refuse an output that is no CSV or that, itself or as Parquet, would overwrite the predictions.

    Raises:
        InputError: either of the two.
    """
    if out.suffix != ".csv":
        raise InputError(f"--out {out.name}: the name must end in .csv; a Parquet file is written beside it")
    if predictions.resolve() in (out.resolve(), out.with_suffix(".parquet").resolve()):
        raise InputError(f"--out {out.name} would overwrite the predictions; give another name or folder")


def _read(path: Path, group_column: str) -> pd.DataFrame:
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"predictions {path.name}: the name must end in one of {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        # Names stay text, such as "0012" or "NA".
        raw = pd.read_csv(
            path,
            dtype=dict.fromkeys((group_column, "model", "study", "patient"), str),
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError, EOFError) as error:  # not its message, which may quote a cell
        raise InputError(
            f"predictions {path.name}: not a readable table ({type(error).__name__}); write it again, "
            "as UTF-8 with commas between cells and a point in numbers"
        ) from None
    if len(raw.columns) == 1 and (other := {";", "\t"} & set(raw.columns[0])):
        raise InputError(
            f"predictions {path.name}: cells are separated by {min(other)!r}; write it with commas between "
            "cells and a point in numbers"
        )
    if not isinstance(raw.index, pd.RangeIndex):
        raise InputError(f"predictions {path.name}: rows hold more cells than the header has columns")
    return raw


def _texts(raw: pd.DataFrame, name: str, path: Path) -> pd.Series:
    texts = raw[name].astype(str).mask(raw[name].isna(), "")
    _refuse(texts == "", f"predictions {path.name}: column '{name}' is empty")
    return texts


def _numbers(raw: pd.DataFrame, name: str, path: Path) -> Floats:
    numbers = pd.to_numeric(raw[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    _refuse(~np.isfinite(numbers), f"predictions {path.name}: column '{name}' holds no finite number")
    return numbers


def _rows(raw: pd.DataFrame, frame: pd.DataFrame, path: Path) -> npt.NDArray[np.int64]:
    if "row" not in raw.columns:
        return frame.groupby(["group", "model"]).cumcount().to_numpy().astype(np.int64)
    numbers = _numbers(raw, "row", path)
    _refuse(numbers != np.round(numbers), f"predictions {path.name}: column 'row' is not a whole number")
    repeated = frame[["group", "model"]].assign(row=numbers).duplicated()
    _refuse(repeated, f"predictions {path.name}: column 'row' repeats within its group and model")
    return numbers.astype(np.int64)


def _refuse(wrong: pd.Series | npt.NDArray[np.bool_], problem: str) -> None:
    if positions := np.flatnonzero(wrong).tolist():
        raise InputError(
            f"{problem} in {len(positions)} of {len(wrong)} rows, first in row {positions[0] + 1}; mend them"
        )


def select_pair(
    frame: pd.DataFrame, group: str, reference: str, baseline: str, duplicates: Duplicates
) -> Joined:
    """Return two models' predictions for the studies of a group as `select_models` does.

    Raises:
        InputError: the two models are the same one; what `select_models` refuses.
    """
    if reference == baseline:
        raise InputError(f"reference and baseline are both {reference}; name two models")
    return select_models(frame, group, [reference, baseline], duplicates)


def select_models(
    frame: pd.DataFrame, group: str, models: Sequence[str], duplicates: Duplicates = "error"
) -> Joined:
    """Return the predictions of one or more models for the studies of a group, joined by study.

    Args:
        frame: as `read_predictions_table` returns it.
        group: the target or cohort.
        models: their names.
        duplicates: what to do with a study that a model has several times: `error` refuses, `first` keeps
            the smallest `row`, `mean` averages the predictions.

    Raises:
        InputError: a model has no rows in the group; studies repeated (`error`) or repeated with labels that
            differ; two models differ in their studies or in the label or the patient of a study.
    """
    found = [select_model(frame, group, model, duplicates) for model in models]
    one = found[0]
    for model, other in zip(models[1:], found[1:], strict=True):
        _check_same_studies(one, other, f"{group}, {models[0]} and {model}")
    return Joined(
        studies=one.index.tolist(),
        labels=one["labels"].to_numpy(),
        values=np.stack([other["value"].to_numpy() for other in found]),
        patients=one["patient"].tolist() if "patient" in one else None,
    )


def _check_same_studies(one: pd.DataFrame, other: pd.DataFrame, where: str) -> None:
    if unmatched := set(one.index) ^ set(other.index):
        raise InputError(
            f"{where} were not evaluated on the same studies: {len(unmatched)} belong to one only, "
            f"the first is {min(unmatched)}; give both models the same studies"
        )
    if len(differ := one.index[one["labels"] != other["labels"]]):
        raise InputError(
            f"{where} disagree on the label of {len(differ)} studies, the first is {differ[0]}; "
            "a study has one label"
        )
    if "patient" in one and (one["patient"] != other["patient"]).any():
        raise InputError(f"{where} disagree on the patient of a study; a study has one patient")


def select_model(frame: pd.DataFrame, group: str, model: str, duplicates: Duplicates) -> pd.DataFrame:
    """Return labels and value (and patient, where the table says) of one model, indexed by study in order.

    Raises:
        InputError: the model has no rows in the group; studies repeated (`error`) or with labels that differ.
    """
    of_group = frame[frame["group"] == group]
    if model not in (known := sorted(of_group["model"].unique())):
        raise InputError(f"{group}: no model {model}; known are {', '.join(known)}")
    return _one_row_per_study(of_group[of_group["model"] == model], f"{group}, {model}", duplicates)


def _one_row_per_study(rows: pd.DataFrame, where: str, duplicates: Duplicates) -> pd.DataFrame:
    repeated = sorted(set(rows["study"][rows["study"].duplicated()]))
    if repeated and duplicates == "error":
        raise InputError(
            f"{where}: {len(repeated)} studies are there more than once, the first is {repeated[0]}; "
            "give a row per study, or choose --duplicates first or mean"
        )
    by_study = rows.sort_values("row").groupby("study")
    labels = by_study["labels"].nunique()
    if len(differ := labels.index[labels > 1]):
        raise InputError(
            f"{where}: {len(differ)} studies are repeated with different labels, the first is {differ[0]}; "
            "a study has one label"
        )
    kept = {name: "first" for name in ("labels", "patient") if name in rows}
    return by_study.agg({**kept, "value": "mean" if duplicates == "mean" else "first"})
