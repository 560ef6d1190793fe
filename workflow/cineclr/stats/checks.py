"""What may enter a statistic: complete labels and probabilities, a row per study, all models on the same."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cineclr.errors import InputError

COLUMNS = ("study", "label", "probability")


@dataclass(frozen=True)
class TestSet:
    """Predictions of m models for the same n studies, in the order of the studies' pseudonyms.

    Attributes:
        studies: (n,).
        labels: 0 or 1, (n,).
        models: names, (m,).
        probabilities: (m, n).
    """

    __test__ = False

    studies: list[str]
    labels: npt.NDArray[np.int64]
    models: list[str]
    probabilities: npt.NDArray[np.float64]


def check_arrays(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, where: str = "predictions"
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return labels (n,) as integers and probabilities (n,) as floats.

    Raises:
        InputError: naming `where` and what is wrong: what `check_scores` refuses, values outside [0, 1].
    """
    checked, values = check_scores(labels, probabilities, where, "probability")
    if wrong := int(((values < 0) | (values > 1)).sum()):
        raise InputError(f"{where}: {wrong} probabilities lie outside [0, 1]; logits need a sigmoid first")
    return checked, values


def check_scores(
    labels: npt.ArrayLike, scores: npt.ArrayLike, where: str = "predictions", name: str = "score"
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return labels (n,) as integers and scores (n,) of any scale as floats.

    Raises:
        InputError: naming `where` and what is wrong: no rows, lengths that differ, missing or infinite
            values, labels that are neither 0 nor 1, one class only.
    """
    label_values, values = _as_floats(labels, "label", where), _as_floats(scores, name, where)
    if label_values.ndim != 1 or label_values.shape != values.shape:
        raise InputError(f"{where}: {label_values.shape} labels, but {values.shape} values of {name}")
    if not len(values):
        raise InputError(f"{where}: no studies (0 rows)")
    for column_name, column in (("label", label_values), (name, values)):
        if missing := int(np.isnan(column).sum()):
            raise InputError(f"{where}: {missing} of {len(column)} rows have no {column_name} (NaN)")
        if infinite := int(np.isinf(column).sum()):
            raise InputError(f"{where}: {infinite} of {len(column)} rows have an infinite {column_name}")
    if wrong := int((~np.isin(label_values, (0, 1))).sum()):
        raise InputError(f"{where}: {wrong} labels are neither 0 nor 1")
    if len(np.unique(label_values)) < 2:
        raise InputError(
            f"{where}: all {len(values)} studies are labelled {label_values[0]:g}; "
            "AUROC and AUPR need both classes"
        )
    return label_values.astype(np.int64), values


def check_clusters(clusters: npt.ArrayLike, studies: int) -> None:
    """Raise InputError unless there is a cluster for each of n studies."""
    if np.shape(clusters) != (studies,):
        raise InputError(f"clusters: {np.shape(clusters)} values for {studies} studies; name one per study")


def _as_floats(values: npt.ArrayLike, name: str, where: str) -> npt.NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where}: column '{name}' holds values that are not numbers") from None


def check_predictions(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the columns study, label, probability, sorted by study, one row each.

    Raises:
        InputError: naming `where` and what is wrong: a missing column, a study without a name, duplicate
            studies, and all that `check_arrays` refuses.
    """
    if absent := [name for name in COLUMNS if name not in frame.columns]:
        raise InputError(f"{where}: no column {', '.join(absent)}; columns are {list(frame.columns)}")
    if missing := int(frame["study"].isna().sum()):
        raise InputError(f"{where}: {missing} rows name no study")
    checked = frame[list(COLUMNS)].astype({"study": str}).sort_values("study", ignore_index=True)
    if repeated := int(checked["study"].duplicated().sum()):
        first = checked["study"][checked["study"].duplicated()].iloc[0]
        raise InputError(
            f"{where}: {repeated} rows repeat a study, the first is {first}; give one row per study"
        )
    labels, probabilities = check_arrays(checked["label"], checked["probability"], where)
    return checked.assign(label=labels, probability=probabilities)


def join_by_study(predictions: Mapping[str, pd.DataFrame], where: str = "predictions") -> TestSet:
    """Join the predictions of several models by study, whatever the order of their rows.

    Args:
        predictions: model name -> frame with columns study, label, probability.
        where: what the predictions belong to, for the error.

    Raises:
        InputError: no model; a frame that `check_predictions` refuses; models that differ in their studies or
            in the label of a study.
    """
    if not predictions:
        raise InputError(f"{where}: no predictions to evaluate")
    frames = {name: check_predictions(frame, f"{where}, {name}") for name, frame in predictions.items()}
    first, reference = next(iter(frames.items()))
    for name, frame in frames.items():
        _check_same_studies(reference, frame, f"{where}: {first} and {name}")
    return TestSet(
        studies=reference["study"].tolist(),
        labels=reference["label"].to_numpy(),
        models=list(frames),
        probabilities=np.stack([frame["probability"].to_numpy() for frame in frames.values()]),
    )


def _check_same_studies(one: pd.DataFrame, other: pd.DataFrame, where: str) -> None:
    if unmatched := set(one["study"]) ^ set(other["study"]):
        raise InputError(
            f"{where} were not evaluated on the same studies: {len(unmatched)} belong to one only, "
            f"such as {min(unmatched)}"
        )
    if differ := int((one["label"].to_numpy() != other["label"].to_numpy()).sum()):
        raise InputError(f"{where} disagree on the label of {differ} studies")
