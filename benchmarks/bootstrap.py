"""Paired bootstrap of AUROC and AUPR: our time against a loop over scikit-learn, as a ratio in one run.

    python benchmarks/bootstrap.py [--samples 10000] [--studies 2000]

The loop is timed on a subset of the resamples and extrapolated: every resample costs it the same. One thread.
"""

import argparse
import os
import resource
import sys
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from cineclr.stats.bootstrap import bootstrap, bootstrap_test

REPEATS = 3


def simulate(studies: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n,) at a prevalence of 0.3 and two correlated models' probabilities (2, n)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(studies) < 0.3).astype(int)
    common = labels + rng.normal(size=studies)
    scores = np.stack([common + rng.normal(size=studies) * noise for noise in (0.5, 1.0)])
    return labels, 1 / (1 + np.exp(-scores))


def time_ours(labels: np.ndarray, probabilities: np.ndarray, samples: int, **options: object) -> float:
    """Return the seconds of the fastest of a few repeats."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        bootstrap(labels, probabilities, samples, seed=1, **options)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_loop(labels: np.ndarray, probabilities: np.ndarray, samples: int, metrics: list) -> float:
    """Return the seconds that a loop over `samples` resamples, scikit-learn's `metrics` in each, takes."""
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    for _ in range(samples):
        rows = rng.integers(0, len(labels), len(labels))
        for model in probabilities:
            for metric in metrics:
                metric(labels[rows], model[rows])
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument(
        "--loop-samples", type=int, default=200, help="resamples that the slow loop is timed on"
    )
    options = parser.parse_args()
    labels, probabilities = simulate(options.studies)
    bootstrap(labels, probabilities, 100, seed=0)
    print(f"{options.samples} paired resamples, {options.studies} studies, 2 models, 1 thread")
    cases = {
        "AUROC, stratified (the test)": ([roc_auc_score], {"stratified": True, "metrics": ["auroc"]}),
        "AUROC and AUPR, plain (the intervals)": ([roc_auc_score, average_precision_score], {}),
    }
    for name, (metrics, settings) in cases.items():
        ours = time_ours(labels, probabilities, options.samples, **settings)
        timed = time_loop(labels, probabilities, options.loop_samples, metrics)
        loop = timed * options.samples / options.loop_samples
        print(f"{name}: {ours:.3f} s; scikit-learn loop {loop:.1f} s; ratio {loop / ours:.0f}")
    test = bootstrap(labels, probabilities, options.samples, seed=1, stratified=True, metrics=["auroc"])
    d, p_value = bootstrap_test(tuple(test.observed["auroc"]), tuple(test.values["auroc"]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"D = {d:.3f}, one-sided p = {p_value:.3g}; peak memory {peak:.0f} MB with scikit-learn loaded")


if __name__ == "__main__":
    main()
