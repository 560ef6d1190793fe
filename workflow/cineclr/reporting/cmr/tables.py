"""Tables of the second paper: cohort, LVEF, diagnoses, operating points; as they may leave the building."""

import logging
import math
import typing
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.config.cmr import DIAGNOSES, LVEF, Role, Split
from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.reporting.characteristics import (
    describe_further,
    describe_levels,
    describe_number,
    describe_size,
)
from cineclr.reporting.cmr.lvef import TRAIN_MEAN
from cineclr.reporting.cmr.predictions import ZERO_SHOT
from cineclr.reporting.names import name_diagnosis
from cineclr.reporting.suppress import suppress_evaluation
from cineclr.reporting.tables import note_few, round_results

log = logging.getLogger(__name__)

DESCRIBED = {
    *("study", "patient", "cohort", "role", "split", "videos", "year", "age", "sex", "sentences"),
    *(LVEF, *DIAGNOSES),
}
# What the rows of several inits share, and what each init has a row for.
OUTER = ["task", "test_set", "mode", "ratio"]
INNER = ["n_train", "n", "n_positive", "metric", "rule", "target", "confidence"]


def tabulate_cmr_cohort(splits: Path, min_cell: int, output: Path) -> None:
    """Write the characteristics of the studies of each cohort's splits; small counts are withheld."""
    require_file(splits, "splits", "Run build-cmr-cohort first.")
    table = describe_cmr_cohort(pd.read_csv(splits, dtype={"study": str, "patient": str}), min_cell)
    write_table(table, output)
    log.info("wrote %d rows to %s", len(table), output.name)


def describe_cmr_cohort(splits: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return characteristic, level and a text column per cohort and split: n, n (%), mean (SD) or a range.

    Percentages are of the studies whose value is known; `missing` rows are n (%) of all studies. A diagnosis
    is counted where its label is 1. Cells of fewer than `min_cell` people, and what would give them away, are
    withheld (`reporting.suppress`).
    """
    groups = _group(splits)
    number = partial(describe_number, groups, min_cell=min_cell)
    rows = [
        *describe_size(groups, min_cell),
        *number("sentences of the report", "sentences"),
        *number("age (years)", "age"),
        *describe_levels(groups, "sex", "sex", ["F", "M"], min_cell),
        *number("LV ejection fraction (%)", LVEF),
    ]
    for task in [name for name in DIAGNOSES if name in splits.columns]:
        rows += describe_levels(groups, name_diagnosis(task), task, [1], min_cell, names=["n (%)"])
    for column in [name for name in splits.columns if name not in DESCRIBED]:
        rows += describe_further(groups, column, min_cell)
    return pd.DataFrame(rows, columns=["characteristic", "level", *groups])


def _group(splits: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the studies of each cohort's splits: development first, splits in their order."""
    roles, parts = list(typing.get_args(Role)), list(typing.get_args(Split))
    found = splits[["role", "cohort", "split"]].drop_duplicates().itertuples(index=False, name=None)
    ordered = sorted((roles.index(role), cohort, parts.index(split)) for role, cohort, split in found)
    return {
        f"{cohort} {parts[part]}": splits[splits["cohort"].eq(cohort) & splits["split"].eq(parts[part])]
        for _, cohort, part in ordered
    }


def tabulate_cmr(
    evaluation: Path, inits: list[str], note: str, missing_note: str, min_cell: int, output: Path
) -> None:
    """Write an evaluation (lvef, diagnoses, operating_points) as it may leave the building.

    An init of `inits` that was not evaluated has rows with empty values and `missing_note`, so that a reader
    sees it was not run; `note` goes to the other rows. Numbers are rounded; small counts of people, and
    results that rest on them, are withheld.

    Raises:
        InputError: no such evaluation; an evaluated init is not in `inits`.
    """
    require_file(evaluation, "evaluation", "Run the evaluate- command of this table first.")
    results = pd.read_csv(evaluation, dtype={"note": str, "baseline": str, "mode": str})
    results = results.fillna({"note": "", "mode": ""})
    if extra := sorted(set(results["init"]) - {*inits, TRAIN_MEAN}):
        raise InputError(
            f"evaluation: holds {', '.join(extra)}, which is not among the inits asked for: {inits}"
        )
    results["note"] = [_write_note(row, note, min_cell) for row in results.to_dict("records")]
    table = _add_missing(results, inits, missing_note)
    write_table(round_results(suppress_evaluation(table, min_cell)), output)
    log.info("wrote %d rows to %s", len(table), output.name)


def _write_note(row: dict[Hashable, Any], note: str, min_cell: int) -> str:
    """Return the note of an evaluated row: what it says of itself, few studies, what is said of the run."""
    few, positives = "", row.get("n_positive", math.nan)
    if not pd.isna(positives) and 0 < positives < row["n"]:
        few = note_few(int(positives), int(row["n"] - positives), min_cell)
    of_run = "" if row["init"] == TRAIN_MEAN else note
    return "; ".join(part for part in (few, row["note"], of_run) if part)


def _add_missing(results: pd.DataFrame, inits: list[str], missing_note: str) -> pd.DataFrame:
    """Return the table with rows of the inits that were not evaluated, beside those that were."""
    missing = [init for init in inits if init not in set(results["init"])]
    order = {init: number for number, init in enumerate([*inits, TRAIN_MEAN])}
    outer = [name for name in OUTER if name in results]
    kept = [name for name in (*OUTER, *INNER) if name in results]
    blocks = []
    for _, block in results.groupby(outer, sort=False, dropna=False):
        first = block["init"].iloc[0]
        template = block.loc[block["init"] == first, kept]
        # Neither the mean of the labels nor prompts could start from other weights.
        alone = first == TRAIN_MEAN or block["mode"].iloc[0] == ZERO_SHOT
        absent = [] if alone else missing
        added = [template.assign(init=init, note=missing_note) for init in absent]
        blocks.append(
            pd.concat([block, *added]).sort_values("init", key=partial(_rank, order), kind="stable")
        )
    return pd.concat(blocks, ignore_index=True)


def _rank(order: dict[str, int], inits: pd.Series) -> pd.Series:
    return inits.map(order)
