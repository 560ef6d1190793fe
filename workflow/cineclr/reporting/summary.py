"""The end of a run on one screen: cohorts, results, what was not run, what it took, where the files are."""

from collections.abc import Hashable
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.errors import InputError
from cineclr.operation.resources import describe_resources
from cineclr.reporting.cmr.summary import describe_cmr
from cineclr.reporting.flow_chart import FlowChart, Split, Step, describe_flow, read_flow
from cineclr.reporting.names import INIT_NAMES, TASK_NAMES

FLOWS = ("echo/cohort/flow.json", "cmr/cohort/flow.json")
WIDTH = 16  # of a cell: a line of an init and four cells fits a terminal of 80 columns


def summarize(results: Path) -> None:
    """Print a summary of a finished run.

    `results` is the folder of a run, or the folder of all runs: then the one with the newest cohort is shown.

    Raises:
        InputError: no run there, or a file of the run is malformed.
    """
    run = find_run(results)
    lines = [f"Run {run.name}"]
    for flow in FLOWS:
        if (run / flow).is_file():
            lines += ["", *describe_cohort(describe_flow(read_flow(run / flow)))]
            lines += _describe_echo(run) if flow.startswith("echo") else describe_cmr(run)
    if taken := describe_resources(run):
        lines += ["", *taken]
    places = {"Tables": "*/tables", "Figures": "*/figures", "Report": "report.html"}
    found = [(name, path) for name, place in places.items() for path in sorted(run.glob(place))]
    print("\n".join([*lines, "", *[f"{name:<8} {path}" for name, path in found]]))


def _describe_echo(run: Path) -> list[str]:
    lines = []
    for table in sorted((run / "echo/tables").glob("table_s[23]_*.csv")):
        lines += ["", *describe_results(pd.read_csv(table), table.stem.split("_", 2)[2])]
    return lines


def find_run(results: Path) -> Path:
    """Return `results` if it is a run, else the newest run in it; raise InputError where there is none."""
    flows = [path for flow in FLOWS for path in (results / flow, *results.glob(f"*/{flow}"))]
    runs = {path.parents[2]: path.stat().st_mtime for path in flows if path.is_file()}
    if not runs:
        raise InputError(f"results: no finished run in {results.name}; run snakemake first")
    return max(runs, key=lambda run: runs[run])


def describe_cohort(chart: FlowChart) -> list[str]:
    """Return the cohort flow as a line per stage and one for the splits."""
    width = max(len(step.title) for step in chart.steps)
    second = max(len(step.count) for step in chart.steps)
    lines = [f"{step.title:<{width}}  {step.count:<{second}}  {_most(step)}".rstrip() for step in chart.steps]
    return [*lines, f"{'Studies':<{width}}  {', '.join(_in_words(split) for split in chart.splits)}"]


def _most(step: Step) -> str:
    """Return the most frequent reason for setting files aside before a step."""
    return "" if not step.set_aside else "out: {} {}".format(*step.set_aside[1])


def _in_words(split: Split) -> str:
    return f"{split.title.lower()} {split.studies.split()[0]}"


def describe_results(table: pd.DataFrame, task: str) -> list[str]:
    """Return the AUROCs of a task at its smallest and largest ratio, a line per init."""
    rows = table[table["metric"] == "auroc"]
    ratios = sorted({rows["ratio"].min(), rows["ratio"].max()})
    cells = [(test_set, ratio) for test_set in rows["test_set"].unique() for ratio in ratios]
    known = rows.dropna(subset="value")
    lines = [f"AUROC of {TASK_NAMES.get(task, task)}", *_best(known)]
    lines.append(_line("", [test_set for test_set, _ in cells]))
    lines.append(_line("trained on", [_size(rows, ratio) for _, ratio in cells]))
    for init in rows["init"].drop_duplicates():
        own = {
            (row["test_set"], row["ratio"]): row for row in known[known["init"] == init].to_dict("records")
        }
        shown = [_cell(own.get(cell)) for cell in cells] if own else [_why_not(rows, init)]
        lines.append(_line(INIT_NAMES.get(init, init), shown))
    return lines + [f"note: {note}" for note in known["note"].dropna().unique()]


def _best(known: pd.DataFrame) -> list[str]:
    internal = known[known["test_set"] == "internal"]
    if internal.empty:
        return []
    best = max(internal.to_dict("records"), key=itemgetter("value"))
    name = INIT_NAMES.get(best["init"], best["init"])
    interval = f"{best['value']:.3f} (CI {best['ci_low']:.3f}-{best['ci_high']:.3f})"
    return [f"best internal: {interval}, {name} trained on {_size(internal, best['ratio'])}"]


def _line(name: str, cells: list[str]) -> str:
    return f"{name:<12} {' '.join(f'{cell:<{WIDTH}}' for cell in cells)}".rstrip()


def _size(rows: pd.DataFrame, ratio: float) -> str:
    return f"{rows.loc[rows['ratio'] == ratio, 'n_train'].iloc[0]:,} ({100 * ratio:g}%)"


def _cell(row: dict[Hashable, Any] | None) -> str:
    return "not run" if row is None else f"{row['value']:.2f} ({row['ci_low']:.2f}-{row['ci_high']:.2f})"


def _why_not(rows: pd.DataFrame, init: str) -> str:
    notes = rows.loc[rows["init"] == init, "note"].dropna()
    return str(notes.iloc[0]) if len(notes) else "not run"
