import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MICRO = Path(__file__).parent / "micro.yaml"
# A sheet of one study.
SHEET = (
    "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
    "1.2.3,A1,2018-05-04,F,71,severe,0,101\n"
)


@dataclass(frozen=True)
class Workflow:
    """The workflow as a user runs it, in a folder of its own."""

    folder: Path
    configfiles: tuple[Path, ...] = (ROOT / "config.yaml",)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", str(self.folder), "--cores", "2", "--resources", "gpu=2"]
        command += ["--configfile", *map(str, self.configfiles)]
        return subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)

    def planned(self, *arguments: str) -> dict[str, int]:
        """Job counts by rule of a dry run."""
        done = self.snakemake(*arguments, "--dry-run", "--quiet", "rules")
        assert done.returncode == 0, done.stderr + done.stdout
        lines = (line.split() for line in (done.stderr + done.stdout).splitlines())
        return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


@pytest.fixture
def workflow(tmp_path):
    return Workflow(tmp_path)


@pytest.fixture
def demo_plan(tmp_path):
    """The micro profile before its first job."""
    return Workflow(tmp_path, (ROOT / "config.yaml", MICRO))


def run_micro(folder: Path) -> Workflow:
    micro = Workflow(folder, (ROOT / "config.yaml", MICRO))
    done = micro.snakemake()
    assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-3000:]
    return micro


@pytest.fixture(scope="session")
def micro(tmp_path_factory):
    """A finished run of the micro profile; tests that share it change nothing in it."""
    return run_micro(tmp_path_factory.mktemp("micro"))
