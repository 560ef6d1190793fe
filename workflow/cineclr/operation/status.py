"""`cineclr status`: what is done, what runs, what failed and why, what waits."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from cineclr.errors import InputError
from cineclr.operation.history import Job, Run, journals, read_journal
from cineclr.operation.reasons import find_progress, find_reason
from cineclr.operation.text import shorten, tell_time

SHOWN = 20  # jobs of a state that are shown one by one
WIDTH = 160  # characters of a line out of a log


def status(run: str = "main", root: Path = Path()) -> None:
    """Show how a run stands: its last start by Snakemake, from the journal in results/<run>/logs/snakemake.

    `root` is the folder that holds results/. Only logs under results/<run>/logs and SLURM's own are quoted.

    Raises:
        InputError: Snakemake has not run this run yet.
    """
    results = root / "results" / run
    found = journals(results)
    if not found:
        known = sorted({path.parents[2].name for path in root.glob("results/*/logs/snakemake/*.jsonl")})
        others = f"; runs here: {', '.join(known)} (--run)" if known else ""
        raise InputError(f"run {run!r}: Snakemake has started no job of it yet{others}")
    print("\n".join(describe_run(read_journal(found[-1]), root, results)))


def describe_run(run: Run, root: Path, results: Path) -> list[str]:
    """Return the lines of `cineclr status`."""
    waiting, total = run.waiting(), sum(run.planned.values()) or len(run.jobs)
    counts = {state: len(run.of_state(state)) for state in ("done", "running", "failed")}
    alive = run.is_alive()
    lines = [f"Run {results.name}: {describe_snakemake(run, alive)}"]
    share = 100 * counts["done"] // total if total else 100
    under_way = "running" if alive is not False else "cut short"
    lines.append(
        f"{counts['done']:,} of {total:,} jobs of this start are done ({share} %), {counts['running']:,} "
        f"{under_way}, {counts['failed']:,} failed, {sum(waiting.values()):,} waiting"
    )
    if alive is False and (locks := list((root / ".snakemake/locks").glob("*"))) and run.ended is None:
        lines.append(f"It left {len(locks)} locks. If no Snakemake runs in this folder: snakemake --unlock")
    lines += _section("Failed", run.of_state("failed"), lambda job: _tell_failed(job, root, results))
    title = "Running" if alive is not False else "Cut short (made again by the next start)"
    lines += _section(title, run.of_state("running"), lambda job: _tell_running(job, root, results, run))
    done = Counter(job.rule for job in run.of_state("done"))
    return [*lines, *_count("Done", done), *_count("Waiting", waiting)]


def describe_snakemake(run: Run, alive: bool | None) -> str:
    """Return what is known of the process."""
    began, facts = _clock(run.started), run.facts
    if run.ended is not None:
        return f"Snakemake ended at {_clock(run.ended)} after {tell_time(run.ended - run.started)}"
    if alive:
        since = tell_time(time.time() - run.started)
        return f"Snakemake runs (process {facts['pid']}) since {began}, {since}"
    if alive is None:
        silent = tell_time(time.time() - run.last)
        return (
            f"started at {began} on {facts.get('host')}; whether it still runs can only be seen there "
            f"(process {facts.get('pid')}). The last job began or ended {silent} ago"
        )
    return f"Snakemake no longer runs: started at {began}, killed at {_clock(run.last)} or later"


def _section(title: str, jobs: Sequence[Job], tell: Callable[[Job], Iterable[str]]) -> list[str]:
    if not jobs:
        return []
    lines = ["", f"{title}:"]
    for job in jobs[:SHOWN]:
        lines += [f"  {job.name}", *(f"      {shorten(line, WIDTH)}" for line in tell(job))]
    further = Counter(job.rule for job in jobs[SHOWN:])
    return [*lines, *([f"  and {_listed(further)}"] if further else [])]


def _tell_failed(job: Job, root: Path, results: Path) -> Iterable[str]:
    tries = f" in attempt {job.attempt}" if job.attempt > 1 else ""
    yield find_reason(job, root, results)
    yield f"failed{tries} at {_clock(job.ended or 0)} after {tell_time((job.ended or 0) - job.started)}"
    for log in [*job.logs, *([job.slurm_log] if job.slurm_log else [])]:
        yield f"log: {log}"


def _tell_running(job: Job, root: Path, results: Path, run: Run) -> Iterable[str]:
    now = run.last if run.is_alive() is False else time.time()
    tries = f", attempt {job.attempt}" if job.attempt > 1 else ""
    slurm = f", SLURM job {job.slurm}" if job.slurm else ""
    yield f"since {_clock(job.started)}, {tell_time(now - job.started)}{tries}{slurm}"
    quiet = "nothing in its log yet: in SLURM's queue, or starting" if job.slurm else "nothing in its log yet"
    yield find_progress(job, root, results) or quiet


def _count(title: str, counts: Mapping[str, int]) -> list[str]:
    return ["", f"{title}: {_listed(counts)}"] if counts else []


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {rule}" for rule, count in counts.items())


def _clock(moment: float) -> str:
    """Return the local time, with its day unless that is today."""
    when = datetime.fromtimestamp(moment)
    return f"{when:%H:%M}" if when.date() == datetime.now().date() else f"{when:%d %b %H:%M}"
