"""The video encoder: its size, its kinship with torchvision's MViT, and published weights under our keys."""

import hashlib
from pathlib import Path

import pytest
import torch
from pytorchvideo.layers.attention import MultiScaleAttention
from torch import Tensor, nn
from torchvision.models.video import mvit_v1_b

from cineclr.config.cmr import VideoEncoder as Settings
from cineclr.errors import InputError
from cineclr.models.keys import from_torchvision, import_cmr_weights, to_our_keys
from cineclr.models.mvit import MEAN, STD, VideoEncoder
from cineclr.models.weights import load_weights
from cineclr.private import init

SMALL = Settings(architecture="mvit_small", frames=4, size=32, embedding=16, kinetics400="none")


@pytest.fixture(scope="module")
def encoder() -> VideoEncoder:
    torch.manual_seed(0)
    return VideoEncoder(Settings(kinetics400="none")).eval()


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """torchvision's network, with weights of which none is 0, and pooling norms with pytorchvideo's eps."""
    torch.manual_seed(1)
    model = mvit_v1_b(weights=None).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.05)
    for name, module in model.named_modules():
        if ".attn.pool_" in name and isinstance(module, nn.LayerNorm):
            module.eps = 1e-5
    model.head = nn.Identity()
    return model


def test_parameters_and_heads_are_the_papers(encoder: VideoEncoder) -> None:
    assert sum(parameter.numel() for parameter in encoder.encoder.parameters()) == 36_303_072
    heads = [module.num_heads for module in encoder.modules() if isinstance(module, MultiScaleAttention)]
    assert heads == [1, *[2] * 2, *[4] * 11, *[8] * 2]
    assert sum(heads) == 65
    assert tuple(encoder.projection.weight.shape) == (512, 768)


def test_outputs_equal_torchvisions_under_the_key_map(encoder: VideoEncoder, theirs: nn.Module) -> None:
    encoder.encoder.load_state_dict(from_torchvision(theirs.state_dict()), strict=True)
    clips = torch.randint(0, 256, (1, 16, 224, 224), dtype=torch.uint8)
    video = (clips.float() / 255)[:, None].expand(-1, 3, -1, -1, -1)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        torch.testing.assert_close(encoder.encode(clips), theirs((video - mean) / std), atol=1e-5, rtol=0)


def test_floats_and_bytes_are_the_same_clip() -> None:
    encoder = VideoEncoder(SMALL).eval()
    clips = torch.randint(0, 256, (2, 4, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(encoder(clips), encoder(clips.float() / 255))
        assert encoder(clips).shape == (2, 16)


def published(kind: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state under the keys of a published checkpoint, with its head and what else it holds."""
    if kind == "pytorchvideo":
        return {**state, "head.proj.weight": torch.zeros(400, 768), "head.proj.bias": torch.zeros(400)}
    own = {f"model.video_encoder.{key}": value for key, value in state.items()}
    own |= {"model.video_proj.weight": torch.ones(512, 768), "model.video_proj.bias": torch.zeros(512)}
    return {
        **own,
        "model.attention_net.0.weight": torch.zeros(3),
        "model.classifier_head.bias": torch.zeros(1),
    }


@pytest.mark.parametrize("kind", ["pytorchvideo", "authors"])
def test_published_keys_become_ours(kind: str, encoder: VideoEncoder) -> None:
    state = encoder.encoder.state_dict()
    ours = to_our_keys(published(kind, state))
    assert {f"encoder.{key}" for key in state} == {key for key in ours if key.startswith("encoder.")}
    assert torch.equal(ours["encoder.blocks.3.attn.q.weight"], state["blocks.3.attn.q.weight"])
    assert ("projection.weight" in ours) == (kind == "authors")


def with_weights(folder: Path, state: dict[str, Tensor]) -> Path:
    """Return a private side whose sources name a file with this state."""
    for name in ("dicom", "private"):
        (folder / name).mkdir()
    for name in ("sheet.csv", "reports.csv"):
        (folder / name).write_text("study_id\n")
    private = folder / "private" / "main"
    init(
        private,
        cmr_dicom=[folder / "dicom"],
        cmr_sheet=folder / "sheet.csv",
        cmr_reports=folder / "reports.csv",
    )
    file = folder / "weights.pt"
    torch.save({"state_dict": state}, file)
    sources = private / "sources.yaml"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    text = f"  weights: {{kinetics400: {file}, kinetics400_sha256: {sha256}}}\n"
    sources.write_text(sources.read_text() + text)
    return private


def test_a_file_of_pytorchvideo_is_imported(tmp_path: Path, encoder: VideoEncoder) -> None:
    private = with_weights(tmp_path, published("pytorchvideo", encoder.encoder.state_dict()))
    import_cmr_weights(private, "kinetics400", "file", tmp_path / "out.safetensors")
    state, description = load_weights(tmp_path / "out.safetensors", "test")
    assert (description["pretraining"], description["projection"]) == ("kinetics400", False)
    key = "cls_positional_encoding.pos_embed_spatial"
    assert torch.equal(state[f"encoder.{key}"], encoder.encoder.state_dict()[key])


def test_a_missing_key_is_named(tmp_path: Path, encoder: VideoEncoder) -> None:
    state = published("pytorchvideo", encoder.encoder.state_dict())
    del state["cls_positional_encoding.pos_embed_spatial"]
    private = with_weights(tmp_path, state)
    with pytest.raises(InputError, match="pos_embed_spatial is missing"):
        import_cmr_weights(private, "kinetics400", "file", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
