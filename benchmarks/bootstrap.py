"""Paired bootstrap test of two AUROCs: our time against R's pROC and a loop over scikit-learn, in one run.

    python benchmarks/bootstrap.py [--samples 10000] [--studies 2000]

All after a warm-up, on the same data; the fastest of a few repeats counts. pROC is timed inside R, around
`roc.test` alone. The loop over scikit-learn is timed on some of the resamples and extrapolated: each costs
the same. pROC and the loop use one thread. Without R and pROC only the loop is left to compare with.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
import pandas as pd

from cineclr.stats.bootstrap import bootstrap, bootstrap_test

REPEATS, R_REPEATS, LOOP_SAMPLES = 5, 2, 200
MEMORY_MB = 300
TEST = {"stratified": True, "metrics": ["auroc"]}
CASES = {"AUROC, stratified: the test": TEST, "AUROC and AUPR, plain: the intervals": {}}


def simulate(studies: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) at a prevalence of 0.3 and two correlated models' probabilities (2, n)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(studies) < 0.3).astype(int)
    common = labels + rng.normal(size=studies)
    scores = np.stack([common + rng.normal(size=studies) * noise for noise in (0.5, 0.7)])
    return labels, 1 / (1 + np.exp(-scores))


def time_ours(labels: np.ndarray, probabilities: np.ndarray, samples: int, **options: object) -> float:
    """Return the seconds of the fastest of a few repeats."""
    bootstrap(labels, probabilities, 100, seed=0, **options)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        bootstrap(labels, probabilities, samples, seed=1, **options)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_proc(labels: np.ndarray, probabilities: np.ndarray, samples: int) -> tuple[float, str] | None:
    """Return pROC's seconds and what its test says; None without R and pROC."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.csv"
        columns = {"label": labels, "one": probabilities[0], "two": probabilities[1]}
        pd.DataFrame(columns).to_csv(data, index=False, float_format="%.17g")
        script = Path(__file__).with_suffix(".R")
        command = ["Rscript", str(script), str(data), str(samples), str(R_REPEATS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return None
    seconds, d, p_value, version = done.stdout.split()
    return float(seconds), f"pROC {version}: D = {float(d):.3f}, one-sided p = {float(p_value):.3g}"


def time_loop(labels: np.ndarray, probabilities: np.ndarray, samples: int, *, both: bool) -> float:
    """Return the seconds of a loop over resamples with scikit-learn's AUROC, or AUROC and AUPR, in each."""
    from sklearn.metrics import average_precision_score, roc_auc_score  # not in the memory measured before

    metrics = [roc_auc_score, average_precision_score] if both else [roc_auc_score]
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    for _ in range(LOOP_SAMPLES):
        rows = rng.integers(0, len(labels), len(labels))
        for model in probabilities:
            for metric in metrics:
                metric(labels[rows], model[rows])
    return (time.perf_counter() - start) * samples / LOOP_SAMPLES


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--studies", type=int, default=2_000)
    options = parser.parse_args()
    labels, probabilities = simulate(options.studies)
    print(f"{options.samples} paired resamples, {options.studies} studies, 2 models")
    times = {
        (name, threads): time_ours(labels, probabilities, options.samples, threads=threads, **settings)
        for name, settings in CASES.items()
        for threads in (1, 2)
    }
    result = bootstrap(labels, probabilities, options.samples, seed=1, **TEST)
    d, p_value = bootstrap_test(tuple(result.observed["auroc"]), tuple(result.values["auroc"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB ({'below' if peak < MEMORY_MB else 'ABOVE'} {MEMORY_MB} MB)")
    proc = time_proc(labels, probabilities, options.samples)
    loops = {
        name: time_loop(labels, probabilities, options.samples, both=settings is not TEST)
        for name, settings in CASES.items()
    }
    for (name, threads), ours in times.items():
        loop = loops[name]
        line = (
            f"{name}, {threads} thread(s): {ours:.3f} s; scikit-learn {loop:.1f} s, ratio {loop / ours:.0f}"
        )
        if proc and CASES[name] is TEST:
            line += f"; pROC {proc[0]:.1f} s, ratio {proc[0] / ours:.0f}"
        print(line)
    print(f"ours: D = {d:.3f}, one-sided p = {p_value:.3g}")
    print(proc[1] if proc else "R with the package pROC is not installed: not compared with it")


if __name__ == "__main__":
    main()
