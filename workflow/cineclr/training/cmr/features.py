"""What the frozen video encoder makes of every slice: computed once, for all trainings of the heads."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cineclr.config.cmr import Init, Predict
from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.order import split_batches
from cineclr.data.reader import prefetch
from cineclr.data.temporal import read_slices
from cineclr.errors import InputError
from cineclr.files import require_file, write_parquet
from cineclr.gpus import choose_device
from cineclr.progress import track
from cineclr.training.cmr.encoders import build_video_encoder
from cineclr.training.device import make_repeatable
from cineclr.video.hdf5 import StudyStore

logger = logging.getLogger(__name__)

USED = ("train", "val", "test")


def extract_features(
    init: Init,
    splits: Path,
    studies: list[Path],
    video_encoder: VideoSettings,
    settings: Predict,
    seed: int,
    output: Path,
    weights: Path | None = None,
) -> None:
    """Write study, view, slice, feature (before the last linear layer) of all downstream and test studies.

    Clips are not augmented: they are encoded once for all trainings with a frozen encoder. 32-bit.
    """
    make_repeatable(settings.cpu_threads, seed)
    store = StudyStore.open(studies)
    table = pd.read_csv(splits)
    wanted = store.videos["study"].isin(table.loc[table["split"].isin(USED), "study"])
    rows = np.flatnonzero(wanted.to_numpy())
    device = choose_device()
    encoder = build_video_encoder(init, weights, video_encoder, seed).to(device).eval()
    features = encode_rows(encoder, store, rows, video_encoder, settings.batch_size, device)
    chosen = store.videos.iloc[rows][["study", "view", "slice"]].reset_index(drop=True)
    write_parquet(chosen.assign(feature=list(features)), output)
    logger.info("%s: %d slices of %d studies", init, len(chosen), chosen["study"].nunique())


@torch.no_grad()
def encode_rows(
    encoder: Any,
    store: StudyStore,
    rows: np.ndarray,
    video: VideoSettings,
    batch_size: int,
    device: torch.device,
) -> np.ndarray:
    """Return the encoder's class tokens of these rows of the store, float32 (n, features)."""
    parts = split_batches(len(rows), batch_size, keep_last=True)
    batches = prefetch(lambda part: read_slices(store, rows[part], video.frames, video.size), parts)
    shown = track(batches, "encode", len(parts))
    return np.concatenate([encoder.encode(batch.to(device)).float().cpu().numpy() for batch in shown])


class Features:
    """The features of all slices.

    Attributes:
        videos: study, view, slice; index 0 to n-1.
        values: float32 (n, features).
    """

    def __init__(self, path: Path) -> None:
        table = pd.read_parquet(require_file(path, "--features", "Run extract-features first."))
        if table.empty:
            raise InputError("--features: no slice at all; see cmr/cohort/flow.json")
        self.videos = table[["study", "view", "slice"]]
        self.values = torch.from_numpy(np.stack(table["feature"].to_list()))
