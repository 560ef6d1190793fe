"""The GPUs of a process, where neither SLURM nor the user has assigned any."""

import fcntl
import itertools
import logging
import os
import tempfile
from pathlib import Path

import torch

log = logging.getLogger(__name__)

TAKEN = "CINECLR_GPUS"  # what a training has taken is for the processes that it starts, too
ASSIGNED = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
_held: list[int] = []  # descriptors of locks; they end with the process


def take_gpus(wanted: int) -> list[int]:
    """Return the numbers of the GPUs to compute on, at most `wanted`; none on a machine without.

    Jobs that Snakemake runs side by side on one machine see all its GPUs. Each takes some that no other has,
    and holds them until it ends; where all are held, the first is shared. Where CUDA_VISIBLE_DEVICES or SLURM
    has assigned GPUs, they are taken in their order.
    """
    if TAKEN in os.environ:
        return [int(number) for number in os.environ[TAKEN].split(",")]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count < 2 or any(name in os.environ for name in ASSIGNED):
        return list(range(min(wanted, count)))
    taken = list(itertools.islice((number for number in range(count) if _lock(number)), wanted))
    if not taken:
        log.warning("every GPU is held by other jobs; the first is shared with them")
        taken = [0]
    os.environ[TAKEN] = ",".join(map(str, taken))
    return taken


def choose_device() -> torch.device:
    """Return a GPU that no other job of this machine holds, or the CPU where there is no GPU."""
    taken = take_gpus(1)
    if not taken:
        return torch.device("cpu")
    torch.cuda.set_device(taken[0])
    return torch.device("cuda", taken[0])


def _lock(number: int) -> bool:
    path = Path(tempfile.gettempdir(), f"cineclr-{os.getuid()}-gpu-{number}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True
