"""Published weights of the video encoder under our key names: torchvision's, pytorchvideo's, the authors'."""

import logging
import re
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from cineclr.config.cmr import VideoEncoder as Settings
from cineclr.errors import InputError
from cineclr.models.mvit import VideoEncoder
from cineclr.models.weights import download_weights, load_strictly, read_weights_file, save_weights
from cineclr.private import PrivateSide

logger = logging.getLogger(__name__)

# torchvision's key -> pytorchvideo's; `qkv` is divided into its three parts besides.
TORCHVISION = (
    (r"^conv_proj\.", "patch_embed.patch_model."),
    (r"^pos_encoding\.class_token$", "cls_positional_encoding.cls_token"),
    (r"^pos_encoding\.(spatial|temporal)_pos$", r"cls_positional_encoding.pos_embed_\1"),
    (r"^pos_encoding\.class_pos$", "cls_positional_encoding.pos_embed_class"),
    (r"^norm\.", "norm_embed."),
    (r"\.attn\.project\.0\.", ".attn.proj."),
    (r"\.attn\.pool_([qkv])\.pool\.", r".attn.pool_\1."),
    (r"\.attn\.pool_([qkv])\.norm_act\.0\.", r".attn.norm_\1."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
    (r"^(blocks\.\d+)\.project\.", r"\1.proj."),
)
HEADS = ("head.", "video_fc.")


def from_torchvision(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of torchvision's `mvit_v1_b` under pytorchvideo's keys, the head left out."""
    mapped: dict[str, Tensor] = {}
    for key, value in state.items():
        if key.startswith(HEADS):
            continue
        if ".attn.qkv." in key:
            for part, piece in zip("qkv", value.chunk(3), strict=True):
                mapped[key.replace(".qkv.", f".{part}.")] = piece.clone()
            continue
        for pattern, ours in TORCHVISION:
            key = re.sub(pattern, ours, key)
        missing = {"cls_token": 2, "pos_embed_class": 2, "pos_embed_spatial": 1, "pos_embed_temporal": 1}
        for _ in range(missing.get(key.rsplit(".", 1)[-1], 0)):
            value = value[None]
        mapped[key] = value
    return mapped


def to_our_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a published state under the keys of `VideoEncoder`: encoder.* and, if it has one, projection.*.

    Known are torchvision's `mvit_v1_b`, pytorchvideo's `MVIT_B_16x4` and the authors' checkpoint, whose keys
    are `model.video_encoder.*` and `model.video_proj.*`.
    """
    plain = {key.removeprefix("module.").removeprefix("model."): value for key, value in state.items()}
    if "conv_proj.weight" in plain:
        plain = from_torchvision(plain)
    ours: dict[str, Tensor] = {}
    for key, value in plain.items():
        if key.startswith("video_proj."):
            ours[key.replace("video_proj.", "projection.")] = value
        elif not key.removeprefix("video_encoder.").startswith(
            (*HEADS, "attention_net.", "classifier_head.")
        ):
            ours[f"encoder.{key.removeprefix('video_encoder.')}"] = value
    return ours


def import_cmr_weights(
    private: Path,
    which: Literal["kinetics400", "published"],
    source: Literal["download", "file"],
    output: Path,
) -> None:
    """Turn published weights of mViT-B 16x4, downloaded (Kinetics-400) or from a file, into safetensors."""
    state = _download() if source == "download" and which == "kinetics400" else _read(private, which)
    ours = to_our_keys(state.get("state_dict", state.get("model_state", state)))  # type: ignore[arg-type]
    encoder = VideoEncoder(Settings(kinetics400="none"))
    with_projection = "projection.weight" in ours
    expected = encoder if with_projection else encoder.encoder
    given = ours if with_projection else {key.removeprefix("encoder."): ours[key] for key in ours}
    load_strictly(expected, given, f"{which} weights")
    description = {"architecture": "mvit_b_16x4", "pretraining": which, "projection": with_projection}
    save_weights(ours, description, output)
    logger.info("%s: %d tensors, %s projection", which, len(ours), "with" if with_projection else "without a")


def _download() -> dict[str, Tensor]:
    from torchvision.models.video import MViT_V1_B_Weights

    path = download_weights(
        MViT_V1_B_Weights.KINETICS400_V1.url, "cmr: weights: kinetics400", "cmr.video_encoder.kinetics400"
    )
    return torch.load(path, map_location="cpu", weights_only=True)


def _read(private: Path, which: str) -> dict[str, Tensor]:
    weights = PrivateSide(private).cmr_sources().weights
    path, sha256 = getattr(weights, which), getattr(weights, f"{which}_sha256")
    if path is None or sha256 is None:
        raise InputError(
            f"sources.yaml: cmr.weights: {which} and {which}_sha256 are both needed "
            "(`cineclr hash-weights --file FILE` prints the hash)"
        )
    return read_weights_file(path, sha256, f"sources.yaml: cmr.weights.{which}")
