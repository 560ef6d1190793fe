"""Self-supervised pretraining: SimCLR, MI-SimCLR and EchoCLR (Methods, 'Self-supervised pretraining')."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from cineclr.cohort.subsets import count_subsets
from cineclr.config.base import Execution
from cineclr.config.echo import Encoder, Method, PretrainMethod
from cineclr.data.augmentation import Draws, augment, draw_augmentation
from cineclr.data.order import epoch_order, split_batches, step_generator
from cineclr.data.pairs import PAIRS
from cineclr.data.reader import Store, read_clips
from cineclr.data.sampling import RandomClip
from cineclr.data.shuffle import draw_orders, shuffle_frames
from cineclr.errors import InputError
from cineclr.losses.ntxent import nt_xent
from cineclr.models.order_head import OrderHead
from cineclr.models.projector import Projector
from cineclr.models.r3d import R3D18
from cineclr.models.weights import describe_encoder, describe_input, save_weights
from cineclr.seeds import derive_seed
from cineclr.training.checkpoints import Checkpoints, training_key
from cineclr.training.history import write_history
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.loop import Loop
from cineclr.training.probe import Probe
from cineclr.training.session import start_fabric

logger = logging.getLogger(__name__)

COLLAPSED = 0.99  # mean cosine similarity of clips of different videos


class ContrastiveModel(nn.Module):
    """Encoder, projector, and for EchoCLR the head that predicts the frame order."""

    def __init__(self, encoder: R3D18, settings: PretrainMethod, predict_order: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector(encoder.features, settings.projector_hidden, settings.projector_output)
        self.order_head = OrderHead(encoder.features, settings.frames) if predict_order else None

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return embeddings (B, output) and order scores (B, K!) of clips (B, K, H, W)."""
        representations = self.encoder(clips)
        scores = self.order_head(representations) if self.order_head is not None else None
        return self.projector(representations), scores


@dataclass(frozen=True)
class PairBatch:
    """Clips of N pairs: first the N first ones, then the N second ones."""

    clips: Tensor  # (2N, K, H, W) uint8
    draws: Draws  # of 2N clips
    orders: np.ndarray  # (2N,) class of each clip's shuffle
    studies: Tensor  # (N,)

    def __len__(self) -> int:
        return len(self.clips)


class Pretraining:
    """One method on the pairs of the training videos."""

    def __init__(
        self,
        method: Method,
        settings: PretrainMethod,
        store: Store,
        videos: pd.DataFrame,
        seed: int,
        fabric: Fabric,
        probe: Probe | None = None,
        probe_epochs: int = 0,
    ) -> None:
        self.name, self.epochs = f"pretrain {method}", settings.epochs
        self.probe, self.probe_epochs = probe, probe_epochs
        self.settings, self.store, self.seed, self.fabric = settings, store, seed, fabric
        self.same_clip = method == "simclr"
        self.pairs = PAIRS[method](videos)
        self.study_codes = pd.factorize(store.videos["study"])[0]
        self.lengths = store.videos["frames"].to_numpy()
        self.batches = split_batches(len(self.pairs), settings.batch_size, keep_last=False)
        self._require_pairs(method, videos)

    def _require_pairs(self, method: Method, videos: pd.DataFrame) -> None:
        if self.settings.batch_size % (self.fabric.world_size * self.settings.accumulate):
            raise InputError(
                f"echo.pretrain.batch_size is {self.settings.batch_size}: not divisible by "
                f"{self.fabric.world_size} devices times accumulate, {self.settings.accumulate}"
            )
        if len(self.pairs) < 2 * self.fabric.world_size:
            raise InputError(
                f"pretrain {method}: {len(self.pairs)} positive pairs in {len(videos)} training videos, at "
                f"least {2 * self.fabric.world_size} are needed; studies with two or more videos make pairs"
            )
        logger.info(
            "%s: %d videos of %d studies; %d pairs of %d studies, %d steps an epoch of %d pairs",
            *(self.name, len(videos), videos["study"].nunique(), len(self.pairs)),
            *(len(np.unique(self.study_codes[self.pairs[:, 0]])), len(self.batches)),
            min(self.settings.batch_size, len(self.pairs)),
        )

    def steps(self) -> int:
        """Return the steps of an epoch; an incomplete last batch waits for another epoch's order."""
        return len(self.batches)

    def read(self, epoch: int, step: int) -> list[PairBatch]:
        """Read this rank's micro-batches; draws are made for the whole batch, so no two parts share one."""
        chosen = epoch_order(len(self.pairs), self.seed, epoch)[self.batches[step]]
        share = len(chosen) // self.fabric.world_size
        chosen = chosen[: share * self.fabric.world_size]
        rows = self.pairs[chosen].T.ravel()  # (2N,): all first videos, then all second ones
        rng = step_generator(self.seed, epoch, step)
        _, starts = RandomClip(self.settings.frames)(self.lengths[rows], rng)
        if self.same_clip:
            starts[len(chosen) :] = starts[: len(chosen)]
        draws = draw_augmentation(self.settings.augmentation, len(rows), rng)
        orders = draw_orders(self.settings.frames, len(rows), rng)
        own = self.fabric.global_rank * share + np.arange(share)
        parts = []
        for part in split_batches(share, self._micro_batch(), keep_last=True):
            first = own[part]
            both = np.concatenate((first, first + len(chosen)))
            clips = self._read(rows[both], starts[both])
            studies = torch.from_numpy(self.study_codes[rows[first]])
            parts.append(PairBatch(clips, draws.part(both), orders[both], studies))
        return parts

    def _micro_batch(self) -> int:
        return self.settings.batch_size // (self.fabric.world_size * self.settings.accumulate)

    def _read(self, rows: np.ndarray, starts: np.ndarray) -> Tensor:
        pin = self.fabric.device.type == "cuda"
        return read_clips(self.store, rows, starts, self.settings.frames, pin)

    def compute(self, model: nn.Module, batch: PairBatch) -> dict[str, Tensor]:
        """Return the loss, NT-Xent plus for EchoCLR the order's cross-entropy, and how the training fares."""
        clips = augment(batch.clips.to(self.fabric.device, non_blocking=True), batch.draws)
        ordered = model.order_head is not None
        embeddings, scores = model(shuffle_frames(clips, batch.orders) if ordered else clips)
        studies = batch.studies.to(clips.device) if self.settings.mask_same_study else None
        first, second = embeddings.chunk(2)
        contrast = nt_xent(first, second, self.settings.temperature, studies)
        values = {
            "loss": contrast.loss,
            "contrastive_loss": contrast.loss,
            "alignment": contrast.alignment,
            "negative_similarity": contrast.negatives,
            "uniformity": contrast.uniformity,
            "contrastive_accuracy": contrast.accuracy,
        }
        if ordered:
            orders = torch.from_numpy(batch.orders).to(clips.device)
            order_loss = functional.cross_entropy(scores.float(), orders)
            values["loss"] = contrast.loss + order_loss
            values["order_loss"] = order_loss
            values["order_accuracy"] = (scores.argmax(dim=1) == orders).float().mean()
        return values

    def rate_factor(self, epoch: int) -> float:
        """Return 1: the learning rate is constant."""
        return 1.0

    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """Warn of a collapse and, when it is time, probe; the last epoch's encoder is the result anyway."""
        self._warn_of_collapse(means)
        if "order_accuracy" in means:
            chance = 1 / math.factorial(self.settings.frames)
            logger.info("%s: order accuracy %.3f, chance %.3f", self.name, means["order_accuracy"], chance)
        last = epoch + 1 == self.epochs
        due = self.probe_epochs and ((epoch + 1) % self.probe_epochs == 0 or last)
        if self.probe is None or not due or not self.fabric.is_global_zero:
            return {}, False
        with self.fabric.autocast():
            found = self.probe.measure(cast(nn.Module, model.encoder))
        shown = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        logger.info("%s: epoch %d: %s", self.name, epoch + 1, shown or "no labels to probe with")
        return found, False

    def _warn_of_collapse(self, means: dict[str, float]) -> None:
        if means["negative_similarity"] > COLLAPSED:
            logger.warning(
                "%s: all clips have nearly the same embedding (mean cosine similarity %.3f): the "
                "representation has collapsed. If it stays so, stop and try a lower "
                "echo.pretrain.learning_rate (the paper's 0.1 is high for Adam) or clip_gradient_norm: 1",
                *(self.name, means["negative_similarity"]),
            )

    def state(self) -> dict[str, Any]:
        """Return nothing: the order is a function of the seed."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back nothing."""


def pretrain_echo(
    method: Method,
    splits: Path,
    clips: list[Path],
    frames: list[Path],
    settings: PretrainMethod,
    encoder: Encoder,
    execution: Execution,
    seed: int,
    checkpoints: Path,
    output: Path,
    history: Path,
    tensorboard: Path | None = None,
    tasks: list[str] = [],  # noqa: B006
    ratios: list[float] = [],  # noqa: B006
) -> None:
    """Pretrain the video encoder on all videos of the training split, labelled or not.

    `tasks` and `ratios` are those of the fine-tunings to come, of which nothing is learned here. Raises
    InputError where a subset or a test set of theirs is of no use: now, and not after days.
    """
    job_seed = derive_seed(seed, "pretrain_echo", method)
    fabric = start_fabric(
        settings.precision, settings.devices, settings.cpu_threads, job_seed, settings.nodes
    )
    studies, store = open_inputs(splits, clips, frames, settings.frames)
    count_subsets(studies, tasks, ratios, seed)
    videos = select_videos(store, studies, "train")
    # On every rank, though one measures: where a video is damaged all of them stop, and none waits.
    probe = Probe(store, studies, settings.frames, fabric.device) if execution.probe_epochs else None
    training = Pretraining(method, settings, store, videos, job_seed, fabric, probe, execution.probe_epochs)
    model = ContrastiveModel(R3D18(encoder.width), settings, predict_order=method == "echoclr")
    if settings.sync_batch_norm:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    logger.info("%s: %d parameters", training.name, sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    identity = {
        "method": method,
        "settings": settings.model_dump(),
        "encoder": encoder.model_dump(),
        "seed": seed,
    }
    kept = Checkpoints(checkpoints, training_key(identity, [splits, *clips], frames))
    rows = Loop(fabric, model, optimizer, training, kept, execution, tensorboard).run()
    if fabric.is_global_zero:
        description = {
            **describe_encoder(model.encoder),
            **describe_input(settings.frames, store.size, settings.precision),
            "pretraining": method,
        }
        write_history(rows, history)
        save_weights(model.encoder.state_dict(), description, output)
        kept.remove()
