"""The paper's tables: S1 (cohort), S2 and S3 (results of LVH and of severe AS)."""

import logging
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.cohort.characteristics import describe_cohort
from cineclr.errors import InputError
from cineclr.files import require_file, write_table

log = logging.getLogger(__name__)

KEYS = ["init", "ratio", "test_set", "metric"]
COLUMNS = [
    "init", "ratio", "n_train", "n_train_positive", "test_set", "n_test", "n_test_positive", "metric",
    "value", "ci_low", "ci_high", "p_vs_echoclr", "note",
]  # fmt: skip
# Below this many studies of either class the bootstrap's percentiles are coarse; the reader is told.
FEW = 10


def tabulate_cohort(splits: Path, output: Path) -> None:
    """Write Table S1: characteristics of the studies of each split."""
    require_file(splits, "splits", "Run build-cohort first.")
    table = describe_cohort(pd.read_csv(splits, dtype={"study": str, "patient": str}))
    write_table(table, output)
    log.info("wrote %d rows to %s", len(table), output.name)


def tabulate_results(
    evaluation: Path, subsets: Path, inits: list[str], note: str, missing_note: str, output: Path
) -> None:
    """Write Table S2 or S3: results of every init, ratio and test set beside the number of training studies.

    `evaluation` is `<task>.csv`. An init of `inits` that was not evaluated keeps its rows, with empty values
    and `missing_note`, so that a reader sees it was not run. `note` goes to the other rows.

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
    sizes = results.drop_duplicates("test_set")[["test_set", "n_test", "n_test_positive"]]
    values = results.drop(columns=["n_test", "n_test_positive"])
    table = _grid(results, inits).merge(values, how="left", on=KEYS)
    table = table.merge(sizes, on="test_set").merge(trained, on="ratio")
    table["note"] = [_note(row, note, missing_note) for row in table.to_dict("records")]
    for column in ("value", "ci_low", "ci_high"):
        table[column] = table[column].round(4)
    table["p_vs_echoclr"] = table["p_vs_echoclr"].map("{:.3g}".format, na_action="ignore").astype(float)
    write_table(table[COLUMNS], output)
    missing = [init for init in inits if init not in set(results["init"])]
    log.info(
        "wrote %d rows to %s%s",
        len(table),
        output.name,
        f"; not run: {', '.join(missing)}" if missing else "",
    )


def _grid(results: pd.DataFrame, inits: list[str]) -> pd.DataFrame:
    """Return a row for every init asked for and every ratio, test set and metric evaluated, in that order."""
    if extra := sorted(set(results["init"]) - set(inits)):
        raise InputError(
            f"evaluation: holds {', '.join(extra)}, which is not among the inits asked for: {inits}"
        )
    cells = results[KEYS[1:]].drop_duplicates().sort_values("ratio", kind="stable")
    return pd.DataFrame({"init": inits}).merge(cells, how="cross")


def _note(row: dict[Hashable, Any], note: str, missing_note: str) -> str:
    if pd.isna(row["value"]):
        return missing_note
    rarer = min(row["n_test_positive"], row["n_test"] - row["n_test_positive"])
    few = f"only {rarer} studies of the rarer class: the interval is unreliable" if rarer < FEW else ""
    return "; ".join(part for part in (few, note) if part)
