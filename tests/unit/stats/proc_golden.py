"""What R's pROC says of the data sets of `proc_sets`: asked of R now, or as committed.

python proc_golden.py      renews proc_golden.csv and proc_bootstrap.csv; needs Rscript and the package pROC
"""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from proc_sets import BOOTSTRAP_SETS, checksum, data_sets

HERE = Path(__file__).parent
DELONG, BOOTSTRAP = HERE / "proc_golden.csv", HERE / "proc_bootstrap.csv"
RESAMPLES = 10_000
BOOTSTRAP_OPTIONS = (RESAMPLES, *BOOTSTRAP_SETS)


def has_proc() -> bool:
    """Return whether Rscript and the package pROC are here."""
    if shutil.which("Rscript") is None:
        return False
    return subprocess.run(["Rscript", "-e", "library(pROC)"], capture_output=True).returncode == 0


def ask_r(frame: pd.DataFrame, *options: int) -> str:
    """Return what proc_golden.R prints."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.csv"
        frame.to_csv(data, index=False, float_format="%.17g")
        command = ["Rscript", str(HERE / "proc_golden.R"), str(data), *map(str, options)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def parse(text: str) -> pd.DataFrame:
    """Return the values by set; what pROC could not tell is NaN."""
    return pd.read_csv(io.StringIO(text), comment="#", index_col="set")


def renew() -> None:
    frame = data_sets()
    for path, options in ((DELONG, ()), (BOOTSTRAP, BOOTSTRAP_OPTIONS)):
        path.write_text(f"# data {checksum(frame)}\n{ask_r(frame, *options)}")


if __name__ == "__main__":
    renew()
