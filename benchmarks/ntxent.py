"""NT-Xent at the paper's batch: time and memory of a forward and backward pass over 784 x 784 similarities.

    pip install --no-deps lightly
    python benchmarks/ntxent.py [--pairs 392] [--dimensions 128]

The peer is NTXentLoss of lightly (pytorch-metric-learning's, which the tests compare with, holds a cube of
similarities: gigabytes at this size). Each runs in a process of its own, in turn, three times; the fastest
counts. Memory is the growth of the process's peak over what it held before the first pass. One thread.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import torch
from torch import Tensor

REPEATS, PASSES = 3, 20
Loss = Callable[[Tensor, Tensor], Tensor]


def load_ours() -> Loss:
    from cineclr.losses.ntxent import nt_xent

    return lambda first, second: nt_xent(first, second, 0.5).loss


def load_theirs() -> Loss:
    from lightly.loss.ntx_ent_loss import NTXentLoss

    return NTXentLoss(0.5)


LOSSES = {"cineclr": load_ours, "lightly": load_theirs}


def measure(name: str, pairs: int, dimensions: int) -> None:
    """Print milliseconds per pass, peak growth in MB and the loss."""
    torch.set_num_threads(1)
    loss = LOSSES[name]()
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, pairs, dimensions, generator=generator).requires_grad_()
    loss(first[:4], second[:4]).backward()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    value = loss(first, second)
    value.backward()
    start = time.perf_counter()
    for _ in range(PASSES):
        loss(first, second).backward()
    seconds = (time.perf_counter() - start) / PASSES
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(1000 * seconds, grown, float(value.detach()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=392)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--only", choices=LOSSES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        measure(options.only, options.pairs, options.dimensions)
        return
    found: dict[str, list[list[float]]] = {name: [] for name in LOSSES}
    for _ in range(REPEATS):
        for name, runs in found.items():
            run = subprocess.run(
                [sys.executable, *sys.argv, "--only", name], stdout=subprocess.PIPE, check=True
            )
            runs.append([float(value) for value in run.stdout.split()])
    best = {name: min(runs) for name, runs in found.items()}
    for name, (milliseconds, grown, value) in best.items():
        print(f"{name}: {milliseconds:.1f} ms a pass, peak grew by {grown:.0f} MB, loss {value:.5f}")
    (ours, our_peak, _), (theirs, their_peak, _) = best.values()
    print(f"ratio: {theirs / ours:.1f} times as fast, {our_peak / max(their_peak, 1e-9):.2f} of the memory")


if __name__ == "__main__":
    main()
