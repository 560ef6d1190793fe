"""Multi-instance fine-tuning of one task, init, mode and ratio (Methods, 'LVEF regression task')."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss

from cineclr.cohort.subsets import draw_subset
from cineclr.config.base import Execution
from cineclr.config.cmr import LVEF, BagTraining, Diagnoses, Init, Lvef, Mode
from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.bags import Bags
from cineclr.data.order import epoch_order, split_batches, step_generator
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.models.weights import save_weights
from cineclr.seeds import derive_seed
from cineclr.training.checkpoints import Checkpoints, training_key
from cineclr.training.cmr.inputs import Views, select_studies
from cineclr.training.cmr.network import StudyNetwork, build_network, prepare
from cineclr.training.history import write_history
from cineclr.training.loop import Loop
from cineclr.training.session import start_fabric
from cineclr.video.hdf5 import CLIPS

logger = logging.getLogger(__name__)


class Regression:
    """Huber loss of the standardised measurement."""

    def __init__(self, labels: np.ndarray, settings: Lvef) -> None:
        self.mean, self.std = float(labels.mean()), float(labels.std())
        if not self.std > 0:
            raise InputError(f"task {LVEF}: all {len(labels)} training studies have the same value")
        self.delta = settings.huber_delta

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Return labels as the loss sees them."""
        return (labels - self.mean) / self.std

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return huber_loss(scores.float(), targets, delta=self.delta)

    def facts(self) -> dict[str, Any]:
        """Return what turns scores into measurements again."""
        return {"kind": "regression", "mean": self.mean, "std": self.std}


class Classification:
    """Binary cross-entropy; positives weigh negatives / positives (of the training studies)."""

    def __init__(self, labels: np.ndarray, settings: Diagnoses) -> None:
        positives = float(labels.sum())
        balanced = settings.positive_weight == "balanced"
        self.weight = torch.tensor((len(labels) - positives) / positives if balanced else 1.0)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Return labels as the loss sees them."""
        return labels

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        weight = self.weight.to(scores.device)
        return binary_cross_entropy_with_logits(scores.float(), targets, pos_weight=weight)

    def facts(self) -> dict[str, Any]:
        """Return that scores are logits."""
        return {"kind": "classification"}


class BagFinetuning:
    """Trains on every training study once per epoch; validates with all views; keeps the best weights."""

    def __init__(
        self,
        name: str,
        epochs: int,
        settings: BagTraining,
        objective: Regression | Classification,
        views: Views,
        train: pd.DataFrame,
        val: pd.DataFrame,
        seed: int,
        device: torch.device,
    ) -> None:
        self.name, self.epochs, self.settings, self.objective = name, epochs, settings, objective
        self.views, self.train, self.val = views, train, val
        self.seed, self.device = seed, device
        self.augments = settings.augment == "augmix" and views.features is None
        self.batches = split_batches(len(train), settings.batch_size, keep_last=True)
        self.validate_every = math.ceil(settings.validate_steps / len(self.batches))  # epochs
        self.best_loss, self.best_epoch = float("inf"), 0
        self.best_weights: dict[str, Tensor] = {}

    def steps(self) -> int:
        """Return the steps of an epoch; fewer studies than a batch make one step."""
        return len(self.batches)

    def read(self, epoch: int, step: int) -> list[Bags]:
        """Read the micro-batches of a step: of each study its views, a random share of the SAX ones."""
        chosen = epoch_order(len(self.train), self.seed, epoch)[self.batches[step]]
        rng = step_generator(self.seed, epoch, step)
        studies = self.train["study"].iloc[chosen]
        rows = [self.views.index.draw(study, self.settings.sax_share, rng) for study in studies]
        targets = self.objective.encode(self.train["label"].to_numpy(np.float64)[chosen])
        size = self.settings.batch_size // self.settings.accumulate
        return [
            self._read(rows[part], targets[part], rng)
            for part in split_batches(len(rows), size, keep_last=True)
        ]

    def _read(self, rows: list[np.ndarray], targets: np.ndarray, rng: np.random.Generator) -> Bags:
        count = sum(len(own) for own in rows)
        seeds = tuple(rng.integers(2**62, size=count).tolist()) if self.augments else ()
        return self.views.read(rows, targets, seeds)

    def compute(self, model: nn.Module, batch: Bags) -> dict[str, Tensor]:
        """Return the loss of a batch of bags."""
        items, mask, targets = prepare(batch, self.device)
        scores, _ = model(items, mask)
        return {"loss": self.objective.loss(scores, targets)}

    def rate_factor(self, epoch: int) -> float:
        """Return 1: the learning rate is constant."""
        return 1.0

    @torch.no_grad()
    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """Validate when it is time, keep the best weights, stop when patience is at its end."""
        if epoch + 1 < self.epochs and (epoch + 1) % self.validate_every:
            return {}, False
        loss = self._validate(model)
        if loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch + 1
            self.best_weights = {key: value.detach().clone() for key, value in model.state_dict().items()}
        patience = self.settings.patience
        over = patience is not None and epoch + 1 - self.best_epoch >= patience
        if not self.best_weights and (over or epoch + 1 == self.epochs):
            raise InputError(
                f"{self.name}: no finite validation loss in {epoch + 1} epochs; lower learning_rate"
            )
        return {"val_loss": loss}, over

    def _validate(self, model: nn.Module) -> float:
        total = 0.0
        targets = self.objective.encode(self.val["label"].to_numpy(np.float64))
        for part in split_batches(len(self.val), self.settings.batch_size, keep_last=True):
            rows = [self.views.index.all_rows(study) for study in self.val["study"].iloc[part]]
            items, mask, wanted = prepare(self.views.read(rows, targets[part]), self.device)
            total += float(self.objective.loss(model(items, mask)[0], wanted)) * len(rows)
        return total / len(self.val)

    def state(self) -> dict[str, Any]:
        """Return the best weights so far and when they were found."""
        return {"loss": self.best_loss, "epoch": self.best_epoch, "weights": self.best_weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        self.best_loss, self.best_epoch = state["loss"], state["epoch"]
        self.best_weights = {key: value.to(self.device) for key, value in state["weights"].items()}


def finetune_lvef(
    init: Init,
    mode: Mode,
    ratio: float,
    splits: Path,
    studies: list[Path],
    settings: Lvef,
    video_encoder: VideoSettings,
    execution: Execution,
    seed: int,
    checkpoints: Path,
    output: Path,
    fit: Path,
    history: Path,
    weights: Path | None = None,
    features: Path | None = None,
    tensorboard: Path | None = None,
) -> None:
    """Train one LVEF model on a share of the labelled training studies, at most `max_steps` steps."""
    cell = {"task": LVEF, "init": init, "mode": mode, "ratio": ratio}
    files = {"output": output, "fit": fit, "history": history}
    places = {"checkpoints": checkpoints, "tensorboard": tensorboard}
    data = {"splits": splits, "studies": studies, "weights": weights, "features": features}
    _finetune(cell, settings, video_encoder, execution, seed, **data, **places, files=files)  # type: ignore[arg-type]


def finetune_diagnosis(
    task: str,
    init: Init,
    mode: Mode,
    ratio: float,
    splits: Path,
    studies: list[Path],
    settings: Diagnoses,
    video_encoder: VideoSettings,
    execution: Execution,
    seed: int,
    checkpoints: Path,
    output: Path,
    fit: Path,
    history: Path,
    weights: Path | None = None,
    features: Path | None = None,
    tensorboard: Path | None = None,
) -> None:
    """Train the model of one diagnosis on a share of the labelled training studies."""
    cell = {"task": task, "init": init, "mode": mode, "ratio": ratio}
    files = {"output": output, "fit": fit, "history": history}
    places = {"checkpoints": checkpoints, "tensorboard": tensorboard}
    data = {"splits": splits, "studies": studies, "weights": weights, "features": features}
    _finetune(cell, settings, video_encoder, execution, seed, **data, **places, files=files)  # type: ignore[arg-type]


def _finetune(
    cell: dict[str, Any],
    settings: Lvef | Diagnoses,
    video: VideoSettings,
    execution: Execution,
    seed: int,
    *,
    splits: Path,
    studies: list[Path],
    weights: Path | None,
    features: Path | None,
    checkpoints: Path,
    tensorboard: Path | None,
    files: dict[str, Path],
) -> None:
    task, mode = cell["task"], cell["mode"]
    if (features is None) == (mode == "fine_tuning"):
        raise InputError(f"mode {mode} {'needs' if features is None else 'takes no'} --features")
    name = f"finetune {task} {cell['init']} {mode} {cell['ratio']}"
    job_seed = derive_seed(seed, "finetune_cmr", *cell.values())
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, job_seed)
    views, table = Views.open(studies, features, video), pd.read_csv(splits)
    everyone = select_studies(table, views, task, "train", settings.cohorts)
    train = everyone[everyone["study"].isin(draw_training(everyone, task, cell["ratio"], seed))]
    train = train.reset_index(drop=True)
    val = select_studies(table, views, task, "val", settings.cohorts)
    labels = train["label"].to_numpy(np.float64)
    objective = (
        Regression(labels, settings) if isinstance(settings, Lvef) else Classification(labels, settings)
    )
    model = build_network(cell["init"], mode, weights, video, settings, views.width, seed)
    steps = len(split_batches(len(train), settings.batch_size, keep_last=True))
    epochs = max(1, settings.max_steps // steps) if isinstance(settings, Lvef) else settings.epochs
    logger.info("%s: %d training and %d validation studies, %d epochs", name, len(train), len(val), epochs)
    training = BagFinetuning(name, epochs, settings, objective, views, train, val, job_seed, fabric.device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    identity = {
        **cell,
        "settings": settings.model_dump(),
        "video": video.model_dump(),
        "seed": seed,
    }
    tables = [splits, *([features] if features else [folder / CLIPS for folder in studies])]
    kept = Checkpoints(checkpoints, training_key(identity, [*tables, *([weights] if weights else [])], []))
    rows = Loop(fabric, model, optimizer, training, kept, execution, tensorboard).run()
    counts = {"n_train": len(train), "n_val": len(val)}
    if not isinstance(settings, Lvef):
        counts["n_train_positive"] = int(labels.sum())
    _publish(cell, settings, model, views, training, rows, counts, files)
    kept.remove()


def _publish(
    cell: dict[str, Any],
    settings: BagTraining,
    model: StudyNetwork,
    views: Views,
    training: BagFinetuning,
    rows: list[dict[str, float]],
    counts: dict[str, int],
    files: dict[str, Path],
) -> None:
    facts = training.objective.facts()
    description = {
        **cell,
        **facts,
        "attention": settings.attention,
        "layer_norm": settings.layer_norm,
        "features": views.width,
        "precision": settings.precision,
    }
    best = {"best_val_loss": training.best_loss, "best_epoch": training.best_epoch, "epochs": len(rows)}
    save_weights(training.best_weights, description, files["output"])
    write_history(rows, files["history"])
    write_json({**cell, **facts, **best, **counts}, files["fit"])
    logger.info("%s: best validation loss %.4f in epoch %d", training.name, *list(best.values())[:2])


def draw_training(studies: pd.DataFrame, task: str, ratio: float, seed: int) -> list[str]:
    """Return a share of the training studies: stratified, nested and seeded, as for echo.

    A diagnosis is stratified by its label, a measurement by its median. Raises InputError where a class would
    be missing.
    """
    labels = studies.set_index("study")["label"]
    if task == LVEF:
        labels = (labels > labels.median()).astype(int)
    count = math.floor(ratio * len(labels))
    if task == LVEF and count < 2:
        raise InputError(f"task {LVEF}, ratio {ratio}: {count} of {len(labels)} training studies; take more")
    return draw_subset(labels.astype(int).rename(task), ratio, seed)
