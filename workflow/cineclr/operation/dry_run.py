"""What Snakemake would do now: a dry run whose jobs are taken from its journal, not from its screen."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cineclr.config import Config, load_config
from cineclr.errors import InputError
from cineclr.operation.history import Job, read_journal
from cineclr.operation.journal import keep_journal

VARIABLE = "CINECLR_DRY_RUN"  # of the environment: where the workflow keeps the journal of a dry run
SNAKEFILE = Path(__file__).resolve().parents[3] / "Snakefile"
TOLD = 15  # last lines of Snakemake's that are shown where it fails


@dataclass(frozen=True)
class DryRun:
    """The jobs to do, in Snakemake's order, and the configuration that they follow."""

    config: Config
    jobs: list[Job]


def plan_jobs(root: Path, profile: str, config: Sequence[Path], targets: Sequence[str]) -> DryRun:
    """Let Snakemake plan in `root` with a profile, further configuration files and targets.

    Raises:
        InputError: Snakemake refuses; its own words follow.
    """
    own = root / "Snakefile"
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--quiet", "rules"]
    command += ["--snakefile", str(own if own.is_file() else SNAKEFILE), "--directory", str(root)]
    command += ["--profile", profile] if profile else ["--cores", "1"]
    command += ["--configfile", *map(str, config)] if config else []
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "dry_run.jsonl"
        environment = {**os.environ, VARIABLE: str(journal)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode or not journal.is_file():
            words = (done.stderr + done.stdout).strip().splitlines()
            raise InputError("snakemake --dry-run refuses:\n" + "\n".join(words[-TOLD:]))
        run = read_journal(journal)
    return DryRun(load_config(run.facts["config"]), list(run.jobs.values()))


def follow_dry_run(config: Config) -> None:
    """Keep the journal that `plan_jobs` asks for; the workflow calls this with its configuration."""
    if VARIABLE in os.environ:
        keep_journal(Path(os.environ[VARIABLE]), config=config.model_dump(mode="json"))
