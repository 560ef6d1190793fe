"""The one training loop: steps, history, checkpoints, resume; what a step is, each kind of training says."""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from cineclr.data.reader import prefetch
from cineclr.errors import InputError
from cineclr.progress import Progress
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.session import StopFlag, StoppedError

logger = logging.getLogger(__name__)

SAVE_SECONDS = 600.0  # a training that is killed without warning loses at most this
CHECK_STEPS = 20  # steps between looks at the loss: looking makes a GPU wait
PROGRESS_SECONDS = 10.0

Batch = TypeVar("Batch")


class Training(Protocol[Batch]):
    """A kind of training."""

    name: str
    epochs: int

    def steps(self) -> int:
        """Return the optimizer steps of an epoch."""

    def read(self, epoch: int, step: int) -> Batch:
        """Read one batch; a pure function of its arguments, called in a thread."""

    def compute(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return `loss`, to be minimised, and further scalars for the history."""

    def finish_epoch(self, model: nn.Module, epoch: int) -> tuple[dict[str, float], bool]:
        """Return further values for the history, and whether training has come to its end."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed training needs besides model, optimizer and history."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""


@dataclass
class Position:
    """Where a training is, and what it has recorded."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False


class Loop(Generic[Batch]):
    """Trains `module` with `optimizer` until its epochs are over, it finishes early, or a signal stops it."""

    def __init__(
        self,
        fabric: Fabric,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        training: Training[Batch],
        checkpoints: Checkpoints,
    ) -> None:
        self.fabric, self.training, self.checkpoints = fabric, training, checkpoints
        self.module, self.plain_optimizer = module, optimizer
        self.model, self.optimizer = fabric.setup(module, optimizer)
        self.position = Position()
        self._saved = time.monotonic()

    def run(self) -> list[dict[str, float]]:
        """Train, resuming where an intact checkpoint left off; return the history, a row per epoch.

        Raises StoppedError after a signal, with the state saved, and InputError when the loss is no longer
        finite.
        """
        self._resume()
        steps = self.training.steps()
        position = self.position
        left = (self.training.epochs - position.epoch) * steps - position.step
        started, name = time.monotonic(), self.training.name
        progress = Progress(name, left, every=PROGRESS_SECONDS)
        with StopFlag() as stop:
            while position.epoch < self.training.epochs and not position.finished:
                for batch in self._batches(steps):
                    self._step(batch)
                    position.step += 1
                    self._stop_or_save(stop)
                    self._report(progress)
                self._finish_epoch(steps)
        seconds = time.monotonic() - started
        logger.info(
            "%s: %d epochs; %.1f s, %.2f steps/s", name, position.epoch, seconds, progress.done / seconds
        )
        return position.history

    def _batches(self, steps: int) -> Iterator[Batch]:
        epoch = self.position.epoch
        return prefetch(lambda step: self.training.read(epoch, step), range(self.position.step, steps))

    def _step(self, batch: Batch) -> None:
        self.model.train()
        values = self.training.compute(self.model, batch)
        self.optimizer.zero_grad()
        self.fabric.backward(values["loss"])
        self.optimizer.step()
        sums = self.position.sums
        for name, value in values.items():
            sums[name] = sums.get(name, 0) + value.detach().double()
        if self.position.step % CHECK_STEPS == 0:
            self._require_finite(float(self._over_ranks(sums["loss"])))

    def _finish_epoch(self, steps: int) -> None:
        position = self.position
        means = {name: float(self._over_ranks(value)) / steps for name, value in position.sums.items()}
        self._require_finite(means["loss"])
        self.model.eval()
        further, position.finished = self.training.finish_epoch(self.model, position.epoch)
        for value in further.values():
            self._require_finite(value)
        position.history.append({"epoch": position.epoch + 1, **means, **further})
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}

    def _over_ranks(self, value: Tensor) -> Tensor:
        """Return the mean over ranks: the same number on each, so that all of them go on or stop."""
        return cast(Tensor, self.fabric.all_reduce(value))

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"{self.training.name}: the loss became {loss} in epoch {self.position.epoch + 1}. Try a "
                "lower learning rate, or precision 32-true; nothing was written"
            )

    def _report(self, progress: Progress) -> None:
        if self.fabric.is_global_zero:
            last = self.position.history[-1] if self.position.history else {}
            losses = ", ".join(f"{k} {v:.4g}" for k, v in last.items() if k == "epoch" or k.endswith("loss"))
            progress.step(note=losses)

    def _stop_or_save(self, stop: StopFlag) -> None:
        """Save when a signal came, on whichever rank, or when it is time."""
        due = time.monotonic() - self._saved > SAVE_SECONDS
        if self.fabric.world_size > 1:
            wish = torch.tensor([float(bool(stop.received)), float(due)], device=self.fabric.device)
            asked, due = (bool(value > 0) for value in self.fabric.all_reduce(wish, reduce_op="sum"))
        else:
            asked = bool(stop.received)
        if not (asked or due):
            return
        self._require_finite(float(self._over_ranks(self.position.sums["loss"])))
        self._save()
        if asked:
            done = f"epoch {self.position.epoch + 1}, step {self.position.step} of {self.training.steps()}"
            raise StoppedError(
                f"{self.training.name}: stopped by {stop.received or 'a signal'} after {done}; the state is "
                "saved, run the same command again to go on"
            )

    def _save(self) -> None:
        position = self.position
        position.sums = {name: self._over_ranks(value) for name, value in position.sums.items()}
        if self.fabric.is_global_zero:
            state = {
                "model": self.module.state_dict(),
                "optimizer": self.plain_optimizer.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
                "training": self.training.state(),
                "position": vars(position),
            }
            self.checkpoints.save(state, position.epoch * self.training.steps() + position.step)
        self.fabric.barrier()
        self._saved = time.monotonic()

    def _resume(self) -> None:
        state = self.checkpoints.load_newest()
        if state is None:
            return
        self.module.load_state_dict(state["model"])
        self.plain_optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.training.restore(state["training"])
        position = Position(**state["position"])
        position.sums = {name: value.to(self.fabric.device) for name, value in position.sums.items()}
        self.position = position
        logger.info("%s: resumed in epoch %d, step %d", self.training.name, position.epoch + 1, position.step)
