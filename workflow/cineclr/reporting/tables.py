"""The paper's tables: S1 (cohort), S2 and S3 (results of LVH and of severe AS)."""

import logging
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.cohort.characteristics import describe_cohort
from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.reporting.suppress import show_count, suppress_evaluation
from cineclr.stats.multiple import benjamini_hochberg, few_for_normal, holm

log = logging.getLogger(__name__)

KEYS = ["init", "ratio", "test_set", "metric"]
COLUMNS = [
    "init", "ratio", "n_train", "n_train_positive", "test_set", "n_test", "n_test_positive", "metric",
    "value", "ci_low", "ci_high", "confidence", "left_out", "p_vs_echoclr", "p_holm", "p_bh", "note",
]  # fmt: skip
OF_TEST_SET = ["n_test", "n_test_positive", "confidence", "left_out"]


def tabulate_cohort(splits: Path, min_cell: int, output: Path) -> None:
    """Write Table S1: characteristics of the studies of each split; small counts of people are withheld."""
    require_file(splits, "splits", "Run build-cohort first.")
    table = describe_cohort(pd.read_csv(splits, dtype={"study": str, "patient": str}), min_cell)
    write_table(table, output)
    log.info("wrote %d rows to %s", len(table), output.name)


def tabulate_results(
    evaluation: Path,
    subsets: Path,
    inits: list[str],
    note: str,
    missing_note: str,
    min_cell: int,
    output: Path,
) -> None:
    """Write Table S2 or S3: results of every init, ratio and test set beside the number of training studies.

    `evaluation` is `<task>.csv`. An init of `inits` that was not evaluated keeps its rows, with empty values
    and `missing_note`, so that a reader sees it was not run. `note` goes to the other rows. `p_holm` and
    `p_bh` adjust the p values of the whole table. Small counts of people, and results that rest on them, are
    withheld.

    Raises:
        InputError: an evaluated ratio is not in `subsets`, or an evaluated init not in `inits`.
    """
    require_file(evaluation, "evaluation", "Run evaluate-echo first.")
    require_file(subsets, "subsets", "Run draw-subsets first.")
    task = evaluation.stem
    results = pd.read_csv(evaluation)
    trained = pd.read_csv(subsets)
    trained = trained[trained["task"] == task].drop(columns="task")
    if trained.empty:
        raise InputError(f"subsets: no rows of task {task}; run draw-subsets with this task")
    if unknown := sorted(set(results["ratio"]) - set(trained["ratio"])):
        raise InputError(f"subsets: {task} has no ratio {', '.join(map(str, unknown))}, which was evaluated")
    results["p_holm"] = holm(results["p_vs_echoclr"])
    results["p_bh"] = benjamini_hochberg(results["p_vs_echoclr"])
    sizes = results.drop_duplicates("test_set")[["test_set", *OF_TEST_SET]]
    values = results.drop(columns=OF_TEST_SET)
    table = _grid(results, inits).merge(values, how="left", on=KEYS)
    table = table.merge(sizes, on="test_set").merge(trained, on="ratio")
    table["note"] = [_note(row, note, missing_note, min_cell) for row in table.to_dict("records")]
    write_table(round_results(suppress_evaluation(table[COLUMNS], min_cell)), output)
    missing = [init for init in inits if init not in set(results["init"])]
    log.info(
        "wrote %d rows to %s%s",
        len(table),
        output.name,
        f"; not run: {', '.join(missing)}" if missing else "",
    )


def tabulate_evaluation(evaluation: Path, min_cell: int, output: Path) -> None:
    """Write an evaluation (operating points, calibration, subgroups) as it may leave the building.

    Numbers are rounded; small counts of people, and results that rest on them, are withheld.
    """
    require_file(evaluation, "evaluation", "Run the evaluate- command of this table first.")
    table = pd.read_csv(evaluation, dtype={"level": str, "note": str})
    write_table(round_results(suppress_evaluation(table, min_cell)), output)
    log.info("wrote %d rows to %s", len(table), output.name)


def round_results(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with four decimals, and three digits of p values."""
    rounded = table.round(4)
    for name in table.columns[table.columns.str.startswith("p_")]:
        rounded[name] = table[name].map("{:.3g}".format, na_action="ignore").astype(float)
    return rounded


def _grid(results: pd.DataFrame, inits: list[str]) -> pd.DataFrame:
    """Return a row for every init asked for and every ratio, test set and metric evaluated, in that order."""
    if extra := sorted(set(results["init"]) - set(inits)):
        raise InputError(
            f"evaluation: holds {', '.join(extra)}, which is not among the inits asked for: {inits}"
        )
    cells = results[KEYS[1:]].drop_duplicates().sort_values("ratio", kind="stable")
    return pd.DataFrame({"init": inits}).merge(cells, how="cross")


def _note(row: dict[Hashable, Any], note: str, missing_note: str, min_cell: int) -> str:
    if pd.isna(row["value"]):
        return missing_note
    few = note_few(row["n_test_positive"], row["n_test"] - row["n_test_positive"], min_cell)
    return "; ".join(part for part in (few, note) if part)


def note_few(positives: int, negatives: int, min_cell: int) -> str:
    """Return the remark that belongs to a normal interval of few studies of a class; empty where of many."""
    if not few_for_normal(positives, negatives):
        return ""
    rarer = show_count(min(positives, negatives), min_cell)
    return f"only {rarer} studies of the rarer class: the interval is unreliable"
