"""View classification: the user's network on ten frames per video, averaged (Methods)."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cineclr.config.echo import Views
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.gpus import choose_device
from cineclr.ledger import PASSED, Code
from cineclr.private import PrivateSide
from cineclr.progress import track
from cineclr.publishing import sha256_file
from cineclr.seeds import derive_seed
from cineclr.views.frames import choose_frames, load_frames
from cineclr.views.networks import (
    TORCHSCRIPT,
    average_probabilities,
    load_network,
    read_network,
    store_network,
    store_script,
)

logger = logging.getLogger(__name__)

VIDEOS_PER_BATCH = 8
DECIMALS = 6  # below it, sums depend on the batch that a video shares


def import_view_classifier(private: Path, settings: Views, output: Path) -> None:
    """Check the user's classifier (weights.view_classifier in sources.yaml) and store it.

    A TorchScript file, or a state dict (.pt, .safetensors) of `settings.architecture`. Raises InputError
    for a missing file or hash, a hash that differs, or a network that does not fit the settings.
    """
    weights = PrivateSide(private).sources().weights
    path = weights.view_classifier
    if path is None or not path.is_file():
        raise InputError(
            "sources.yaml: weights.view_classifier: name the file of your view classifier, or train one: "
            "views.classifier: train"
        )
    if weights.view_classifier_sha256 is None:
        raise InputError(
            "sources.yaml: weights.view_classifier_sha256: missing; "
            "`cineclr hash-weights --file FILE` prints it"
        )
    if sha256_file(path) != weights.view_classifier_sha256:
        raise InputError(
            "sources.yaml: weights.view_classifier_sha256 is not the hash of weights.view_classifier: "
            "a damaged file, or another. Fetch it again, or correct the hash "
            "(`cineclr hash-weights --file FILE`)"
        )
    network = read_network(path, settings)
    if settings.architecture == TORCHSCRIPT:
        store_script(path, settings, output)
    else:
        store_network(network, settings, output)
    logger.info("view classifier: %s, classes %s", settings.architecture, ", ".join(settings.classes))


def classify_views(
    manifest: Path, videos: Path, classifier: Path, settings: Views, seed: int, output: Path
) -> None:
    """Give every de-identified video of a shard its most probable view; others than `keep` are set aside.

    Writes file, study, video, code (passed or other_view), view and p_<class>. A video's frames depend on the
    seed and its pseudonym only, so that they do not change with the number of shards.
    """
    torch.set_num_threads(settings.cpu_threads)
    device = choose_device()
    network = load_network(classifier, settings).to(device)
    frame = pd.read_parquet(manifest)
    frame = frame[frame["code"] == PASSED].reset_index(drop=True)
    starts = range(0, len(frame), VIDEOS_PER_BATCH)
    parts = [np.empty((0, len(settings.classes)))]
    for start in track(starts, "classify views", len(starts)):
        batch = frame.iloc[start : start + VIDEOS_PER_BATCH]
        parts.append(average_probabilities(network, _load_batch(batch, videos, settings, seed), device))
    table = _tabulate(frame, np.concatenate(parts).round(DECIMALS), settings)
    write_parquet(table, output)
    counts = table["view"].value_counts()
    logger.info("%d videos: %s", len(table), ", ".join(f"{n} {view}" for view, n in counts.items()) or "none")


def _load_batch(batch: pd.DataFrame, videos: Path, settings: Views, seed: int) -> list[np.ndarray]:
    loaded = []
    for video, path, total in zip(batch["video"], batch["path"], batch["frames"], strict=True):
        video_seed = derive_seed(seed, "classify_views", video)
        numbers = choose_frames(total, settings.frames, settings.frame_choice, video_seed)
        loaded.append(load_frames(videos / path, numbers, settings.size))
    return loaded


def _tabulate(frame: pd.DataFrame, probabilities: np.ndarray, settings: Views) -> pd.DataFrame:
    table = frame[["file", "study", "video"]].copy()
    names = np.array(settings.classes, dtype=object)
    view = names[probabilities.argmax(axis=1)]
    table["code"] = np.where(view == settings.keep, PASSED, str(Code.OTHER_VIEW)).astype(object)
    table["view"] = view
    for number, name in enumerate(settings.classes):
        table[f"p_{name}"] = probabilities[:, number]
    return table
