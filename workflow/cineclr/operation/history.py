"""A run as its journal tells it: who is done, who runs, who failed."""

import json
import os
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["running", "done", "failed"]


@dataclass
class Job:
    """A job that was started; times are seconds since 1970."""

    rule: str
    wildcards: dict[str, str]
    logs: list[str]
    threads: int
    asks: dict[str, Any]
    started: float
    attempt: int = 1
    state: State = "running"
    ended: float | None = None
    message: str = ""
    slurm: str = ""
    slurm_log: str = ""

    @property
    def name(self) -> str:
        """Return rule and wildcards."""
        return f"{self.rule} {', '.join(f'{key}={value}' for key, value in self.wildcards.items())}".rstrip()


@dataclass
class Run:
    """One start of Snakemake.

    Attributes:
        facts: what the journal began with.
        jobs: by Snakemake's number.
        last: when the journal was last written.
        ended: when Snakemake came to its end; None if it runs, or was killed.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    last: float = 0.0
    ended: float | None = None

    @property
    def started(self) -> float:
        """Return when Snakemake began with the first job."""
        return float(self.facts.get("time", self.last))

    @property
    def planned(self) -> dict[str, int]:
        """Return the jobs per rule that were to do."""
        return {rule: count for rule, count in self.facts.get("jobs", {}).items() if rule != "total"}

    def of_state(self, state: State) -> list[Job]:
        """Return the jobs of a state, the oldest first."""
        return sorted((job for job in self.jobs.values() if job.state == state), key=lambda job: job.started)

    def waiting(self) -> dict[str, int]:
        """Return the jobs per rule that have not been started."""
        begun = Counter(job.rule for job in self.jobs.values())
        left = {rule: count - begun[rule] for rule, count in self.planned.items()}
        return {rule: count for rule, count in left.items() if count > 0}

    def is_alive(self) -> bool | None:
        """Return whether Snakemake still runs; None where it was started on another machine."""
        if self.ended is not None:
            return False
        if self.facts.get("host") != socket.gethostname():
            return None
        return _is_snakemake(int(self.facts["pid"]))


def _is_snakemake(pid: int) -> bool:
    """Return whether a process of this number runs that is, as far as can be seen, Snakemake."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # someone else's; it is there
    return b"snakemake" in _command_of(pid)


def _command_of(pid: int) -> bytes:
    """Return a process's command line; where the system does not tell, one that it may have."""
    command = Path(f"/proc/{pid}/cmdline")
    return command.read_bytes() if command.exists() else b"snakemake"


def journals(results: Path) -> list[Path]:
    """Return the journals of a run's starts, the oldest first."""
    return sorted((results / "logs" / "snakemake").glob("*.jsonl"))


def read_journal(path: Path) -> Run:
    """Return the run that a journal tells of; a line that a kill cut short is left out."""
    run = Run()
    for entry in _entries(path):
        run.last = entry["time"]
        event, job = entry["event"], run.jobs.get(entry.get("job", -1))
        if event == "begun":
            run.facts = entry
        elif event == "ended":
            run.ended = entry["time"]
        elif event == "started":
            run.jobs[entry["job"]] = _start(entry, job)
        elif job is not None:
            _note(job, entry)
    return run


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _start(entry: dict[str, Any], before: Job | None) -> Job:
    known = ("rule", "wildcards", "logs", "threads", "asks")
    attempt = before.attempt + 1 if before else 1
    return Job(**{name: entry[name] for name in known}, started=entry["time"], attempt=attempt)


def _note(job: Job, entry: dict[str, Any]) -> None:
    if entry["event"] == "submitted":
        job.slurm, job.slurm_log = entry["slurm"], entry["slurm_log"]
        return
    job.state = "done" if entry["event"] == "finished" else "failed"
    job.ended, job.message = entry["time"], entry.get("message", "")
