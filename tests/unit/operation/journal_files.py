"""Journals as Snakemake's events would leave them."""

import json
from pathlib import Path


def begin(folder: Path, jobs: dict[str, int], **facts) -> Path:
    """A journal that has begun."""
    path = folder / "results/main/logs/snakemake/2026-01-01T000000.jsonl"
    path.parent.mkdir(parents=True)
    add(path, event="begun", time=1000.0, pid=1, host="elsewhere", jobs=jobs, **facts)
    return path


def add(path: Path, **entry) -> None:
    with path.open("a") as file:
        file.write(json.dumps({"time": 1000.0, **entry}) + "\n")


def start(path: Path, job: int, rule: str, time: float = 1000.0, **wildcards) -> None:
    log = f"results/main/logs/{rule}/{job}.log"
    facts = {"rule": rule, "wildcards": wildcards, "logs": [log], "threads": 1, "asks": {}}
    add(path, event="started", job=job, time=time, **facts)
