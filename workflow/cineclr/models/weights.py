"""Weight files: safetensors that say what they hold, loaded strictly; published weights checked by hash."""

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from cineclr.config.base import Precision
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.models.r3d import R3D18
from cineclr.private import PrivateSide
from cineclr.publishing import publish, sha256_file

logger = logging.getLogger(__name__)

ARCHITECTURE = "r3d_18"
KINETICS_WIDTH = 64
# Channel means and standard deviations of Kinetics-400 (torchvision, R3D_18_Weights.KINETICS400_V1).
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)
MAX_NAMED_KEYS = 5


def describe_encoder(encoder: R3D18) -> dict[str, Any]:
    """Return what is needed to build the encoder again: architecture, width, standardisation."""
    width = encoder.features // 8
    return {
        "architecture": ARCHITECTURE,
        "width": width,
        "mean": list(encoder.mean),
        "std": list(encoder.std),
    }


def describe_input(frames: int, size: tuple[int, int], precision: Precision) -> dict[str, Any]:
    """Return what clips the weights were trained on, so that new ones can be prepared alike.

    Grey clips (B, T, H, W) of `frames` consecutive frames of `size` (H, W), reduced by averaging over
    areas, with values in 0 to 1; the network standardises them itself, by the `mean` and `std` that
    `describe_encoder` gives.
    """
    return {
        "frames": frames,
        "size": list(size),
        "resize": "area",
        "range": [0, 1],
        "precision": precision,
    }


def build_encoder(description: dict[str, Any], width: int, role: str) -> R3D18:
    """Build the encoder that a weights file describes; raise InputError if it is not of `width`."""
    if description.get("architecture") != ARCHITECTURE or description.get("width") != width:
        found = f"{description.get('architecture')} of width {description.get('width')}"
        raise InputError(
            f"{role}: the file holds {found}, but encoder.width is {width}; set the width of the weights"
        )
    return R3D18(width, tuple(description["mean"]), tuple(description["std"]))


def save_weights(state: dict[str, Tensor], description: dict[str, Any], path: Path) -> None:
    """Publish tensors and their description as safetensors, re-read and compared before they are named."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with publish(path) as temporary:
        save_file(tensors, temporary, metadata={"config": json.dumps(description, sort_keys=True)})
        read, _ = load_weights(temporary, "output")
        if read.keys() != tensors.keys() or not all(torch.equal(read[k], tensors[k]) for k in tensors):
            raise OSError(f"{path.name}: what was written is not what is read")


def load_weights(path: Path, role: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and description of a safetensors file of ours; raise InputError if it is not one."""
    require_file(path, role, "Run the stage that makes it.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError:
        raise InputError(
            f"{role}: {path.name} is damaged or not safetensors; delete it and make it again"
        ) from None
    if "config" not in metadata:
        raise InputError(
            f"{role}: {path.name} does not say what it holds (no `config`); it was not made here"
        )
    return tensors, json.loads(metadata["config"])


def load_strictly(module: nn.Module, state: dict[str, Tensor], role: str) -> None:
    """Load tensors into a module; raise InputError that names keys or shapes which do not match."""
    own = module.state_dict()
    problems = [f"{key} is missing" for key in own if key not in state]
    problems += [f"{key} is unknown" for key in state if key not in own]
    problems += [
        f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}"
        for key, value in own.items()
        if key in state and state[key].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - MAX_NAMED_KEYS} more" if len(problems) > MAX_NAMED_KEYS else ""
        raise InputError(f"{role}: weights do not fit: {'; '.join(problems[:MAX_NAMED_KEYS])}{more}")
    module.load_state_dict(state, strict=True)


def import_kinetics(private: Path, source: Literal["download", "file"], output: Path) -> None:
    """Turn torchvision's Kinetics-400 weights, downloaded or from a file, into safetensors without head."""
    state = _download_kinetics() if source == "download" else _read_kinetics_file(PrivateSide(private))
    encoder = R3D18(KINETICS_WIDTH, KINETICS_MEAN, KINETICS_STD)
    body = {key: value for key, value in state.items() if not key.startswith("fc.")}
    load_strictly(encoder, body, "Kinetics-400 weights")
    description = {**describe_encoder(encoder), "pretraining": "kinetics400"}
    save_weights(encoder.state_dict(), description, output)
    logger.info(
        "Kinetics-400: %d tensors written, the head of %d left out", len(body), len(state) - len(body)
    )


def _download_kinetics() -> dict[str, Tensor]:
    from torchvision.models.video import R3D_18_Weights

    url = R3D_18_Weights.KINETICS400_V1.url
    path = download_weights(url, "weights: kinetics400", "echo.encoder.kinetics400")
    return torch.load(path, map_location="cpu", weights_only=True)


def download_weights(url: str, source: str, setting: str) -> Path:
    """Fetch a file whose name carries the start of its hash, unless it is there already; return its path.

    Raises InputError that says how to bring it otherwise: `source` names it in sources.yaml, `setting` is the
    one to set to file.
    """
    prefix = re.search(r"-([0-9a-f]{8,})\.", url)
    if prefix is None:
        raise RuntimeError(f"no hash in the name of {url}")
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    if path.is_file() and sha256_file(path).startswith(prefix[1]):
        logger.info("%s: already downloaded", path.name)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix[1], progress=False)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"Kinetics-400 weights: download failed ({type(error).__name__}). Fetch {url} on a machine "
            f"with internet, name the file in sources.yaml ({source}, kinetics400_sha256 from "
            f"`cineclr hash-weights --file FILE`) and set {setting}: file"
        ) from None
    return path


def _read_kinetics_file(private: PrivateSide) -> dict[str, Tensor]:
    weights = private.sources().weights
    if weights.kinetics400 is None or weights.kinetics400_sha256 is None:
        raise InputError(
            "sources.yaml: weights: kinetics400 and kinetics400_sha256 are both needed when "
            "echo.encoder.kinetics400 is file (`cineclr hash-weights --file FILE` prints the hash)"
        )
    return read_weights_file(
        weights.kinetics400, weights.kinetics400_sha256, "sources.yaml: weights.kinetics400"
    )


def read_weights_file(path: Path, sha256: str, role: str) -> dict[str, Tensor]:
    """Return the state dict in a user's file; raise InputError if it has not that hash, or is none."""
    content = require_file(path, role, "Correct the path.").read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(
            f"{role}: {path.name} does not have the hash of {role.rsplit('.', 1)[1]}_sha256; fetch the file "
            "again, or correct the hash if you trust it"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{role}: {path.name} is not a state dict that loads safely ({type(error).__name__}); take the "
            "published file itself"
        ) from None


def hash_weights(file: Path) -> None:
    """Print the SHA-256 of a weights file, for sources.yaml."""
    print(sha256_file(require_file(file, "--file", "Correct the path.")))
