"""Training of a view classifier on frames that the user labelled."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from cineclr.config.echo import Views
from cineclr.errors import InputError
from cineclr.gpus import choose_device
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.progress import Progress, track
from cineclr.seeds import derive_seed
from cineclr.views.frames import choose_frames, load_frames, normalise_frames
from cineclr.views.labels import find_labelled_videos, read_view_labels
from cineclr.views.networks import (
    TORCHSCRIPT,
    average_probabilities,
    build_network,
    store_network,
)

logger = logging.getLogger(__name__)

HELD_OUT = 0.2  # of the labelled studies: they only measure the accuracy
VIDEOS_PER_BATCH = 8
ROTATION, SCALE, SHIFT, GAIN = 10.0, 0.1, 0.05, 0.2  # degrees, and shares, either way


def train_view_classifier(
    private: Path, manifests: list[Path], videos: list[Path], settings: Views, seed: int, output: Path
) -> None:
    """Train `settings.architecture` on the labelled videos (view_labels in sources.yaml) and store it.

    A fifth of the studies is held out; the accuracy there is logged and stored beside the weights. All frames
    are held in memory: videos x frames_per_video x size^2 bytes. Raises InputError for wrong labels.
    """
    side = PrivateSide(private)
    if settings.architecture == TORCHSCRIPT:
        raise InputError("views.architecture: a TorchScript file cannot be trained; name a torchvision model")
    labels = read_view_labels(side.sources(), Pseudonymizer(side.key()), settings.classes)
    table = find_labelled_videos(labels, manifests, videos, settings.classes)
    torch.set_num_threads(settings.training.cpu_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    held_out = hold_out_studies(table["study"], seed)
    if table.loc[~held_out, "view"].nunique() < len(settings.classes):
        raise InputError(
            "view labels: too few studies to hold a fifth out; label every class in more studies"
        )
    frames = _load_videos(table, settings, seed)
    training = [video for video, out in zip(frames, held_out, strict=True) if not out]
    targets = np.repeat(table.loc[~held_out, "view"].to_numpy(), [len(video) for video in training])
    network = fit(torch.from_numpy(np.concatenate(training)), torch.from_numpy(targets), settings, seed)
    testing = [video for video, out in zip(frames, held_out, strict=True) if out]
    accuracy = _measure(network, testing, table.loc[held_out, "view"].to_numpy(), settings)
    store_network(network, settings, output, held_out=accuracy)


def hold_out_studies(studies: pd.Series, seed: int) -> pd.Series:
    """Return True for the rows of the fifth of the studies that is held out, whatever the order of rows."""
    order = sorted(set(studies), key=lambda study: (derive_seed(seed, "hold_out", study), study))
    return studies.isin(order[: int(HELD_OUT * len(order))])


def fit(frames: Tensor, targets: Tensor, settings: Views, seed: int) -> torch.nn.Module:
    """Train on uint8 frames (N, H, W) of classes (N,): Adam, one-cycle learning rate, cross-entropy."""
    chosen, device = settings.training, choose_device()
    torch.manual_seed(derive_seed(seed, "train_view_classifier"))
    network = build_network(settings.architecture, len(settings.classes)).to(device).train()
    network.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(derive_seed(seed, "train_view_classifier", "order"))
    # BatchNorm needs two frames, so the last, shorter batch of an epoch is left out.
    size = min(chosen.batch_size, len(frames))
    steps = len(frames) // size
    optimizer = torch.optim.Adam(network.parameters(), lr=chosen.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=chosen.learning_rate, total_steps=max(2, steps * chosen.epochs)
    )
    progress = Progress("train view classifier", steps * chosen.epochs)
    for epoch in range(chosen.epochs):
        for batch in torch.randperm(len(frames), generator=generator)[: steps * size].split(size):
            inputs = augment(frames[batch].float() / 255, generator)
            loss = F.cross_entropy(
                network(normalise_frames(inputs.to(device))),
                targets[batch].to(device),
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            progress.step(note=f"epoch {epoch + 1}, loss {loss.item():.3f}")
    return network.eval()


def augment(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate, scale, shift and brighten each frame of (B, H, W) at random; never flip: left is not right."""
    angle, scale, right, down, gain = torch.rand(5, len(frames), generator=generator) * 2 - 1
    angle, scale = torch.deg2rad(ROTATION * angle), 1 + SCALE * scale
    rows = [
        torch.stack([scale * angle.cos(), -scale * angle.sin(), 2 * SHIFT * right], dim=1),
        torch.stack([scale * angle.sin(), scale * angle.cos(), 2 * SHIFT * down], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), [len(frames), 1, *frames.shape[1:]], align_corners=False)
    moved = F.grid_sample(frames[:, None], grid, align_corners=False)[:, 0]
    return (moved * (1 + GAIN * gain)[:, None, None]).clamp(0, 1)


def _load_videos(table: pd.DataFrame, settings: Views, seed: int) -> list[np.ndarray]:
    count = settings.training.frames_per_video
    loaded = []
    rows = zip(table["video"], table["path"], table["frames"], strict=True)
    for video, path, total in track(rows, "read labelled videos", len(table)):
        video_seed = derive_seed(seed, "train_view_classifier", video)
        loaded.append(
            load_frames(Path(path), choose_frames(total, count, "random", video_seed), settings.size)
        )
    return loaded


def _measure(
    network: torch.nn.Module, videos: list[np.ndarray], views: np.ndarray, settings: Views
) -> dict[str, dict[str, int]]:
    """Return and log, by class, the held-out videos and how many of them are recognised."""
    batches = [videos[start : start + VIDEOS_PER_BATCH] for start in range(0, len(videos), VIDEOS_PER_BATCH)]
    device = choose_device()
    found = [
        view for batch in batches for view in average_probabilities(network, batch, device).argmax(axis=1)
    ]
    right = np.array(found, dtype=int) == views
    accuracy = {}
    for number, name in enumerate(settings.classes):
        of_class = views == number
        accuracy[name] = {"videos": int(of_class.sum()), "correct": int(right[of_class].sum())}
        logger.info("held out, %s: %d of %d videos right", name, right[of_class].sum(), of_class.sum())
    return accuracy
