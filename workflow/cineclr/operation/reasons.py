"""Why a job failed and how far one has come: one line out of its logs."""

import re
from pathlib import Path

from cineclr.operation.history import Job

TAIL = 65536  # bytes of a log that are looked at
BARS = ("█", "░")  # in a line of progress
# Our commands end with such a line when the user, the data or a signal is the reason.
OWN = re.compile(r"^(?:cineclr [\w-]+: )?(?:error|unexpected \w+): ")
REFUSED = re.compile(r"^(?:srun|sbatch|slurmstepd\S*): (?:error|fatal): (?!.*Exited with exit code)")
STATUS = re.compile(r"SLURM status is: '(\w+)'")
KILLED = {
    "OUT_OF_MEMORY": "out of memory: --set-resources {rule}:mem_mb=MB gives it more",
    "TIMEOUT": "out of time: --set-resources {rule}:runtime=MINUTES gives it more, or run again: a training "
    "goes on from its last checkpoint",
    "NODE_FAIL": "its node failed; run again",
    "PREEMPTED": "preempted; run again: a training goes on from its last checkpoint",
    "CANCELLED": "cancelled: by someone, by the cluster, or because Snakemake was stopped",
}
# What SLURM, or the kernel by the shell, writes into a log when it ends a job.
SIGNS = (
    (
        re.compile(r"oom[-_ ]?kill|out of memory handler|exceeded .*memory limit", re.IGNORECASE),
        "OUT_OF_MEMORY",
    ),
    (re.compile(r"DUE TO TIME LIMIT"), "TIMEOUT"),
    (re.compile(r"DUE TO NODE FAILURE"), "NODE_FAIL"),
    (re.compile(r"DUE TO PREEMPTION"), "PREEMPTED"),
    (re.compile(r"slurmstepd\S*: error: .*CANCELLED"), "CANCELLED"),
)


def find_reason(job: Job, root: Path, results: Path) -> str:
    """Return what tells most of a failed job: SLURM's verdict, our own error, or the log's last words."""
    own = [line for log in job.logs for line in read_tail(root / log, results / "logs")]
    slurm = read_tail(root / job.slurm_log, root / ".snakemake") if job.slurm_log else []
    if verdict := _find_verdict(job.message, [*slurm, *own]):
        return KILLED[verdict].format(rule=job.rule)
    errors = [line for line in own if OWN.match(line)]
    if errors:
        return errors[-1]
    said = [line for line in own if not line.startswith(BARS) and not any(bar in line for bar in BARS)]
    if own and said and said[-1] == own[-1]:
        return said[-1]
    if refused := [line for line in slurm if REFUSED.match(line)]:
        return refused[-1]
    status = STATUS.search(job.message)
    if job.message and not status:
        return job.message
    words = f" (SLURM: {status[1]})" if status else ""
    last = f"; the last it said: {own[-1]}" if own else ""
    return f"ended without a word, as a process does that is killed (memory?){words}{last}"


def find_progress(job: Job, root: Path, results: Path) -> str:
    """Return the last line of a running job's log; empty if nothing was written since it was started."""
    for log in job.logs:
        path = root / log
        if (
            path.is_file()
            and path.stat().st_mtime >= job.started
            and (lines := read_tail(path, results / "logs"))
        ):
            return lines[-1]
    return ""


def read_tail(path: Path, folder: Path) -> list[str]:
    """Return the last lines of a log that are not empty, without the space around them.

    Only of files in `folder`: whatever a journal names, nothing of the private side is read.
    """
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


def _find_verdict(message: str, lines: list[str]) -> str:
    """Return SLURM's word for how it ended a job; empty where it did not."""
    found = STATUS.search(message)
    if found and found[1] in KILLED:
        return found[1]
    return next((verdict for sign, verdict in SIGNS for line in lines if sign.search(line)), "")
