"""The downstream network: encoder (or its kept features), last linear layer, gated attention, head."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cineclr.config.cmr import BagTraining, Init, Mode
from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.augmix import augmix
from cineclr.data.bags import Bags, pad_bags
from cineclr.models.attention import StudyModel
from cineclr.seeds import derive_seed
from cineclr.training.cmr.encoders import build_video_encoder, read_init


class StudyNetwork(nn.Module):
    """One score of a study from all its views; without an encoder it takes features instead of clips."""

    def __init__(self, encoder: nn.Module | None, projection: nn.Linear, head: StudyModel) -> None:
        super().__init__()
        self.encoder, self.projection, self.head = encoder, projection, head

    def forward(self, items: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B,) and attention (B, N) of bags: items (M, ...) fill the mask (B, N) row by row."""
        features = items if self.encoder is None else self.encoder.encode(items)  # type: ignore[operator]
        return self.head(pad_bags(self.projection(features), mask), mask)


def build_network(
    init: Init,
    mode: Mode,
    weights: Path | None,
    video: VideoSettings,
    settings: BagTraining,
    features: int,
    seed: int,
) -> StudyNetwork:
    """Return the network of a mode; `features` is the width of kept features, 0 in transfer learning.

    The last linear layer is the pretrained one where the weights hold one. Everything else that is new is
    drawn from `seed`.
    """
    head = StudyModel(video.embedding, settings.attention, settings.layer_norm)
    if mode == "transfer_learning":
        encoder = build_video_encoder(init, weights, video, seed)
        projection, encoder.projection = encoder.projection, nn.Identity()
        return StudyNetwork(encoder, projection, head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "projection"))
        projection = nn.Linear(features, video.embedding)
    state = read_init(init, weights, video)
    if "projection.weight" in state:
        projection.load_state_dict({name: state[f"projection.{name}"] for name in ("weight", "bias")})
    return StudyNetwork(None, projection, head)


def rebuild_network(description: dict[str, Any], video: VideoSettings, seed: int) -> StudyNetwork:
    """Return the network that a model file describes, its weights still to be loaded."""
    head = StudyModel(video.embedding, description["attention"], description["layer_norm"])
    if description["mode"] == "transfer_learning":
        encoder = build_video_encoder("random", None, video, seed)
        projection, encoder.projection = encoder.projection, nn.Identity()
        return StudyNetwork(encoder, projection, head)
    return StudyNetwork(None, nn.Linear(description["features"], video.embedding), head)


def prepare(bags: Bags, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch's items (augmented, where it has seeds), mask and targets on the device."""
    items = bags.items.to(device, non_blocking=True)
    if bags.seeds:
        items = augmix(items, list(bags.seeds))
    return items, bags.mask.to(device), bags.targets.to(device)
