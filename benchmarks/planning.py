"""How long Snakemake plans both papers' full grids, and a finished run in which nothing is to be done.

    python benchmarks/planning.py

The number of jobs depends on the configuration, not on the number of studies: work is cut into a fixed number
of shards. So the plan of the papers' cohorts (10,865 echo studies, 447,653 videos; 65,492 people with MRI) is
that of an empty sheet. The finished run is made of empty files, which Snakemake records as done (--touch).
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cineclr.private import init

ROOT = Path(__file__).parents[1]
ECHO = "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
CMR = "study_id,patient_id,study_date,sex,age,cohort,lvef\n"
REPEATS = 3


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """Return what Snakemake prints, its seconds, and the peak memory in MB of it and its children."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(ROOT / "config.yaml"), "--cores", "2"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return done.stdout + done.stderr, seconds, peak


def prepare(folder: Path) -> None:
    """Make the private side of both papers, with sheets of headings only."""
    (folder / "dicom").mkdir()
    for name, heading in (("echo", ECHO), ("mri", CMR), ("reports", "study_id,report\n")):
        (folder / f"{name}.csv").write_text(heading)
    init(
        folder / "private/main",
        [folder / "dicom"],
        folder / "echo.csv",
        [folder / "dicom"],
        folder / "mri.csv",
        folder / "reports.csv",
    )


def finish(folder: Path) -> int:
    """Make every output as an empty file, in the order of the plan; return how many."""
    summary, _, _ = snakemake(folder, "--dry-run", "--summary")
    outputs = [line.split("\t")[0] for line in summary.splitlines() if "\t" in line][1:]
    for name in outputs:
        path = folder / name
        directory = name.endswith(("sentence_splitter", "text_encoder")) or Path(name).name.startswith(
            "shard_"
        )
        if directory and not path.suffix:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
    snakemake(folder, "--touch", "--no-hooks", "--quiet", "all")
    return len(outputs)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        said, _, _ = snakemake(folder, "--dry-run", "--quiet", "rules")
        jobs = next(int(line.split()[1]) for line in said.splitlines() if line.split()[:1] == ["total"])
        planned = [snakemake(folder, "--dry-run", "--quiet", "rules")[1:] for _ in range(REPEATS)]
        parsed = [snakemake(folder, "--list")[1] for _ in range(REPEATS)]
        outputs = finish(folder)
        said, _, _ = snakemake(folder, "--dry-run")
        assert "Nothing to be done" in said, said[-2000:]
        nothing = [snakemake(folder, "--dry-run")[1] for _ in range(REPEATS)]
        found = {
            "jobs": jobs,
            "plan_s": round(min(seconds for seconds, _ in planned), 1),
            "plan_peak_mb": round(max(peak for _, peak in planned)),
            "parse_s": round(min(parsed), 1),
            "outputs": outputs,
            "nothing_to_do_s": round(min(nothing), 1),
            "cpus": os.cpu_count(),
        }
        print(json.dumps(found))


if __name__ == "__main__":
    main()
