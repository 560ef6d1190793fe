import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[3] / "workflow"

SNAKEFILE = """
import sys

sys.path.insert(0, {workflow!r})

from cineclr.operation.journal import end_journals, keep_journal, name_journal


onstart:
    keep_journal(name_journal(Path("results/main")), jobs=workflow.dag.stats()[1])


onerror:
    end_journals()


rule all:
    input:
        "good.txt",
        expand("train_{{task}}.txt", task=["lvh", "as"]),
        "lacking.txt",


rule good:
    output:
        "good.txt",
    log:
        "results/main/logs/good.log",
    shell:
        "echo fine > {{log}}; touch {{output}}"


rule train:
    output:
        "train_{{task}}.txt",
    log:
        "results/main/logs/train/{{task}}.log",
    resources:
        gpu=2,
        mem_mb=64000,
        runtime=720,
    shell:
        "echo 'cineclr train: error: task {{wildcards.task}}: no study has a label' > {{log}}; exit 1"


rule lacking:
    output:
        "lacking.txt",
    log:
        "results/main/logs/lacking.log",
    shell:
        "touch {{log}}"
"""


@pytest.fixture(scope="session")
def broken_run(tmp_path_factory):
    """What a real Snakemake leaves of a run whose jobs fail, each once more than it was tried."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "Snakefile").write_text(SNAKEFILE.format(workflow=str(WORKFLOW)))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going", "--quiet", "rules"]
    command += ["--retries", "1", "--latency-wait", "0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    return folder


@pytest.fixture
def killed_run(tmp_path):
    """A real Snakemake at work on a job that does not end, and a way to kill both."""
    text = SNAKEFILE.format(workflow=str(WORKFLOW)).replace("echo fine", "echo fine; sleep 600")
    (tmp_path / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "good.txt"]
    with (tmp_path / "out.txt").open("w") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=output, stderr=output, start_new_session=True
        )
    journal = tmp_path / "results/main/logs/snakemake"
    for _ in range(600):
        if any("started" in path.read_text() for path in journal.glob("*.jsonl")):
            break
        time.sleep(0.1)

    def kill():
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    yield tmp_path, process.pid, kill
    if process.poll() is None:
        kill()
