"""Two models compared on anyone's predictions, target by target, beside what pROC's defaults would print.

pROC's `roc` chooses the direction of an AUROC by the medians of the classes unless it is told, and its
`roc.test` pairs rows by position; where the labels by position then differ, it falls back to an unpaired test
unsaid. Here the direction is fixed and studies are joined by name; `as_published` gives the other numbers, so
that a published table can be checked, and `differences` says in words where the two disagree. The test is
DeLong's throughout, as of `roc.test(method="delong")`: unless told so, pROC takes a bootstrap test where it
chose different directions for the two models.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.reporting.predictions_table import (
    Duplicates,
    Joined,
    check_output,
    read_predictions_table,
    select_pair,
)
from cineclr.stats.checks import check_arrays
from cineclr.stats.delong import DeLong, delong, normal_interval, paired_test, unpaired_test
from cineclr.stats.multiple import benjamini_hochberg, few_for_normal, holm

log = logging.getLogger(__name__)

ROLES = ("reference", "baseline")


@dataclass(frozen=True)
class Rows:
    """One model's rows of a target in the order of the file; `scores` in the direction that pROC chooses."""

    studies: list[str]
    labels: np.ndarray
    scores: np.ndarray
    flipped: bool


def evaluate_predictions(
    predictions: Path,
    reference: str,
    baseline: str,
    out: Path,
    duplicates: Duplicates = "error",
    as_published: bool = False,
    adjust: bool = False,
    confidence: float = 0.95,
) -> None:
    """Compare two models by AUROC on every target of a table: DeLong's intervals and paired test.

    `predictions` is a long table (CSV, CSV.gz or Parquet): target, model, study, labels (0 or 1), probs, and
    optionally row, the order in which the model saw the studies, and patient: then the studies of a patient
    may be correlated (Obuchowski's variance). `out` gets a row per target: target, n, n_positive, AUROC with
    its interval of either model, difference, p_value (two-sided) and differences.

    Args:
        predictions: the table.
        reference: the model whose AUROC comes first.
        baseline: the model it is compared with.
        out: where to write the CSV; a Parquet file of the same content is put beside it.
        duplicates: studies that a model has several times: refuse, keep the first row, or average.
        as_published: give the numbers that pROC prints, its direction and pairing by row included;
            n and n_positive then count the reference's rows, repeated studies too.
        adjust: add p_holm and p_bh, adjusted over the targets.
        confidence: level of the intervals.

    Raises:
        InputError: a table that `read_predictions_table` refuses; per target, what `select_pair` and
            `check_arrays` refuse.
    """
    check_output(out, predictions)
    if not 0 < confidence < 1:
        raise InputError(f"--confidence is {confidence:g}; it must lie between 0 and 1, such as 0.95")
    frame = read_predictions_table(predictions, "probs", "target")
    results = []
    for target in frame["group"].unique():
        pair = [_rows_of(frame, target, model) for model in (reference, baseline)]
        if as_published:
            found = _compare_rows(pair, confidence)
        else:
            found = _compare_studies(select_pair(frame, target, reference, baseline, duplicates), confidence)
        differences = _explain(pair, _has_several_studies(frame, target), found["p_value"])
        results.append({"target": target, **found, "differences": differences})
    table = pd.DataFrame(results)
    if adjust:
        table["p_holm"], table["p_bh"] = holm(table["p_value"]), benjamini_hochberg(table["p_value"])
    write_table(table, out)
    _log(table, out)


def _rows_of(frame: pd.DataFrame, target: str, model: str) -> Rows:
    rows = frame[(frame["group"] == target) & (frame["model"] == model)].sort_values("row")
    if rows.empty:
        known = ", ".join(sorted(frame.loc[frame["group"] == target, "model"].unique()))
        raise InputError(f"{target}: no model {model}; known are {known}")
    labels, scores = check_arrays(rows["labels"], rows["value"], f"{target}, {model}")
    flipped = bool(np.median(scores[labels == 0]) > np.median(scores[labels == 1]))
    return Rows(rows["study"].tolist(), labels, -scores if flipped else scores, flipped)


def _has_several_studies(frame: pd.DataFrame, target: str) -> bool:
    """Tell whether a patient of a target, where the table names patients, has more than one study."""
    rows = frame[frame["group"] == target]
    return "patient" in rows and bool((rows.groupby("patient")["study"].nunique() > 1).any())


def _compare_studies(joined: Joined, confidence: float) -> dict[str, Any]:
    """Compare as it should be: joined by study, the direction fixed, always paired."""
    result = delong(joined.labels, joined.values, joined.patients)
    aurocs = list(zip(result.aurocs, result.variances, strict=True))
    return _describe(joined.labels, aurocs, paired_test(result)[1], confidence)


def _compare_rows(pair: list[Rows], confidence: float) -> dict[str, Any]:
    """Compare as pROC's defaults do: every row, its direction, paired by position where the labels allow."""
    one, other = (delong(rows.labels, rows.scores) for rows in pair)
    aurocs = [(result.aurocs[0], result.variances[0]) for result in (one, other)]
    return _describe(pair[0].labels, aurocs, _test_rows(pair, one, other), confidence)


def _test_rows(pair: list[Rows], one: DeLong, other: DeLong) -> float:
    if _labels_agree(pair):
        return paired_test(delong(pair[0].labels, [rows.scores for rows in pair]))[1]
    return unpaired_test(one, other)[2]


def _labels_agree(pair: list[Rows]) -> bool:
    return np.array_equal(pair[0].labels, pair[1].labels)


def _describe(
    labels: np.ndarray, aurocs: list[tuple[float, float]], p_value: float, confidence: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(labels), "n_positive": int(labels.sum())}
    for role, (auroc, variance) in zip(ROLES, aurocs, strict=True):
        low, high = normal_interval(auroc, variance, confidence)
        found |= {f"auc_{role}": auroc, f"ci_low_{role}": float(low), f"ci_high_{role}": float(high)}
    return {**found, "difference": aurocs[0][0] - aurocs[1][0], "p_value": p_value}


def _explain(pair: list[Rows], clustered: bool, p_value: float) -> str:
    """Say in words where pROC's defaults and the fixed, joined comparison part, and why."""
    notes = []
    for role, rows in zip(ROLES, pair, strict=True):
        if rows.flipped:
            printed = delong(rows.labels, rows.scores).aurocs[0]
            notes.append(
                f"{role} AUROC flipped: pROC prints {printed:.3f} for {1 - printed:.3f}, because the median "
                "score of the negatives is the higher one"
            )
    if pair[0].flipped != pair[1].flipped:
        notes.append("the directions differ: pROC gives DeLong's p with a warning; by default, a bootstrap p")
    positions = list(zip(*(rows.studies for rows in pair), strict=False))
    unlike = sum(one != other for one, other in positions) + abs(len(pair[0].studies) - len(pair[1].studies))
    if unlike:
        notes.append(f"{unlike} rows mispaired: by position they compare different studies")
    if not _labels_agree(pair):
        notes.append("unpaired test: by position the labels differ, so pROC does not take the rows for pairs")
    if repeated := sum(len(rows.studies) - len(set(rows.studies)) for rows in pair):
        notes.append(f"{repeated} rows repeat a study and are counted again")
    if clustered:
        notes.append("some patients have several studies, which pROC takes as independent")
    if notes:
        one, other = (delong(rows.labels, rows.scores) for rows in pair)
        printed = _test_rows(pair, one, other)
        if not np.array_equal(printed, p_value, equal_nan=True):
            notes.append(f"p is {'NA' if np.isnan(printed) else f'{printed:.3g}'} as pROC prints it")
    return "; ".join(notes)


def _log(table: pd.DataFrame, out: Path) -> None:
    few = table[few_for_normal(table["n_positive"], table["n"] - table["n_positive"])]
    if len(few):
        log.warning(
            "normal interval and test are unreliable for %d targets with few studies of the rarer class: %s",
            len(few), ", ".join(few["target"]),
        )  # fmt: skip
    apart = int((table["differences"] != "").sum())
    log.info("wrote %d targets to %s; on %d of them pROC's defaults differ", len(table), out.name, apart)
