"""Predictions by the candidate of best validation loss, averaged over clips and videos."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from cineclr.config.echo import Encoder, Predict, Task
from cineclr.data.reader import Store, prefetch, read_clips, to_device
from cineclr.data.sampling import EvenClips
from cineclr.errors import InputError
from cineclr.files import require_file, write_json, write_table
from cineclr.gpus import choose_device
from cineclr.models.r3d import R3D18
from cineclr.models.weights import build_encoder, load_strictly, load_weights
from cineclr.progress import track
from cineclr.training.device import make_repeatable, use_precision
from cineclr.training.inputs import open_inputs, select_videos

logger = logging.getLogger(__name__)

# Operating points are chosen on the validation split, so that the test sets stay untouched.
PREDICTED = ("val", "internal", "external")
CELL = ("task", "init", "ratio")


def predict_echo(
    task: Task,
    models: list[Path],
    fits: list[Path],
    splits: Path,
    clips: list[Path],
    frames: list[Path],
    settings: Predict,
    encoder: Encoder,
    seed: int,
    output: Path,
    choice: Path,
) -> None:
    """Choose the learning rate by validation loss; predict the labelled validation and test studies.

    Raises:
        InputError: fits or models of several cells, or a test set without a labelled study that has a video.
    """
    candidates = read_fits(task, models, fits)
    best = min(range(len(fits)), key=lambda i: candidates[i]["best_val_loss"])
    state, description = load_weights(models[best], "--models")
    make_repeatable(settings.cpu_threads, seed)
    model = load_classifier(state, description, encoder.width)
    studies, store = open_inputs(splits, clips, frames, description["frames"])
    parts = []
    for test_set in PREDICTED:
        if (studies["split"] == test_set).any():
            videos = select_videos(store, studies, test_set, task)
            videos["probability"] = predict_videos(model, description, store, videos, settings)
            parts.append(average_studies(videos, test_set))
            logger.info("%s: %d videos of %d studies", test_set, len(videos), len(parts[-1]))
    if not studies["split"].isin(PREDICTED[1:]).any():
        raise InputError("no study in a test set: check the cohort's years and split")
    write_table(pd.concat(parts, ignore_index=True), output)
    shown = ("learning_rate", "best_val_loss", "best_epoch")
    write_json(
        {
            **{key: candidates[best][key] for key in (*CELL, "learning_rate")},
            "candidates": [{key: fit[key] for key in shown} for fit in candidates],
        },
        choice,
    )


def read_fits(task: Task, models: list[Path], fits: list[Path]) -> list[dict[str, Any]]:
    """Return the fits, parallel to the models; raise InputError unless all are of one cell of the grid."""
    if len(models) != len(fits) or not fits:
        raise InputError(f"--models and --fits: {len(models)} and {len(fits)} files; give one fit per model")
    found = [json.loads(require_file(path, "--fits", "Run fine-tuning first.").read_text()) for path in fits]
    if len({tuple(fit[key] for key in CELL) for fit in found}) != 1 or found[0]["task"] != task:
        raise InputError(f"--fits: not all of one initialisation and ratio of task {task}")
    return found


def load_classifier(state: dict[str, torch.Tensor], description: dict[str, Any], width: int) -> R3D18:
    """Return the fine-tuned network of a weights file; raise InputError if it is not one."""
    model = build_encoder(description, width, "--models")
    model.fc = nn.Linear(model.features, description["outputs"])
    load_strictly(model, state, "--models")
    return model


@torch.no_grad()
def predict_videos(
    model: nn.Module, description: dict[str, Any], store: Store, videos: pd.DataFrame, settings: Predict
) -> pd.Series:
    """Return each video's probability, the mean over its evenly spaced clips, under the index of `videos`."""
    frames, device = description["frames"], choose_device()
    rows = videos.index.to_numpy()
    video, starts = EvenClips(frames, settings.clips_per_video)(videos["frames"].to_numpy())
    places = [slice(i, i + settings.batch_size) for i in range(0, len(video), settings.batch_size)]
    pin = device.type == "cuda"
    batches = prefetch(lambda part: read_clips(store, rows[video[part]], starts[part], frames, pin), places)
    network = model.to(device).eval()
    with use_precision(description["precision"], device):
        scores = [
            network(to_device(batch, device)).squeeze(1).double().sigmoid().cpu()
            for batch in track(batches, "predict", len(places))
        ]
    return pd.Series(torch.cat(scores).numpy()).groupby(rows[video]).mean()


def average_studies(videos: pd.DataFrame, test_set: str) -> pd.DataFrame:
    """Average video probabilities per study: columns study, test_set, label, probability; sorted by study."""
    table = videos.groupby("study", as_index=False).agg(
        label=("label", "first"), probability=("probability", "mean")
    )
    table["label"] = table["label"].astype(int)
    table.insert(1, "test_set", test_set)
    return table
