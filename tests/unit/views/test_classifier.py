import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml
from views_hospital import CLASSES, Hospital

from cineclr.config.echo import Views
from cineclr.errors import InputError
from cineclr.publishing import sha256_file
from cineclr.seeds import derive_seed
from cineclr.views.classifier import classify_views, import_view_classifier
from cineclr.views.frames import choose_frames
from cineclr.views.networks import build_network

SETTINGS = Views(classes=CLASSES, keep="plax", architecture="torchscript", size=32, frames=4)
SMALL = SETTINGS.model_copy(update={"architecture": "squeezenet1_0"})


class UpperHalf(torch.nn.Module):
    """Tells whether the upper half of a frame is brighter: plax, as `draw_video` draws it."""

    def __init__(self, outputs: int = 2, softmax: bool = False) -> None:
        super().__init__()
        self.outputs, self.softmax = outputs, softmax

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        half = frames.shape[2] // 2
        upper = frames[:, 0, :half].mean(dim=(1, 2)) - frames[:, 0, half:].mean(dim=(1, 2))
        logits = torch.stack([upper] + [-upper] * (self.outputs - 1), dim=1)
        return logits.softmax(dim=1) if self.softmax else logits


def script(path: Path, **options: object) -> Path:
    torch.jit.save(torch.jit.trace(UpperHalf(**options), torch.rand(2, 3, 32, 32)), path)
    return path


def give(hospital: Hospital, path: Path, **changes: object) -> None:
    weights = {"view_classifier": str(path), "view_classifier_sha256": sha256_file(path), **changes}
    hospital.write_sources(weights={key: value for key, value in weights.items() if value})


def refusal(hospital: Hospital, settings: Views, output: Path) -> str:
    with pytest.raises(InputError) as error:
        import_view_classifier(hospital.private, settings, output)
    assert not output.exists()
    return str(error.value)


def save_state(folder: Path, name: str, classes: int = 2, wrap: bool = False, prefix: str = "") -> Path:
    torch.manual_seed(0)
    state = {
        prefix + key: value for key, value in build_network("squeezenet1_0", classes).state_dict().items()
    }
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(state, folder / name)
    else:
        torch.save({"state_dict": state, "epoch": 3} if wrap else state, folder / name)
    return folder / name


def test_a_torchscript_classifier_finds_the_views_of_every_video(hospital: Hospital, tmp_path: Path) -> None:
    give(hospital, script(tmp_path / "script.pt"))
    import_view_classifier(hospital.private, SETTINGS, tmp_path / "view_classifier.pt")
    facts = json.loads((tmp_path / "view_classifier.json").read_text())
    assert (facts["architecture"], facts["classes"], facts["size"]) == ("torchscript", CLASSES, 32)
    tables = [classify(hospital, shard, tmp_path) for shard in (0, 1)]
    table = pd.concat(tables, ignore_index=True)
    assert len(table) == 40
    assert table["view"].tolist() == [hospital.views[video] for video in table["video"]]
    assert table["code"].tolist() == ["passed" if view == "plax" else "other_view" for view in table["view"]]
    assert np.allclose(table[["p_plax", "p_a4c"]].sum(axis=1), 1, atol=1e-5)
    assert list(table.columns) == ["file", "study", "video", "code", "view", "p_plax", "p_a4c"]


def classify(hospital: Hospital, shard: int, folder: Path, settings: Views = SETTINGS) -> pd.DataFrame:
    output = folder / f"views_{shard}.parquet"
    classify_views(
        hospital.manifests[shard], hospital.folders[shard], folder / "view_classifier.pt", settings, 0, output
    )
    return pd.read_parquet(output)


@pytest.mark.parametrize(
    ("name", "wrap", "prefix"),
    [("w.pt", False, ""), ("w.safetensors", False, ""), ("w.pth", True, "module.")],
)
def test_state_dicts_of_any_container_give_the_same_network(
    hospital: Hospital, tmp_path: Path, name: str, wrap: bool, prefix: str
) -> None:
    give(hospital, save_state(tmp_path, name, wrap=wrap, prefix=prefix))
    import_view_classifier(hospital.private, SMALL, tmp_path / "view_classifier.pt")
    stored = safetensors.torch.load_file(tmp_path / "view_classifier.pt")
    torch.manual_seed(0)
    expected = build_network("squeezenet1_0", 2).state_dict()
    assert stored.keys() == expected.keys()
    assert all(torch.equal(stored[key], expected[key]) for key in expected)
    assert len(classify(hospital, 0, tmp_path, SMALL)) == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view_classifier": None}, "name the file of your view classifier"),
        ({"view_classifier": "/none/such.pt"}, "name the file of your view classifier"),
        ({"view_classifier_sha256": None}, "sha256: missing; `cineclr hash-weights --file FILE`"),
        ({"view_classifier_sha256": "0" * 64}, "view_classifier_sha256 is not the hash"),
    ],
)
def test_file_and_hash_are_required(
    hospital: Hospital, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    give(hospital, script(tmp_path / "script.pt"), **changes)
    assert message in refusal(hospital, SETTINGS, tmp_path / "out.pt")


def test_networks_that_do_not_fit_are_refused(hospital: Hospital, tmp_path: Path) -> None:
    def refuse(path: Path, settings: Views) -> str:
        give(hospital, path)
        return refusal(hospital, settings, tmp_path / "out.pt")

    many = script(tmp_path / "many.pt", outputs=23)
    assert "has 23 outputs, but views.classes names 2" in refuse(many, SETTINGS)
    assert "gives probabilities already" in refuse(script(tmp_path / "p.pt", softmax=True), SETTINGS)
    four = save_state(tmp_path, "four.pt", classes=4)
    assert "should be (2, 512, 1, 1), but the file has (4, 512, 1, 1)" in refuse(four, SMALL)
    resnet = SMALL.model_copy(update={"architecture": "resnet18"})
    assert "tensors are missing" in refuse(four, resnet)
    assert "neither 'torchscript' nor" in refuse(four, SMALL.model_copy(update={"architecture": "resnet"}))
    assert "not a TorchScript file" in refuse(four, SETTINGS)
    assert "not a file of tensors only" in refuse(many, SMALL)
    size = SMALL.model_copy(update={"size": 16})
    assert "fails on frames of 3 x 16 x 16" in refuse(save_state(tmp_path, "two.pt"), size)


class Malice:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("ran",))


def test_pickled_code_does_not_run(
    hospital: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": Malice()}, tmp_path / "evil.pt")
    give(hospital, tmp_path / "evil.pt")
    assert "not a file of tensors only" in refusal(hospital, SMALL, tmp_path / "out.pt")
    assert "ran" not in capsys.readouterr().out


def test_a_video_keeps_its_probabilities_in_another_shard(hospital: Hospital, tmp_path: Path) -> None:
    give(hospital, save_state(tmp_path, "w.pt"))
    import_view_classifier(hospital.private, SMALL, tmp_path / "view_classifier.pt")
    whole = classify(hospital, 0, tmp_path, SMALL).set_index("video")
    pd.read_parquet(hospital.manifests[0]).iloc[13:].to_parquet(hospital.manifests[0])
    part = classify(hospital, 0, tmp_path, SMALL).set_index("video")
    pd.testing.assert_frame_equal(part, whole.loc[part.index])


def test_frames_are_those_of_the_videos_seed(
    hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(hospital, script(tmp_path / "script.pt"))
    import_view_classifier(hospital.private, SETTINGS, tmp_path / "view_classifier.pt")
    asked = []

    def spy(total: int, count: int, choice: str, seed: int) -> np.ndarray:
        asked.append((total, count, choice, seed))
        return choose_frames(total, count, choice, seed)  # type: ignore[arg-type]

    monkeypatch.setattr("cineclr.views.classifier.choose_frames", spy)
    table = classify(hospital, 1, tmp_path)
    seeds = [derive_seed(0, "classify_views", video) for video in table["video"]]
    assert [row[3] for row in asked] == seeds
    assert {row[1:3] for row in asked} == {(4, "random")}


def test_an_empty_shard_gives_an_empty_table(hospital: Hospital, tmp_path: Path) -> None:
    give(hospital, script(tmp_path / "script.pt"))
    import_view_classifier(hospital.private, SETTINGS, tmp_path / "view_classifier.pt")
    full = classify(hospital, 0, tmp_path)
    pd.read_parquet(hospital.manifests[0]).query("code != 'passed'").to_parquet(hospital.manifests[0])
    empty = classify(hospital, 0, tmp_path)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_a_swapped_classifier_is_noticed(hospital: Hospital, tmp_path: Path) -> None:
    give(hospital, script(tmp_path / "script.pt"))
    import_view_classifier(hospital.private, SETTINGS, tmp_path / "view_classifier.pt")
    (tmp_path / "view_classifier.pt").write_bytes(save_state(tmp_path, "w.pt").read_bytes())
    with pytest.raises(InputError, match="damaged or has other classes"):
        classify(hospital, 0, tmp_path)


def test_sources_are_not_changed_by_import(hospital: Hospital, tmp_path: Path) -> None:
    give(hospital, script(tmp_path / "script.pt"))
    before = yaml.safe_load((hospital.private / "sources.yaml").read_text())
    import_view_classifier(hospital.private, SETTINGS, tmp_path / "view_classifier.pt")
    assert yaml.safe_load((hospital.private / "sources.yaml").read_text()) == before
    assert str(tmp_path) not in (tmp_path / "view_classifier.json").read_text()
