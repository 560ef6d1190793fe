"""The echo paper's whole grid of evaluations, as the workflow runs it: seconds and peak memory.

    python benchmarks/evaluation_grid.py

Two tasks x two test sets x 30 models (5 inits, 6 ratios), as many studies as in the paper: 10,000 plain
resamples of AUROC and AUPR for the intervals, 10,000 stratified ones of AUROC for the tests. Prediction files
are read, joined by study and checked, and the tables written. One process, one thread.
"""

import resource
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
import pandas as pd

from cineclr.config.echo import Evaluation
from cineclr.reporting.evaluate import evaluate_echo
from cineclr.reporting.predictions import INITS

RATIOS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
STUDIES = {"internal": 1_062, "external": 3_056}
PREVALENCE = {"lvh": 0.25, "severe_as": 0.1}
LIMIT_S = 60


def write_predictions(folder: Path, prevalence: float, rng: np.random.Generator) -> list[Path]:
    """Write <init>/<ratio>.csv of 30 models, the better the more labels they have seen."""
    test_set = np.repeat(list(STUDIES), list(STUDIES.values()))
    studies = [f"S{number:05d}" for number in range(len(test_set))]
    labels = (rng.random(len(test_set)) < prevalence).astype(int)
    common, paths = rng.normal(size=len(test_set)), []
    for init, ratio in product(INITS, RATIOS):
        scores = labels * (1 + ratio) + common + rng.normal(size=len(test_set))
        columns = {"study": studies, "test_set": test_set, "label": labels}
        paths.append(folder / init / f"{ratio:g}.csv")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(columns | {"probability": 1 / (1 + np.exp(-scores))}).to_csv(paths[-1], index=False)
    return paths


def main() -> None:
    rng, total = np.random.default_rng(0), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for task, prevalence in PREVALENCE.items():
            root = Path(folder) / task
            paths = write_predictions(root, prevalence, rng)
            start = time.perf_counter()
            evaluate_echo(task, paths, root / "splits.csv", Evaluation(), 0, root / "evaluation.csv")
            total += time.perf_counter() - start
            rows = len(pd.read_csv(root / "evaluation.csv"))
            print(f"{task}: {rows} rows after {time.perf_counter() - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{total:.1f} s ({'below' if total < LIMIT_S else 'ABOVE'} {LIMIT_S} s), peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
