"""Where and how a network computes: device, arithmetic, repeatability; no Lightning, for a quick start."""

import os
from contextlib import AbstractContextManager

import torch

from cineclr.config.base import Precision

HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def make_repeatable(cpu_threads: int, seed: int) -> None:
    """Fix PyTorch's seed, threads and algorithms; an operation that cannot be repeated exactly only warns."""
    # cuBLAS repeats itself only with a fixed workspace, which it reads when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(cpu_threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # What PyTorch fills empty tensors with in this mode only hides reads of them, and takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def use_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a trained network predicts in the arithmetic of its training.

    As in training, float16 becomes bfloat16 on a CPU.
    """
    half = torch.bfloat16 if device.type == "cpu" else HALF.get(precision)
    return torch.autocast(device.type, dtype=half, enabled=precision in HALF)
