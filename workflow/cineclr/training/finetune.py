"""Fine-tuning of one cell of the grid: task, init, ratio, rate (Methods, 'Supervised fine-tuning')."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cineclr.cohort.subsets import draw_subset, training_labels
from cineclr.config.base import Execution
from cineclr.config.echo import Encoder, Finetune, Init, Task
from cineclr.data.augmentation import Draws, augment, draw_augmentation
from cineclr.data.order import epoch_order, split_batches, step_generator
from cineclr.data.reader import Store, read_clips, to_device
from cineclr.data.sampling import EvenClips, RandomClip
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.models.r3d import R3D18
from cineclr.models.weights import (
    build_encoder,
    describe_encoder,
    describe_input,
    load_strictly,
    load_weights,
    save_weights,
)
from cineclr.seeds import derive_seed
from cineclr.training.checkpoints import Checkpoints, training_key
from cineclr.training.history import write_history
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.loop import Loop
from cineclr.training.session import start_fabric

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledBatch:
    """Clips of different videos and the labels of their studies."""

    clips: Tensor  # (B, T, H, W) uint8
    draws: Draws
    labels: Tensor  # (B,) 0 or 1

    def __len__(self) -> int:
        return len(self.clips)


class Finetuning:
    """Trains on a random clip of every training video per epoch; validates on centre clips."""

    def __init__(
        self,
        name: str,
        settings: Finetune,
        store: Store,
        train: pd.DataFrame,
        val: pd.DataFrame,
        seed: int,
        device: torch.device,
    ) -> None:
        self.name, self.epochs = name, settings.max_epochs
        self.settings, self.store, self.seed, self.device = settings, store, seed, device
        self.train, self.val = train, val
        self.lengths = store.videos["frames"].to_numpy()
        self.batches = split_batches(len(train), settings.batch_size, keep_last=True)
        self.weight = torch.tensor(self._positive_weight(), device=device)
        self.best_loss, self.best_epoch = float("inf"), 0
        self.best_weights: dict[str, Tensor] = {}

    def _positive_weight(self) -> float:
        """Negatives / positives among the training videos, so that both classes weigh the same."""
        positives = float(self.train["label"].sum())
        balanced = self.settings.positive_weight == "balanced"
        return (len(self.train) - positives) / positives if balanced else 1.0

    def steps(self) -> int:
        """Return the steps of an epoch; fewer videos than a batch make one step."""
        return len(self.batches)

    def read(self, epoch: int, step: int) -> list[LabelledBatch]:
        """Read the micro-batches of a step: random clips, a video at most once in an epoch."""
        chosen = epoch_order(len(self.train), self.seed, epoch)[self.batches[step]]
        rng = step_generator(self.seed, epoch, step)
        videos = self.train.iloc[chosen]
        rows = videos.index.to_numpy()
        _, starts = RandomClip(self.settings.frames)(self.lengths[rows], rng)
        draws = draw_augmentation(self.settings.augmentation, len(rows), rng)
        labels = torch.tensor(videos["label"].to_numpy())
        micro_batch = self.settings.batch_size // self.settings.accumulate
        return [
            LabelledBatch(self._read(rows[part], starts[part]), draws.part(part), labels[part])
            for part in split_batches(len(rows), micro_batch, keep_last=True)
        ]

    def _read(self, rows: np.ndarray, starts: np.ndarray) -> Tensor:
        return read_clips(self.store, rows, starts, self.settings.frames, self.device.type == "cuda")

    def compute(self, model: nn.Module, batch: LabelledBatch) -> dict[str, Tensor]:
        """Return the loss of a batch of training clips."""
        clips = augment(batch.clips.to(self.device, non_blocking=True), batch.draws)
        return {"loss": self._loss(model(clips), batch.labels)}

    def _loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(
            scores.squeeze(1).float(), labels.to(scores.device), pos_weight=self.weight
        )

    def rate_factor(self, epoch: int) -> float:
        """Return 1: the learning rate is constant."""
        return 1.0

    @torch.no_grad()
    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """Validate on the full validation set, keep the best weights, stop when patience is at its end.

        A validation loss that is not finite is no better than any: running batch statistics may lag behind
        weights that change fast. Raises InputError if patience ends without a finite one.
        """
        loss = self._validate(model)
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch + 1
            self.best_weights = {key: value.detach().clone() for key, value in model.state_dict().items()}
        over = epoch + 1 - self.best_epoch >= self.settings.patience
        if not self.best_weights and (over or epoch + 1 == self.epochs):
            raise InputError(
                f"{self.name}: the validation loss was not finite in any of {epoch + 1} epochs. Leave this "
                "rate out of echo.finetune.learning_rates, or set clip_gradient_norm: 1"
            )
        return {"val_loss": loss}, over

    def _validate(self, model: nn.Module) -> float:
        total = 0.0
        centre = EvenClips(self.settings.frames, count=1)
        for start in range(0, len(self.val), self.settings.batch_size):
            videos = self.val.iloc[start : start + self.settings.batch_size]
            rows = videos.index.to_numpy()
            _, starts = centre(self.lengths[rows])
            clips = to_device(self._read(rows, starts), self.device)
            total += float(self._loss(model(clips), torch.tensor(videos["label"].to_numpy()))) * len(rows)
        return total / len(self.val)

    def state(self) -> dict[str, Any]:
        """Return the best weights so far and when they were found."""
        return {"loss": self.best_loss, "epoch": self.best_epoch, "weights": self.best_weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        self.best_loss, self.best_epoch = state["loss"], state["epoch"]
        self.best_weights = {key: value.to(self.device) for key, value in state["weights"].items()}


def finetune_echo(
    task: Task,
    init: Init,
    ratio: float,
    learning_rate: float,
    splits: Path,
    clips: list[Path],
    frames: list[Path],
    settings: Finetune,
    encoder: Encoder,
    execution: Execution,
    seed: int,
    checkpoints: Path,
    output: Path,
    fit: Path,
    history: Path,
    weights: Path | None = None,
    tensorboard: Path | None = None,
) -> None:
    """Fine-tune on a share of the labelled training studies; keep the weights of the best validation loss."""
    name = f"finetune {task} {init} {ratio} {learning_rate:g}"
    job_seed = derive_seed(seed, "finetune_echo", task, init, ratio, f"{learning_rate:g}")
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, job_seed)
    studies, store = open_inputs(splits, clips, frames, settings.frames)
    subset = draw_subset(training_labels(studies, task), ratio, seed)
    train = select_videos(store, studies[studies["study"].isin(subset)], "train", task)
    val = select_videos(store, studies, "val", task)
    model = build_model(init, weights, encoder.width)
    counts = {"n_train": len(subset), "n_train_positive": int(training_labels(studies, task)[subset].sum())}
    logger.info(
        "%s: %d training studies (%d positive) with %d videos; %d validation videos; %d parameters",
        *(name, *counts.values(), len(train), len(val), sum(p.numel() for p in model.parameters())),
    )
    training = Finetuning(name, settings, store, train, val, job_seed, fabric.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    cell = {"task": task, "init": init, "ratio": ratio, "learning_rate": learning_rate}
    identity = {**cell, "settings": settings.model_dump(), "encoder": encoder.model_dump(), "seed": seed}
    tables = [splits, *clips, *([weights] if weights else [])]
    kept = Checkpoints(checkpoints, training_key(identity, tables, frames))
    rows = Loop(fabric, model, optimizer, training, kept, execution, tensorboard).run()
    description = {
        **describe_encoder(model),
        **cell,
        **describe_input(settings.frames, store.size, settings.precision),
        "outputs": 1,
    }
    save_weights(training.best_weights, description, output)
    best = {"best_val_loss": training.best_loss, "best_epoch": training.best_epoch, "epochs": len(rows)}
    stopped = "early" if len(rows) - training.best_epoch >= settings.patience else "max_epochs"
    write_history(rows, history)
    write_json({**cell, **best, **counts, "stopped": stopped}, fit)
    logger.info("%s: best validation loss %.4f in epoch %d", name, training.best_loss, training.best_epoch)
    kept.remove()


def build_model(init: Init, weights: Path | None, width: int) -> R3D18:
    """Return the network with one output; raise InputError if init and weights do not agree."""
    if (weights is None) != (init == "random"):
        remedy = "takes no --weights" if init == "random" else "needs --weights"
        raise InputError(f"init {init} {remedy}")
    model = R3D18(width)
    if weights is not None:
        state, description = load_weights(weights, "--weights")
        if description.get("pretraining") != init:
            raise InputError(f"--weights: {weights.name} holds {description.get('pretraining')}, not {init}")
        model = build_encoder(description, width, "--weights")
        load_strictly(model, state, "--weights")
    model.fc = nn.Linear(model.features, 1)
    return model
