"""Contrastive video-text pretraining (Methods, 'Pre-training framework')."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import normalize

from cineclr.config.base import Execution
from cineclr.config.cmr import Init, Pretrain
from cineclr.config.cmr import TextEncoder as TextSettings
from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.augmix import augmix
from cineclr.data.order import epoch_order, split_batches, step_generator
from cineclr.data.temporal import read_slices
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.losses.infonce import flood, info_nce
from cineclr.models.text import TextEncoder
from cineclr.models.weights import save_weights
from cineclr.seeds import derive_seed
from cineclr.text.tokens import Tokens
from cineclr.training.checkpoints import Checkpoints, training_key
from cineclr.training.cmr.encoders import build_video_encoder
from cineclr.training.cmr.retrieval import PROBE_DRAWS, measure_retrieval
from cineclr.training.cmr.texts import join, pad
from cineclr.training.history import write_history
from cineclr.training.loop import Loop
from cineclr.training.session import start_fabric
from cineclr.video.hdf5 import CLIPS, StudyStore

logger = logging.getLogger(__name__)

COOLEST, WARMEST = 0.01, 1.0  # bounds of a learned temperature, as CLIP has them (Radford et al. 2021)


class VideoText(nn.Module):
    """Both encoders, and the temperature if it is learned."""

    def __init__(self, video: nn.Module, text: TextEncoder, settings: Pretrain) -> None:
        super().__init__()
        self.video, self.text = video, text
        start = torch.tensor(math.log(settings.temperature))
        self.log_temperature = nn.Parameter(start, requires_grad=settings.learn_temperature)

    def forward(self, clips: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return embeddings of clips and of texts, (B, D) each, and the temperature."""
        temperature = self.log_temperature.exp().clamp(COOLEST, WARMEST)
        return self.video(clips), self.text(ids, mask), temperature


@dataclass(frozen=True)
class PairBatch:
    """Clips and texts of B studies."""

    clips: Tensor  # (B, T, H, W) uint8
    ids: Tensor  # (B, L)
    mask: Tensor  # (B, L)
    seeds: tuple[int, ...]  # of the clips' augmentation

    def __len__(self) -> int:
        return len(self.clips)


class PairReader:
    """Reads pairs: a clip of a study and some sentences of its report."""

    def __init__(
        self, store: StudyStore, tokens: Tokens, video: VideoSettings, longest: int, sentences: int
    ) -> None:
        self.store, self.tokens, self.video = store, tokens, video
        self.longest, self.sentences = longest, sentences
        self.rows = store.videos.groupby("study").indices

    def draw(self, study: str, rng: np.random.Generator) -> tuple[int, list[int]]:
        """Return a random slice of a study and random sentences of its report, joined."""
        row = int(rng.choice(self.rows[study]))
        return row, join(self.tokens.sentences(study), self.sentences, self.longest, rng)

    def read(self, drawn: list[tuple[int, list[int]]], seeds: tuple[int, ...]) -> PairBatch:
        """Read what was drawn for each study."""
        rows = np.array([row for row, _ in drawn])
        clips = read_slices(self.store, rows, self.video.frames, self.video.size)
        ids, mask = pad([text for _, text in drawn])
        return PairBatch(clips, ids, mask, seeds)


class VideoTextTraining:
    """Trains on one slice and some sentences of every pretraining study per epoch."""

    def __init__(
        self,
        settings: Pretrain,
        reader: PairReader,
        train: list[str],
        val: list[str],
        seed: int,
        fabric: Fabric,
        probe_epochs: int,
    ) -> None:
        self.name, self.epochs = "pretrain video-text", settings.epochs
        self.settings, self.reader, self.train, self.val = settings, reader, train, val
        self.seed, self.fabric, self.probe_epochs = seed, fabric, probe_epochs
        self.batches = split_batches(len(train), settings.batch_size, keep_last=False)
        self.retrieval: dict[str, float] = {}
        parts = fabric.world_size * settings.accumulate
        if settings.batch_size % parts:
            raise InputError(
                f"cmr.pretrain.batch_size is {settings.batch_size}: not divisible by {fabric.world_size} "
                f"devices times accumulate, {settings.accumulate}"
            )
        if len(train) < 2 * fabric.world_size:
            raise InputError(
                f"{self.name}: {len(train)} studies with videos and a report; at least "
                f"{2 * fabric.world_size} are needed"
            )

    def steps(self) -> int:
        """Return the steps of an epoch; an incomplete last batch waits for another epoch's order."""
        return len(self.batches)

    def read(self, epoch: int, step: int) -> list[PairBatch]:
        """Read this rank's micro-batches; draws are made for the whole batch, so no two ranks share one."""
        chosen = epoch_order(len(self.train), self.seed, epoch)[self.batches[step]]
        share = len(chosen) // self.fabric.world_size
        rng = step_generator(self.seed, epoch, step)
        drawn = [
            self.reader.draw(self.train[index], rng) for index in chosen[: share * self.fabric.world_size]
        ]
        seeds = tuple(rng.integers(2**62, size=len(drawn)).tolist())
        own = slice(self.fabric.global_rank * share, (self.fabric.global_rank + 1) * share)
        drawn, seeds = drawn[own], seeds[own]
        size = self.settings.batch_size // (self.fabric.world_size * self.settings.accumulate)
        return [
            self.reader.read(drawn[part], seeds[part]) for part in split_batches(share, size, keep_last=True)
        ]

    def compute(self, model: nn.Module, batch: PairBatch) -> dict[str, Tensor]:
        """Return the flooded loss and what it is made of."""
        clips = batch.clips.to(self.fabric.device, non_blocking=True)
        if self.settings.augment == "augmix":
            clips = augmix(clips, list(batch.seeds))
        ids, mask = batch.ids.to(clips.device), batch.mask.to(clips.device)
        video, text, temperature = model(clips, ids, mask)
        pairs = info_nce(video, text, temperature, self.settings.video_weight)
        return {
            "loss": flood(pairs.loss, self.settings.flood),
            "contrastive_loss": pairs.loss.detach(),
            "video_to_text_loss": pairs.video_to_text,
            "text_to_video_loss": pairs.text_to_video,
            "accuracy": pairs.accuracy,
            "temperature": temperature.detach(),
        }

    def rate_factor(self, epoch: int) -> float:
        """Return the paper's decay: one step down after `decay_epoch` epochs."""
        return self.settings.decay_factor if epoch >= self.settings.decay_epoch else 1.0

    @torch.no_grad()
    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """When it is time, see how well reports are found by their videos; the last weights count anyway."""
        last = epoch + 1 == self.epochs
        due = self.probe_epochs and (epoch + 1) % self.probe_epochs == 0
        if not self.val or not (last or due) or not self.fabric.is_global_zero:
            return {}, False
        videos, texts = self._embed(model)
        self.retrieval = measure_retrieval(videos, texts, self.seed)
        found = {f"val_{name}": self.retrieval[name] for name in ("top1", "top5")}
        logger.info("%s: epoch %d: %s", self.name, epoch + 1, found)
        return found, False

    def _embed(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """Return unit vectors (N, D) of the validation studies and of their reports, by a few draws each."""
        videos, texts = zip(*(self._embed_once(model, draw) for draw in range(PROBE_DRAWS)), strict=True)
        return normalize(sum(videos), dim=1), normalize(sum(texts), dim=1)

    def _embed_once(self, model: nn.Module, draw: int) -> tuple[Tensor, Tensor]:
        """Return unit vectors of a clip and of some sentences of each validation study."""
        plain = getattr(model, "module", model)
        rng = np.random.default_rng([self.seed, draw])
        drawn = [self.reader.draw(study, rng) for study in self.val]
        videos, texts = [], []
        for part in split_batches(len(drawn), self.settings.batch_size, keep_last=True):
            batch = self.reader.read(drawn[part], ())
            inputs = (one.to(self.fabric.device) for one in (batch.clips, batch.ids, batch.mask))
            with self.fabric.autocast():
                video, text, _ = plain(*inputs)
            videos.append(normalize(video.float().cpu(), dim=1))
            texts.append(normalize(text.float().cpu(), dim=1))
        return torch.cat(videos), torch.cat(texts)

    def state(self) -> dict[str, Any]:
        """Return the newest retrieval."""
        return {"retrieval": self.retrieval}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        self.retrieval = state["retrieval"]


def pretrain_cmr(
    splits: Path,
    studies: list[Path],
    tokens: Path,
    text_model: Path,
    settings: Pretrain,
    video_encoder: VideoSettings,
    text_encoder: TextSettings,
    execution: Execution,
    seed: int,
    checkpoints: Path,
    output: Path,
    text_output: Path,
    history: Path,
    retrieval: Path,
    weights: Path | None = None,
    tensorboard: Path | None = None,
) -> None:
    """Pretrain both encoders on the pretraining studies; keep the last weights, as the paper does."""
    job_seed = derive_seed(seed, "pretrain_cmr")
    fabric = start_fabric(
        settings.precision, settings.devices, settings.cpu_threads, job_seed, settings.nodes
    )
    store, reports = StudyStore.open(studies), Tokens.open(tokens)
    reports.check_vocabulary(text_model)
    text = TextEncoder(text_model, text_encoder.frozen_layers, video_encoder.embedding)
    reader = PairReader(store, reports, video_encoder, text.longest, settings.sentences)
    table = pd.read_csv(splits)
    train, val = (_ready(table, part, reader, reports) for part in ("pretrain_train", "pretrain_val"))
    start: Init = "kinetics400" if weights else "random"
    video = build_video_encoder(start, weights, video_encoder, seed)
    training = VideoTextTraining(settings, reader, train, val, job_seed, fabric, execution.probe_epochs)
    model = VideoText(video, text, settings)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    logger.info(
        "%s: %d studies, %d for validation; %d of %d parameters are trained",
        *(training.name, len(train), len(val), sum(p.numel() for p in trained)),
        sum(p.numel() for p in model.parameters()),
    )
    optimizer = torch.optim.AdamW(
        trained,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        eps=settings.eps,
        fused=True,
    )
    identity = {
        "settings": settings.model_dump(),
        "video_encoder": video_encoder.model_dump(),
        "text_encoder": text_encoder.model_dump(),
        "seed": seed,
    }
    tables = [splits, tokens, *(folder / CLIPS for folder in studies), *([weights] if weights else [])]
    kept = Checkpoints(checkpoints, training_key(identity, tables, []))
    rows = Loop(fabric, model, optimizer, training, kept, execution, tensorboard).run()
    if not fabric.is_global_zero:
        return
    facts = {"frames": video_encoder.frames, "size": video_encoder.size, "precision": settings.precision}
    architecture = {"architecture": video_encoder.architecture, "embedding": video_encoder.embedding}
    description = {**architecture, **facts, "pretraining": "contrastive", "start": start}
    write_history(rows, history)
    write_json(training.retrieval, retrieval)
    temperature = model.log_temperature.exp().clamp(COOLEST, WARMEST).item()
    facts_of_text = {"tokenizer": reports.tokenizer, "temperature": temperature, **architecture}
    save_weights(model.text.state_dict(), facts_of_text, text_output)
    save_weights(model.video.state_dict(), description, output)
    kept.remove()


def _ready(splits: pd.DataFrame, split: str, reader: PairReader, tokens: Tokens) -> list[str]:
    """Return the studies of a split that have a video and a report."""
    studies = splits.loc[splits["split"] == split, "study"]
    return sorted(study for study in studies if study in reader.rows and study in tokens)
