"""The classifier's network: built, read from a user's file, stored, loaded, applied to frames."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torchvision

from cineclr.config.echo import Views
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.publishing import publish, sha256_file
from cineclr.views.frames import normalise_frames

TORCHSCRIPT = "torchscript"
CONTAINERS = ("state_dict", "model_state_dict", "model")
NAMES_SHOWN = 3

State = dict[str, torch.Tensor]


def build_network(architecture: str, classes: int) -> torch.nn.Module:
    """Return a torchvision classification network with fresh weights; raise InputError for an unknown one."""
    if architecture not in torchvision.models.list_models(module=torchvision.models):
        raise InputError(
            f"views.architecture: {architecture!r} is neither {TORCHSCRIPT!r} nor a classification model of "
            "torchvision, such as resnet18, densenet121 or shufflenet_v2_x1_0"
        )
    return torchvision.models.get_model(architecture, weights=None, num_classes=classes)


def read_network(path: Path, settings: Views) -> torch.nn.Module:
    """Read a user's weight file, without running any pickled code, as `settings` describe it.

    Raises InputError for a file of another kind, other tensor names, or another number of classes.
    """
    if settings.architecture == TORCHSCRIPT:
        network = _read_script(path)
    else:
        network = build_network(settings.architecture, len(settings.classes))
        state = _read_state(path)
        _compare(state, network.state_dict(), settings)
        network.load_state_dict(state, strict=True)
    network.eval()
    _probe(network, settings)
    return network


def store_network(network: torch.nn.Module, settings: Views, output: Path, **facts: object) -> None:
    """Publish weights as safetensors, and beside them as .json what they are and their SHA-256."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with publish(output) as temporary:
        safetensors.torch.save_file(state, temporary)
        _describe(temporary, settings, output, facts)


def store_script(script: Path, settings: Views, output: Path, **facts: object) -> None:
    """Publish a copy of a TorchScript file, and beside it as .json what it is and its SHA-256."""
    with publish(output) as temporary:
        shutil.copyfile(script, temporary)
        _describe(temporary, settings, output, facts)


def load_network(path: Path, settings: Views) -> torch.nn.Module:
    """Load a stored classifier for inference; raise InputError if it is not the one of `settings`."""
    facts = json.loads(path.with_suffix(".json").read_text())
    if facts["sha256"] != sha256_file(path) or facts["classes"] != settings.classes:
        raise InputError(
            "views: the stored classifier is damaged or has other classes; import or train it again"
        )
    if settings.architecture == TORCHSCRIPT:
        return torch.jit.load(path, map_location="cpu").eval()
    network = build_network(settings.architecture, len(settings.classes))
    network.load_state_dict(safetensors.torch.load_file(path), strict=True)
    return network.eval()


def average_probabilities(
    network: torch.nn.Module, videos: list[np.ndarray], device: torch.device
) -> np.ndarray:
    """Return (videos, classes): the softmax of each frame, averaged over the video (Methods).

    `videos` are uint8 (frames, H, W), all of one size; their frames go through the network as one batch.
    """
    frames = torch.from_numpy(np.concatenate(videos)).to(device).float() / 255  # (N, H, W)
    with torch.inference_mode():
        probabilities = network(normalise_frames(frames)).softmax(dim=1).double().cpu().numpy()
    ends = np.cumsum([len(video) for video in videos])[:-1]
    return np.stack([part.mean(axis=0) for part in np.split(probabilities, ends)])


def _describe(stored: Path, settings: Views, output: Path, facts: dict[str, object]) -> None:
    known = {"architecture": settings.architecture, "classes": settings.classes, "size": settings.size}
    write_json({**known, "sha256": sha256_file(stored), **facts}, output.with_suffix(".json"))


def _read_script(path: Path) -> torch.nn.Module:
    try:
        return torch.jit.load(path, map_location="cpu")
    except RuntimeError:
        raise InputError(
            "weights.view_classifier: not a TorchScript file; save it with torch.jit.save, or name its "
            "architecture in views.architecture"
        ) from None


def _read_state(path: Path) -> State:
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, safetensors.SafetensorError):
        raise InputError(
            "weights.view_classifier: not a file of tensors only; save network.state_dict() with torch.save "
            f"or safetensors, or set views.architecture: {TORCHSCRIPT} for a TorchScript file"
        ) from None
    for name in CONTAINERS:
        state = state[name] if isinstance(state.get(name), dict) else state
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def _compare(state: State, own: State, settings: Views) -> None:
    """Raise InputError unless the file's tensors have the names and shapes of the network's."""
    where = f"weights.view_classifier: as {settings.architecture} with {len(settings.classes)} classes, "
    missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or extra:
        raise InputError(
            f"{where}{len(missing)} tensors are missing {missing[:NAMES_SHOWN]} and {len(extra)} are "
            f"unknown {extra[:NAMES_SHOWN]}; correct views.architecture"
        )
    for name, tensor in own.items():
        if state[name].shape != tensor.shape:
            raise InputError(
                f"{where}{name} should be {tuple(tensor.shape)}, but the file has "
                f"{tuple(state[name].shape)}; correct views.classes (a name per output) or architecture"
            )


def _probe(network: torch.nn.Module, settings: Views) -> None:
    """Raise InputError unless the network turns frames into one number, not yet a probability, per class."""
    where, size, classes = "weights.view_classifier", settings.size, len(settings.classes)
    frames = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            output = network(frames)
    except (RuntimeError, AssertionError):
        raise InputError(f"{where}: fails on frames of 3 x {size} x {size}; correct views.size") from None
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise InputError(f"{where}: must give one tensor (frames, classes); export its last layer only")
    if output.shape[1] != classes:
        raise InputError(f"{where}: has {output.shape[1]} outputs, but views.classes names {classes}")
    if (output >= 0).all() and torch.allclose(output.sum(dim=1), torch.ones(2), atol=1e-4):
        raise InputError(f"{where}: gives probabilities already; export it without its last softmax")
