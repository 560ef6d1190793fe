"""Speeds of the second paper's steps: pretraining, encoding, training of everything and of the head."""

import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cineclr.config import Config
from cineclr.config.cmr import Lvef, Mode, Pretrain
from cineclr.config.cmr import TextEncoder as TextSettings
from cineclr.data.bags import BagIndex
from cineclr.gpus import choose_device
from cineclr.models.text import TextEncoder
from cineclr.operation.stage import EPOCHS, Measured, Scale, time_call, time_training
from cineclr.operation.stand_ins import RandomFeatures, RandomReports, RandomStudies
from cineclr.training.cmr.encoders import build_video_encoder
from cineclr.training.cmr.features import encode_rows
from cineclr.training.cmr.finetune import BagFinetuning, Regression
from cineclr.training.cmr.inputs import Views
from cineclr.training.cmr.network import build_network
from cineclr.training.cmr.pretrain import PairReader, VideoText, VideoTextTraining
from cineclr.training.device import make_repeatable
from cineclr.training.session import start_fabric

MINILM: dict[str, Any] = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
LONGEST = 512  # tokens that a BERT takes
BAG = 4  # views of a study: the speed per clip hardly depends on it


def measure_pretraining(config: Config, scale: Scale) -> Measured:
    """Both encoders; the text encoder has random weights."""
    own = config.cmr.pretrain
    batch = scale.batch(own.batch_size // (own.devices * own.nodes * own.accumulate), 4)
    changed = {"epochs": EPOCHS, "batch_size": batch, "accumulate": 1, "devices": 1, "nodes": 1}
    settings = Pretrain(**{**own.model_dump(), **changed})
    store = _studies(config, batch * scale.steps, 1)
    reader = PairReader(
        cast(Any, store), cast(Any, RandomReports(settings.sentences)), config.cmr.video_encoder, LONGEST, 5
    )
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, config.seed)
    training = VideoTextTraining(settings, reader, store.names, [], config.seed, fabric, 0)
    video = build_video_encoder("random", None, config.cmr.video_encoder, config.seed)
    model = VideoText(
        video, build_text_encoder(config.cmr.text_encoder, config.cmr.video_encoder.embedding), settings
    )
    speed = time_training(fabric, model, training)
    return Measured(speed, f"{settings.precision}, {batch} pairs a step")


def build_text_encoder(settings: TextSettings, embedding: int) -> TextEncoder:
    """Return a BERT-base, or a MiniLM, of random weights: as much to compute as with the published ones."""
    from transformers import BertConfig, BertModel

    shape = BertConfig(**(MINILM if settings.source == "minilm" else {}))
    with tempfile.TemporaryDirectory() as folder:
        BertModel(shape, add_pooling_layer=False).save_pretrained(folder)
        return TextEncoder(Path(folder), settings.frozen_layers, embedding)


def measure_encoding(config: Config, scale: Scale) -> Measured:
    """Forward passes of the video encoder, 32-bit."""
    batch = scale.batch(config.cmr.predict.batch_size, 2)
    store, video = _studies(config, 1, batch * scale.steps), config.cmr.video_encoder
    make_repeatable(config.cmr.predict.cpu_threads, config.seed)
    device, rows = choose_device(), np.arange(len(store.videos))
    encoder = build_video_encoder("random", None, video, config.seed).to(device).eval()
    speed = time_call(lambda: encode_rows(encoder, cast(Any, store), rows, video, batch, device), len(rows))
    return Measured(speed, f"forward, 32-true, {batch} clips a step")


def measure_transfer(config: Config, scale: Scale) -> Measured:
    """Training of encoder, attention and head."""
    studies = scale.batch(4, 2)
    return _measure_bags(config, scale, "transfer_learning", studies, scale.batch(BAG, 2))


def measure_head(config: Config, scale: Scale) -> Measured:
    """Training of the last linear layer, attention and head on kept features."""
    return _measure_bags(config, Scale(scale.gpu, 200), "fine_tuning", config.cmr.lvef.batch_size, 3 * BAG)


def _measure_bags(config: Config, scale: Scale, mode: Mode, studies: int, views: int) -> Measured:
    own = config.cmr.lvef
    settings = Lvef(**{**own.model_dump(), "batch_size": studies, "accumulate": 1, "sax_share": 1.0})
    store = _studies(config, studies * scale.steps, views)
    frozen = mode == "fine_tuning"
    width = _width(config) if frozen else 0
    features = cast(Any, RandomFeatures(store.videos, width)) if frozen else None
    video = config.cmr.video_encoder
    read = Views(store.videos, features, cast(Any, store), video, BagIndex(store.videos))
    labels = np.random.default_rng(0).uniform(20, 70, len(store.names))
    table = pd.DataFrame({"study": store.names, "label": labels})
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, config.seed)
    objective = Regression(labels, settings)
    training = BagFinetuning(
        "fine-tune", EPOCHS, settings, objective, read, table, table, config.seed, fabric.device
    )
    model = build_network("random", mode, None, video, settings, width, config.seed)
    speed = views * time_training(fabric, model, training)
    return Measured(speed, f"{settings.precision}, {studies} studies of {views} clips a step")


def _studies(config: Config, count: int, slices: int) -> RandomStudies:
    video = config.cmr.video_encoder
    return RandomStudies(count, slices, video.frames, video.size)


def _width(config: Config) -> int:
    return build_video_encoder("random", None, config.cmr.video_encoder, config.seed).features
