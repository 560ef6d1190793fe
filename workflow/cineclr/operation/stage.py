"""How a kind of step is measured: the real loop for an epoch to warm up and one that counts."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn

from cineclr.config.base import Execution
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.loop import Loop

EPOCHS = 2  # the first, in which memory is taken and kernels are chosen, does not count
RATE = 1e-5  # learning rate: nothing is learnt from random pixels, and nothing shall overflow


@dataclass(frozen=True)
class Scale:
    """How much is measured: the papers' batches on a GPU, on a CPU what ends within a minute.

    Attributes:
        gpu: whether there is one.
        steps: optimizer steps, or batches, of an epoch.
    """

    gpu: bool
    steps: int

    def batch(self, on_gpu: int, on_cpu: int) -> int:
        """Return the examples of a step."""
        return on_gpu if self.gpu else on_cpu


@dataclass(frozen=True)
class Measured:
    """Clips per second, and how that was measured."""

    clips_per_second: float
    how: str


class Unvalidated:
    """A training without what follows an epoch: `cineclr plan` counts validation by itself."""

    def __init__(self, training: Any) -> None:
        self._training = training

    def __getattr__(self, name: str) -> Any:
        return getattr(self._training, name)

    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """Go on."""
        return {}, False


def time_training(fabric: Fabric, model: nn.Module, training: Any) -> float:
    """Return the examples per second of the last epoch: reading, augmentation, both passes, optimizer."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, fused=True)
    execution = Execution(save_minutes=1000, probe_epochs=0, skip_non_finite=1000)
    with tempfile.TemporaryDirectory() as folder:
        kept = Checkpoints(Path(folder), "speed")
        loop: Loop[Any] = Loop(fabric, model, optimizer, cast(Any, Unvalidated(training)), kept, execution)
        loop.run()
    return loop.timings["clips_per_second"]


def time_call(call: Callable[[], object], clips: int) -> float:
    """Return the clips per second of a call, which waits for the device, the second time it is made."""
    call()
    began = time.perf_counter()
    call()
    return clips / (time.perf_counter() - began)
