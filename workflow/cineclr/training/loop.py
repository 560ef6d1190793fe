"""The one training loop: steps, history, checkpoints, resume; what a step is, each kind of training says."""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from cineclr.config.base import Execution
from cineclr.data.reader import prefetch
from cineclr.errors import InputError
from cineclr.progress import Progress
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.history import EventLog
from cineclr.training.kind import Batch, Training
from cineclr.training.session import StopFlag, StoppedError
from cineclr.training.timing import Timing
from cineclr.training.update import Update

logger = logging.getLogger(__name__)

CHECK_STEPS = 20  # steps between looks at what was skipped: looking makes a GPU wait
PROGRESS_SECONDS = 10.0


@dataclass
class Position:
    """Where a training is, and what it has recorded; `sums` are over the epoch's updates."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    finished: bool = False


class Loop(Generic[Batch]):
    """Trains `module` with a fused `optimizer` until its epochs are over, it ends early, or it is stopped.

    With `tensorboard`, a folder, the history and timings are written there too.
    """

    def __init__(
        self,
        fabric: Fabric,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        training: Training[Batch],
        checkpoints: Checkpoints,
        execution: Execution,
        tensorboard: Path | None = None,
    ) -> None:
        self.fabric, self.training, self.checkpoints = fabric, training, checkpoints
        self.execution, self.tensorboard = execution, tensorboard if fabric.is_global_zero else None
        self.module, self.plain_optimizer = module, optimizer
        network = torch.compile(module) if execution.compile else module
        self.model, wrapped = fabric.setup(cast(nn.Module, network), optimizer)
        self.update = Update(fabric, module, wrapped, training.settings.clip_gradient_norm)
        self.position, self.timing, self.latest = Position(), Timing(fabric.device), ""
        self.timings: dict[str, float] = {}
        self._rates = [group["lr"] for group in optimizer.param_groups]
        self._saved = time.monotonic()
        self._wishes: Tensor | None = None

    def run(self) -> list[dict[str, float]]:
        """Train, resuming where an intact checkpoint left off; return the history, a row per epoch.

        Raises StoppedError after a signal or near the end of the job's time, with the state saved, and
        InputError when the loss is no longer finite.
        """
        self._resume()
        position, steps = self.position, self.training.steps()
        left = (self.training.epochs - position.epoch) * steps - position.step
        started, name = time.monotonic(), self.training.name
        progress = Progress(name, left, every=PROGRESS_SECONDS)
        events = EventLog(self.tensorboard, position.epoch)
        with StopFlag() as stop:
            while position.epoch < self.training.epochs and not position.finished:
                self._set_rates(position.epoch)
                for parts in self._batches(steps):
                    self._step(parts)
                    self._stop_or_save(stop)
                    if self.fabric.is_global_zero:
                        progress.step(note=self.latest)
                self._finish_epoch(events)
        events.close()
        seconds = time.monotonic() - started
        logger.info(
            "%s: %d epochs; %.1f s, %.2f steps/s; last %s",
            *(name, position.epoch, seconds, progress.done / seconds, self.latest),
        )
        return position.history

    def _set_rates(self, epoch: int) -> None:
        factor = self.training.rate_factor(epoch)
        for group, rate in zip(self.plain_optimizer.param_groups, self._rates, strict=True):
            group["lr"] = factor * rate

    def _batches(self, steps: int) -> Iterator[list[Batch]]:
        epoch = self.position.epoch
        read = prefetch(lambda step: self.training.read(epoch, step), range(self.position.step, steps))
        return self.timing.watch(read)

    def _step(self, parts: list[Batch]) -> None:
        """Update the weights by the micro-batches' gradients, each weighted by its share of the clips."""
        self.model.train()
        self.update.begin()
        clips = sum(len(part) for part in parts)
        means: dict[str, Tensor] = {}
        for part in parts:
            share = len(part) / clips
            with self.fabric.no_backward_sync(self.model, enabled=part is not parts[-1]):
                values = self.training.compute(self.model, part)
                self.fabric.backward(values["loss"] * share)
            for name, value in values.items():
                means[name] = means.get(name, 0) + value.detach().double() * share
        done = self.update.finish(means["loss"])
        self._count({**means, "updates": done.double()}, done)
        self.timing.count(clips * self.fabric.world_size)

    def _count(self, values: dict[str, Tensor], done: Tensor) -> None:
        position = self.position
        for name, value in values.items():
            position.sums[name] = position.sums.get(name, 0) + torch.where(done, value, 0)
        position.step += 1
        if position.step % CHECK_STEPS == 0:
            self._require_updates()

    def _finish_epoch(self, events: EventLog) -> None:
        self._require_updates()
        position = self.position
        sums = {name: float(self._over_ranks(value)) for name, value in position.sums.items()}
        updates = sums.pop("updates")
        means = {name: value / updates if updates else math.nan for name, value in sums.items()}
        self.timings = self.timing.finish()
        if updates < position.step:
            skipped = position.step - updates
            logger.warning("%s: %.0f of %d steps skipped: not finite", self._where(), skipped, position.step)
        self.model.eval()
        further, position.finished = self.training.finish_epoch(self.model, position.epoch, means)
        self._require_finite(sums["loss"])
        position.history.append({"epoch": position.epoch + 1, **means, **further})
        position.epoch, position.step, position.sums = position.epoch + 1, 0, {}
        events.add(position.epoch, {**means, **further, **self.timings})
        losses = {name: value for name, value in {**means, **further}.items() if name.endswith("loss")}
        shown = ", ".join(f"{name} {value:.4g}" for name, value in {**losses, **self.timings}.items())
        self.latest = f"epoch {position.epoch}: {shown}"

    def _where(self) -> str:
        return f"{self.training.name}, epoch {self.position.epoch + 1}"

    def _over_ranks(self, value: Tensor, how: str = "mean") -> Tensor:
        """Return one number for all ranks, so that all of them go on or stop."""
        return cast(Tensor, self.fabric.all_reduce(value, reduce_op=how))

    def _require_updates(self) -> None:
        """Raise InputError if more steps in a row were skipped than allowed."""
        skipped = int(self._over_ranks(self.update.longest.double(), "max"))
        if skipped > self.execution.skip_non_finite:
            self._require_finite(math.nan)

    def _require_finite(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"{self._where()}: the loss or its gradient is no longer finite. Try a lower learning rate, "
                "clip_gradient_norm: 1, or precision: 32-true; the last good checkpoint is kept"
            )

    def _agree(self, asked: bool, due: bool) -> tuple[bool, bool]:
        """Return whether any rank was asked to stop, or finds it time to save; the same on all ranks.

        With several ranks it is what they wished a step ago, which is known without waiting for this one.
        """
        if self.fabric.world_size == 1:
            return asked, due
        wishes = torch.tensor([float(asked), float(due)], device=self.fabric.device)
        before, self._wishes = self._wishes, self._over_ranks(wishes, "max")
        asked, due = (value > 0 for value in before.tolist()) if before is not None else (False, False)
        return asked, due

    def _stop_or_save(self, stop: StopFlag) -> None:
        """Save when it is time, on whichever rank, or when something asks to stop."""
        due = time.monotonic() - self._saved > 60 * self.execution.save_minutes
        asked, due = self._agree(bool(stop.received), due)
        if not (asked or due):
            return
        self._require_updates()
        self._save()
        if asked:
            done = f"step {self.position.step} of {self.training.steps()}"
            raise StoppedError(
                f"{self._where()}, {done}: stopped by {stop.received or 'a signal to another process'}; the "
                "state is saved, run the same command again to go on"
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
        self._saved, self._wishes = time.monotonic(), None

    def _resume(self) -> None:
        """Go on from the newest intact checkpoint, which the first rank chooses for all."""
        path = self.fabric.broadcast(self.checkpoints.newest() if self.fabric.is_global_zero else None)
        if path is None:
            return
        state = self.checkpoints.load(path)
        self.module.load_state_dict(state["model"])
        self.plain_optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.training.restore(state["training"])
        position = Position(**state["position"])
        position.sums = {name: value.to(self.fabric.device) for name, value in position.sums.items()}
        self.position = position
        logger.info("%s: resumed in epoch %d, step %d", self.training.name, position.epoch + 1, position.step)
