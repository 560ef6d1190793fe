"""How often 95 % intervals of an AUROC cover the truth, and how often tests at 5 % err; as Markdown tables.

    python benchmarks/coverage.py [--simulations 10000] [--bootstraps 2000] [--processes 2]

Scores are normal with sd 1, positives shifted so that the true AUROC is known. A missing interval (the logit
interval of an AUROC of 1) counts as a miss. The two models of a test have the same truth and share half of
their noise.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
from scipy.special import ndtr, ndtri

from cineclr.stats.bootstrap import bootstrap, bootstrap_test, percentile_interval
from cineclr.stats.delong import delong, logit_interval, normal_interval, paired_test

RESAMPLES = 2_000
LEVEL = 0.05
BATCH = 50


@dataclass(frozen=True)
class Cell:
    """What is simulated: n studies, so many positive, of two models with one true AUROC."""

    studies: int
    positives: int
    truth: float

    def simulate(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels (n,) and scores (2, n) of one simulation."""
        rng = np.random.default_rng((self.studies, self.positives, int(1000 * self.truth), number))
        labels = np.repeat([1, 0], [self.positives, self.studies - self.positives])
        noise = np.sqrt(0.5) * (rng.normal(size=self.studies) + rng.normal(size=(2, self.studies)))
        return labels, np.sqrt(2) * ndtri(self.truth) * labels + noise

    def covers(self, interval: tuple) -> bool:
        low, high = interval
        return bool(low <= self.truth <= high)


MAIN = Cell(studies=1000, positives=300, truth=0.75)
SMALL = [
    Cell(studies, round(studies * prevalence), truth)
    for studies, prevalence, truth in product((20, 50, 100, 200, 500), (0.1, 0.3), (0.75, 0.9, 0.97))
]


def try_delong(cell: Cell, number: int) -> dict[str, bool]:
    """Return whether each of DeLong's intervals covers, whether the AUROC is 1 and whether the test errs."""
    result = delong(*cell.simulate(number))
    value, variance = result.aurocs[0], result.variances[0]
    return {
        "normal": cell.covers(normal_interval(value, variance)),
        "logit": cell.covers(logit_interval(value, variance)),
        "AUROC of 1": bool(value == 1),
        "paired DeLong test": paired_test(result)[1] < LEVEL,
    }


def try_interval(cell: Cell, number: int) -> dict[str, bool]:
    """Return whether the percentile interval of plain resamples covers."""
    labels, scores = cell.simulate(number)
    values = bootstrap(labels, ndtr(scores[0]), RESAMPLES, number, metrics=["auroc"]).values["auroc"][0]
    return {"bootstrap": cell.covers(percentile_interval(values))}


def try_tests(cell: Cell, number: int) -> dict[str, bool]:
    """Return whether the bootstrap tests on stratified resamples err."""
    labels, scores = cell.simulate(number)
    result = bootstrap(labels, ndtr(scores), RESAMPLES, number, stratified=True, metrics=["auroc"])
    pairs = tuple(result.observed["auroc"]), tuple(result.values["auroc"])
    return {
        "bootstrap test, two-sided": bootstrap_test(*pairs, "two_sided")[1] < LEVEL,
        "bootstrap test, one-sided": bootstrap_test(*pairs, "greater")[1] < LEVEL,
    }


def try_batch(trial, cell: Cell, start: int) -> list[dict[str, bool]]:
    return [trial(cell, number) for number in range(start, start + BATCH)]


def rates(pool: ProcessPoolExecutor, trial, cell: Cell, simulations: int) -> dict[str, float]:
    """Return the share of simulations in which each outcome of a trial is true."""
    batches = pool.map(partial(try_batch, trial, cell), range(0, simulations, BATCH))
    outcomes = [outcome for batch in batches for outcome in batch]
    return {name: float(np.mean([outcome[name] for outcome in outcomes])) for name in outcomes[0]}


def error(share: float, simulations: int) -> float:
    """Return the standard error of a share of so many simulations."""
    return float(np.sqrt(share * (1 - share) / simulations))


def print_row(cells: Sequence[object]) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def print_main(pool: ProcessPoolExecutor, simulations: int) -> None:
    found: dict[str, float] = {}
    for trial in (try_delong, try_interval, try_tests):
        found |= rates(pool, trial, MAIN, simulations)
    print(
        f"{MAIN.studies} studies, {MAIN.positives} positive, AUROC {MAIN.truth}; {simulations} simulations, "
        f"{RESAMPLES} resamples each\n"
    )
    print_row(["95 % interval or 5 % test", "should be, %", "is, %", "Monte-Carlo error, %"])
    print_row(["---", "---:", "---:", "---:"])
    for name, share in found.items():
        nominal = LEVEL if "test" in name else 1 - LEVEL
        if name != "AUROC of 1":
            label = name if "test" in name else f"{name} interval"
            print_row(
                [
                    label,
                    f"{100 * nominal:.0f}",
                    f"{100 * share:.2f}",
                    f"{100 * error(share, simulations):.2f}",
                ]
            )


def print_small(pool: ProcessPoolExecutor, simulations: int, bootstraps: int) -> None:
    errors = [100 * error(0.95, many) for many in (simulations, bootstraps)]
    print(
        f"\nCoverage in % of {simulations} simulations (normal, logit; standard error {errors[0]:.2f}) and "
        f"{bootstraps} (bootstrap; {errors[1]:.2f})\n"
    )
    print_row(["studies", "positive", "AUROC", "normal", "logit", "bootstrap", "sample AUROC of 1"])
    print_row(["---:"] * 7)
    for cell in SMALL:
        found = rates(pool, try_delong, cell, simulations) | rates(pool, try_interval, cell, bootstraps)
        shares = [f"{100 * found[name]:.1f}" for name in ("normal", "logit", "bootstrap", "AUROC of 1")]
        print_row([cell.studies, cell.positives, cell.truth, *shares])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--bootstraps", type=int, default=2_000, help="bootstrapped ones of the small cells")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        print_main(pool, options.simulations)
        print_small(pool, options.simulations, options.bootstraps)
    print(f"\n{time.perf_counter() - start:.0f} s with {options.processes} processes")


if __name__ == "__main__":
    main()
