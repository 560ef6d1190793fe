"""What a run took: wall time, GPU-hours and memory of each stage, from Snakemake's benchmark files."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cineclr.operation.history import journals, read_journal
from cineclr.operation.text import HOUR, align, tell_number, tell_time

SHOWN = 12  # stages that took longest
MEGABYTES = 1024  # of a gigabyte


def describe_resources(results: Path) -> list[str]:
    """Return a table of the stages that took longest and a line of totals; nothing without benchmarks."""
    table = measure_stages(results)
    if table.empty:
        return []
    shown = table.head(SHOWN)
    header = ["Stage", "jobs", "wall time", "longest job", "GPU-hours", "peak memory"]
    lines = align([header, *map(_cells, shown.to_dict("records"))])
    hidden = f"; {len(table) - SHOWN} stages are not shown" if len(table) > SHOWN else ""
    wall, gpu = tell_time(table["seconds"].sum()), tell_number(table["gpu_hours"].sum())
    total = f"{table['jobs'].sum():,} jobs of {len(table)} stages: {wall} of jobs, {gpu} GPU-hours asked for"
    return [*lines, total + hidden]


def measure_stages(results: Path) -> pd.DataFrame:
    """Return a row per rule, the longest first: rule, jobs, seconds, longest, memory_mb (peak), gpu_hours.

    `seconds` are of all jobs, `longest` of one; a job that was made again counts with its last time.
    `gpu_hours` are the hours times the GPUs that were asked for, whether or not a GPU was there.
    """
    found = pd.DataFrame(_read_benchmarks(results / "benchmarks"), columns=["rule", "seconds", "memory_mb"])
    stages = found.groupby("rule", as_index=False).agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        memory_mb=("memory_mb", "max"),
    )
    gpus = stages["rule"].map(asked_gpus(results)).fillna(0)
    stages["gpu_hours"] = stages["seconds"] * gpus / HOUR
    return stages.sort_values("seconds", ascending=False, ignore_index=True)


def asked_gpus(results: Path) -> dict[str, float]:
    """Return the most GPUs that a job of each rule asked for, from the journals of all starts of the run."""
    gpus: dict[str, float] = {}
    for path in journals(results):
        for job in read_journal(path).jobs.values():
            asked = job.asks.get("gpu", 0)
            gpus[job.rule] = max(gpus.get(job.rule, 0), asked if isinstance(asked, int | float) else 0)
    return gpus


def _read_benchmarks(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Yield rule, seconds and peak memory in MB (NaN for a job too short to be looked at) of each job."""
    for path in sorted(folder.rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t", na_values="-").iloc[-1:]
        if {"s", "max_rss"} <= set(row.columns) and len(row):
            rule = path.relative_to(folder).with_suffix("").parts[0]
            yield rule, float(row["s"].iloc[0]), float(row["max_rss"].iloc[0])


def _cells(row: dict) -> list[str]:
    times = [tell_time(row[name]) for name in ("seconds", "longest")]
    gpu = tell_number(row["gpu_hours"]) if row["gpu_hours"] else ""
    memory = "" if pd.isna(row["memory_mb"]) else f"{row['memory_mb'] / MEGABYTES:.1f} GB"
    return [row["rule"], f"{row['jobs']:,}", *times, gpu, memory]
