"""The run report: Snakemake's own report of the finished workflow, without paths of this machine."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cineclr
from cineclr.errors import InputError
from cineclr.publishing import publish


def write_report(config: str, wings: list[str], output: Path) -> None:
    """Write `report.html` of the run whose whole configuration is the JSON text `config`.

    `wings` are the targets that it covers: echo, cmr, or both.

    Snakemake's `--report-after-run` cannot stand in a profile, since a dry run of an unfinished workflow
    would fail with it; so this is a rule like any other. Raises InputError with Snakemake's last lines.
    """
    snakefile = Path(cineclr.__file__).parents[2] / "Snakefile"
    with tempfile.TemporaryDirectory() as folder:
        configfile, page = Path(folder) / "config.json", Path(folder) / "report.html"
        configfile.write_text(config)
        command = [sys.executable, "-m", "snakemake", *wings, "--snakefile", str(snakefile)]
        command += ["--nolock", "--cores", "1", "--configfile", str(configfile)]
        command += ["--report", str(page)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not page.exists():
            last = "\n".join(done.stderr.splitlines()[-5:])
            raise InputError(f"Snakemake could not make the report:\n{last}")
        text = page.read_text()
    with publish(output) as temporary:
        temporary.write_text(_without_paths(text, snakefile.parent))


def _without_paths(text: str, *folders: Path) -> str:
    """Replace the folders of this machine, longest first, by a dot."""
    places = {str(folder) for folder in (*folders, Path.cwd(), Path(sys.prefix), Path.home())}
    for place in sorted(places - {"/"}, key=len, reverse=True):
        text = text.replace(place, ".")
    return text
