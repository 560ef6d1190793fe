"""Several runs side by side: the spread of results over seeds (splits, weights), not over studies."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from cineclr.errors import InputError
from cineclr.files import write_table

log = logging.getLogger(__name__)

KEYS = ["task", "init", "ratio", "test_set", "metric"]
BASELINE = "random"


def compare_runs(results: list[Path], output: Path, confidence: float = 0.95) -> None:
    """Write, over runs that differ in their seed, the mean of each AUROC and AUPR and its gain on random.

    `results` are folders of runs, such as results/demo results/demo1 results/demo2. Intervals are Student's t
    over runs. The gain is a run's value less its own random initialisation's on the same task, ratio and test
    set. Values that a run lacks, such as those of an init without weights, are left out; `runs` counts the
    rest.

    Raises:
        InputError: fewer than two runs, or a run without results tables.
    """
    if len(results) < 2:
        raise InputError("--results: give two or more runs, such as results/demo results/demo1")
    values = pd.concat([_read_run(run) for run in results], ignore_index=True).dropna(subset="value")
    baseline = values[values["init"] == BASELINE].drop(columns="init").rename(columns={"value": "baseline"})
    joined = values.merge(baseline, how="left", on=["run", *[key for key in KEYS if key != "init"]])
    joined["gain"] = (joined["value"] - joined["baseline"]).where(joined["init"] != BASELINE)
    rows = []
    for keys, group in joined.groupby(KEYS, sort=False):
        rows.append(
            {
                **dict(zip(KEYS, keys, strict=True)),
                "runs": len(group),
                **_describe("mean", group["value"], confidence),
                **_describe("gain", group["gain"].dropna(), confidence),
            }
        )
    write_table(pd.DataFrame(rows), output)
    log.info("%d rows over %d runs in %s", len(rows), len(results), output.name)


def _read_run(run: Path) -> pd.DataFrame:
    tables = sorted(run.glob("echo/tables/table_s[23]_*.csv"))
    if not tables:
        raise InputError(f"--results: {run.name} holds no results tables; run snakemake for it first")
    frames = [pd.read_csv(table).assign(task=table.stem.split("_", 2)[2], run=str(run)) for table in tables]
    return pd.concat(frames)[[*KEYS, "value", "run"]]


def _describe(name: str, values: pd.Series, confidence: float) -> dict[str, float]:
    """Return mean and Student's t interval over runs; NaN where there are too few."""
    mean = values.mean() if len(values) else np.nan
    half = np.nan
    if len(values) > 1:
        half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values)
    return {name: mean, f"{name}_ci_low": mean - half, f"{name}_ci_high": mean + half}
