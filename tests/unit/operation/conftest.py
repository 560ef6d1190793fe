import subprocess
import sys
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
