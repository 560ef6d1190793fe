"""The video encoder of each initialisation."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cineclr.config.cmr import Init
from cineclr.config.cmr import VideoEncoder as Settings
from cineclr.errors import InputError
from cineclr.models.weights import load_strictly, load_weights
from cineclr.seeds import derive_seed


def build_video_encoder(init: Init, weights: Path | None, settings: Settings, seed: int) -> Any:
    """Return the encoder with an init's weights; what they lack is drawn from `seed`, alike in all jobs.

    Raises InputError if init, weights and architecture do not agree.
    """
    from cineclr.models.mvit import VideoEncoder  # here, because its import takes seconds

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "video encoder"))
        encoder = VideoEncoder(settings)
    state = read_init(init, weights, settings)
    if state:
        own = {**encoder.state_dict(), **state} if "projection.weight" not in state else state
        load_strictly(encoder, own, "--weights")
    return encoder


def read_init(init: Init, weights: Path | None, settings: Settings) -> dict[str, Tensor]:
    """Return the tensors of an init, none for a random one; raise InputError if settings disagree."""
    if (weights is None) != (init == "random"):
        raise InputError(f"init {init} {'takes no' if init == 'random' else 'needs'} --weights")
    if weights is None:
        return {}
    state, description = load_weights(weights, "--weights")
    found = (description.get("pretraining"), description.get("architecture"))
    if found != (init, settings.architecture):
        raise InputError(
            f"--weights: {weights.name} holds {found[0]} weights of {found[1]}, not {init} ones of "
            f"{settings.architecture}; set cmr.video_encoder, or make the weights again"
        )
    return state
