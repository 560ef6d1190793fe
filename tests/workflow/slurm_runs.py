"""The micro workflow on a SLURM of the tests' own, and copies of a finished run to disturb."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conftest import MICRO, ROOT
from slurm_cluster import SlurmCluster

SECONDS = 1200
# A profile for people polls every minute; a test need not.
QUICK = ["--seconds-between-status-checks", "2", "--slurm-init-seconds-before-status-checks", "2"]


class SlurmRun:
    """The workflow in a folder, as `snakemake --profile profiles/slurm` runs it."""

    def __init__(self, cluster: SlurmCluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.log = folder / "snakemake.out"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own; what it says is appended to `log`."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.folder), "--configfile", str(ROOT / "config.yaml"), str(MICRO)]
        command += ["--profile", str(ROOT / "profiles/slurm"), *QUICK, "--jobs", "4", "--latency-wait", "20"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--workflow-profile", str(ROOT / "profiles/default")],
                env=self.cluster.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def finish(self, snakemake: subprocess.Popen[bytes], seconds: float = SECONDS) -> int:
        """Wait for Snakemake; return its exit code."""
        try:
            return snakemake.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            snakemake.send_signal(signal.SIGINT)
            raise AssertionError(f"not finished after {seconds} s: {self.said()[-3000:]}") from None

    def run(self, *arguments: str) -> int:
        return self.finish(self.start(*arguments))

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def running(self, rule: str) -> str:
        """Return the id of a running job of a rule; empty if there is none."""
        jobs = [job for job in self.cluster.jobs() if job.get("Comment", "").startswith(f"rule_{rule}")]
        own = [job for job in jobs if job["JobState"] == "RUNNING" and job["WorkDir"] == str(self.folder)]
        return own[0]["JobId"] if own else ""

    def checkpoint_of(self, rule: str) -> bool:
        """Return whether a training of this rule has saved its state."""
        return any((self.folder / "results/micro/checkpoints" / rule).rglob("*-*.pt"))

    def processes(self, command: str) -> list[int]:
        """Return the processes of a cineclr command that work in this folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                here = (entry / "cwd").readlink() == self.folder
            except OSError:
                continue
            if here and words[1:4] == [b"-m", b"cineclr", command.encode()]:
                found.append(int(entry.name))
        return found


def copy_run(finished: Path, folder: Path) -> Path:
    """Return a copy of a finished run; large files are links, since the workflow never writes into one."""
    folder.mkdir()
    for name in ("results", "private"):
        shutil.copytree(finished / name, folder / name, copy_function=_link)
    for log in ("logs", "benchmarks"):
        shutil.rmtree(folder / "results/micro" / log)
    shutil.copytree(finished / ".snakemake", folder / ".snakemake")
    return folder


def _link(source: str, target: str) -> str:
    os.link(source, target)
    return target


def wait_until(ready: Callable[[], object], what: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited for {what} in vain"
        time.sleep(0.2)
