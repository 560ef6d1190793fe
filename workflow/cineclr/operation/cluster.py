"""What SLURM is asked: jobs that a dead Snakemake left behind, how long this job may run."""

import logging
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from cineclr.errors import InputError

log = logging.getLogger(__name__)

# Snakemake's SLURM jobs carry the random name of the Snakemake that submitted them.
RUN_NAME = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LEFT = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d\d)")  # squeue's days-hours:minutes:seconds
SECONDS_TO_GO = 180  # for cancelled jobs to save their state and end


def ask_slurm(*command: str, seconds: float = 30) -> str:
    """Return what a command of SLURM prints.

    Raises InputError where it is missing, fails or does not answer.
    """
    if not shutil.which(command[0]):
        raise InputError(f"SLURM: {command[0]} is not on the path; load the cluster's module for SLURM")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"SLURM: {command[0]} does not answer within {seconds:g} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"SLURM: {command[0]}: {last}")
    return done.stdout


def find_orphans(folder: Path) -> list[str]:
    """Return the ids of this user's SLURM jobs that some Snakemake submitted from `folder`."""
    listed = ask_slurm("squeue", "--me", "--noheader", "--format", "%i|%j|%Z")
    rows = [line.strip().split("|", 2) for line in listed.splitlines() if line.count("|") >= 2]
    return [
        job
        for job, name, place in rows
        if RUN_NAME.fullmatch(name) and Path(place) == folder and job != os.environ.get("SLURM_JOB_ID")
    ]


def end_orphans(folder: Path) -> None:
    """Cancel the jobs that a Snakemake which is no more left in `folder`, and wait until they are gone.

    They would write the files that new jobs write. Trainings save their state before they end. To be called
    with the folder's lock held; does nothing on a machine without SLURM. Raises InputError if they stay.
    """
    if not shutil.which("squeue"):
        return
    try:
        orphans = find_orphans(folder)
    except InputError as error:
        if (folder / ".snakemake/slurm_logs").exists():  # without them no job was ever submitted here
            log.warning("jobs left behind by an earlier Snakemake were not looked for: %s", error)
        return
    if not orphans:
        return
    log.warning("ending %d SLURM jobs that an earlier Snakemake left here", len(orphans))
    ask_slurm("scancel", *orphans)
    end = time.monotonic() + SECONDS_TO_GO
    while find_orphans(folder):
        if time.monotonic() > end:
            raise InputError(
                f"SLURM: cancelled jobs are still there after {SECONDS_TO_GO} s: see squeue --me"
            )
        time.sleep(2)


def seconds_left(job: str) -> float:
    """Return the seconds until SLURM ends a job; infinity where there is no limit or nobody can tell."""
    try:
        text = ask_slurm("squeue", "--noheader", "--jobs", job, "--format", "%L", seconds=10).strip()
    except InputError:
        return float("inf")
    found = LEFT.fullmatch(text)
    if not found:
        return float("inf")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
