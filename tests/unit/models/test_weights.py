import hashlib
import os
from pathlib import Path

import pytest
import torch
import yaml

from cineclr.errors import InputError
from cineclr.models import weights
from cineclr.models.order_head import OrderHead
from cineclr.models.projector import Projector
from cineclr.models.r3d import R3D18
from cineclr.models.weights import (
    build_encoder,
    describe_encoder,
    hash_weights,
    import_kinetics,
    load_strictly,
    load_weights,
    save_weights,
)


def test_heads_have_the_papers_sizes() -> None:
    assert [tuple(p.shape) for p in Projector().parameters()] == [(256, 512), (256,), (128, 256), (128,)]
    assert OrderHead(512, 4)(torch.rand(3, 512)).shape == (3, 24)


def test_round_trip_builds_the_same_encoder(tmp_path: Path) -> None:
    model = R3D18(8, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)).eval()
    save_weights(model.state_dict(), describe_encoder(model), tmp_path / "a.safetensors")
    state, description = load_weights(tmp_path / "a.safetensors", "test")
    again = build_encoder(description, 8, "test").eval()
    load_strictly(again, state, "test")
    clips = torch.rand(2, 4, 16, 16)
    assert torch.equal(model(clips), again(clips))


def test_equal_weights_are_equal_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = R3D18(8).state_dict()
    for name in ("a", "b"):
        save_weights(state, {"z": 1, "a": 2}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unmatched_keys_are_named() -> None:
    model = R3D18(8)
    state = dict(model.state_dict())
    state["layer9.weight"] = state.pop("layer4.1.conv2.0.weight")
    with pytest.raises(
        InputError, match=r"layer4\.1\.conv2\.0\.weight is missing; layer9\.weight is unknown"
    ):
        load_strictly(model, state, "test")


def test_other_shapes_are_named() -> None:
    with pytest.raises(InputError, match=r"stem\.0\.weight is \(16, 3, 3, 7, 7\), not \(8, 3, 3, 7, 7\)"):
        load_strictly(R3D18(8), R3D18(16).state_dict(), "test")


def test_other_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"r3d_18 of width 8, but encoder\.width is 16"):
        build_encoder(describe_encoder(R3D18(8)), 16, "test")


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.safetensors"):
        load_weights(path, "test")


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_weights({"a": torch.rand(100)}, {}, path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match="damaged"):
        load_weights(path, "test")


def make_private(folder: Path, file: Path, sha256: str | None) -> Path:
    private = folder / "private"
    private.mkdir(exist_ok=True)
    weights_entry = {"kinetics400": str(file)} | ({"kinetics400_sha256": sha256} if sha256 else {})
    sources = {"dicom": [str(folder)], "sheet": str(file), "weights": weights_entry}
    (private / "sources.yaml").write_text(yaml.safe_dump(sources))
    return private


@pytest.fixture(scope="module")
def kinetics_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "r3d_18.pth"
    torch.manual_seed(0)
    state = {**R3D18().state_dict(), "fc.weight": torch.rand(400, 512), "fc.bias": torch.rand(400)}
    torch.save(state, path)
    return path


def test_import_of_a_local_file_drops_the_head(tmp_path: Path, kinetics_file: Path) -> None:
    digest = hashlib.sha256(kinetics_file.read_bytes()).hexdigest()
    output = tmp_path / "kinetics400.safetensors"
    import_kinetics(make_private(tmp_path, kinetics_file, digest), "file", output)
    state, description = load_weights(output, "test")
    assert description["pretraining"] == "kinetics400"
    assert description["mean"] == [0.43216, 0.394666, 0.37645]
    assert not any(key.startswith("fc.") for key in state)
    load_strictly(build_encoder(description, 64, "test"), state, "test")


@pytest.mark.parametrize(
    ("sha256", "message"), [("0" * 64, "does not have the hash"), (None, "are both needed")]
)
def test_import_without_the_right_hash_is_refused(
    tmp_path: Path, kinetics_file: Path, sha256: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        import_kinetics(make_private(tmp_path, kinetics_file, sha256), "file", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_import_of_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    file = tmp_path / "bad.pth"
    torch.save(Hostile(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(InputError, match="not a state dict that loads safely"):
        import_kinetics(make_private(tmp_path, file, digest), "file", tmp_path / "out.safetensors")
    assert not (tmp_path / "harm").exists()


def test_failed_download_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(weights.torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(weights.torch.hub, "download_url_to_file", fail)
    with pytest.raises(InputError, match=r"r3d_18-[0-9a-f]+\.pth .*sources\.yaml .*kinetics400: file"):
        import_kinetics(tmp_path, "download", tmp_path / "out.safetensors")


def test_hash_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    hash_weights(tmp_path / "a")
    assert capsys.readouterr().out == hashlib.sha256(b"abc").hexdigest() + "\n"
