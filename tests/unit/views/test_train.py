import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from views_hospital import CLASSES, Hospital

from cineclr.config.base import parse_settings
from cineclr.config.echo import Views, ViewTraining
from cineclr.errors import InputError
from cineclr.views.classifier import classify_views
from cineclr.views.train import augment, hold_out_studies, train_view_classifier

TRAINING = ViewTraining(epochs=4, batch_size=16, frames_per_video=4, learning_rate=3e-3, cpu_threads=1)
SETTINGS = Views(
    classifier="train",
    architecture="shufflenet_v2_x0_5",
    classes=CLASSES,
    keep="plax",
    size=32,
    training=TRAINING,
)


def train(hospital: Hospital, output: Path, settings: Views = SETTINGS, seed: int = 0) -> dict[str, object]:
    train_view_classifier(hospital.private, hospital.manifests, hospital.folders, settings, seed, output)
    return json.loads(output.with_suffix(".json").read_text())


def refusal(hospital: Hospital, output: Path, settings: Views = SETTINGS) -> list[str]:
    with pytest.raises(InputError) as error:
        train(hospital, output, settings)
    assert not output.exists()
    return str(error.value).splitlines()


def test_a_trained_classifier_recognises_views(hospital: Hospital, tmp_path: Path) -> None:
    longer = SETTINGS.model_copy(update={"training": TRAINING.model_copy(update={"epochs": 10})})
    facts = train(hospital, tmp_path / "view_classifier.pt", longer)
    assert facts["held_out"] == {name: {"videos": 4, "correct": 4} for name in CLASSES}
    output = tmp_path / "views.parquet"
    classify_views(
        hospital.manifests[0], hospital.folders[0], tmp_path / "view_classifier.pt", SETTINGS, 0, output
    )
    table = pd.read_parquet(output)
    assert table["view"].tolist() == [hospital.views[video] for video in table["video"]]


def test_training_is_repeatable(hospital: Hospital, tmp_path: Path) -> None:
    short = SETTINGS.model_copy(update={"training": TRAINING.model_copy(update={"epochs": 1})})
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(hospital, tmp_path / f"{name}.pt", short, seed)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    assert (tmp_path / "a.pt").read_bytes() != (tmp_path / "c.pt").read_bytes()


def test_labels_with_mistakes_are_listed_by_row(hospital: Hospital, tmp_path: Path) -> None:
    hospital.write_labels([*hospital.labels, "1.9.9,subcostal", "1.2.0.0.0,plax", ",plax"])
    assert refusal(hospital, tmp_path / "out.pt") == [
        "view labels, row 42, column 'view': must be one of views.classes: plax, a4c",
        "view labels, row 43, column 'video_id': the same video again",
        "view labels, row 44, column 'video_id': must not be empty",
    ]


def test_labels_without_their_columns(hospital: Hospital, tmp_path: Path) -> None:
    (hospital.private / "labels.csv").write_text("uid,view\n1.2,plax\n")
    assert refusal(hospital, tmp_path / "out.pt") == [
        "view labels, row 1: no column 'video_id'; it must have video_id and view"
    ]


def test_no_labels_named(hospital: Hospital, tmp_path: Path) -> None:
    hospital.write_sources(view_labels=None)
    assert refusal(hospital, tmp_path / "out.pt")[0].startswith("sources.yaml: view_labels: name the CSV")


def test_a_class_without_videos_is_named(hospital: Hospital, tmp_path: Path) -> None:
    hospital.write_labels([line for line in hospital.labels if "plax" in line])
    assert (
        "20 of them of de-identified videos, but none of class a4c"
        in refusal(hospital, tmp_path / "out.pt")[0]
    )


def test_a_class_that_is_held_out_whole(hospital: Hospital, tmp_path: Path) -> None:
    chamber = [line for line in hospital.labels if line.startswith("1.2.0.") and line.endswith("a4c")]
    studies = pd.Series([f"S0{n}" for n in range(len(chamber))])
    lone = int(studies.index[hold_out_studies(studies, 0)][0])
    hospital.write_labels([*chamber, f"1.2.0.{lone}.0,plax"])
    assert "label every class in more studies" in refusal(hospital, tmp_path / "out.pt")[0]


def test_a_torchscript_file_cannot_be_trained(hospital: Hospital, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"architecture": "torchscript"})
    assert "cannot be trained" in refusal(hospital, tmp_path / "out.pt", settings)[0]


def test_the_configuration_refuses_it_too() -> None:
    with pytest.raises(InputError, match="cannot be trained"):
        parse_settings(Views, {"classifier": "train", "architecture": "torchscript"})


def test_a_fifth_of_the_studies_is_held_out_with_all_their_videos() -> None:
    studies = pd.Series([f"S{n // 3}" for n in range(150)])
    held_out = hold_out_studies(studies, 0)
    assert held_out.groupby(studies).nunique().max() == 1
    assert studies[held_out].nunique() == 10
    assert not hold_out_studies(studies, 1).equals(held_out)


def test_augmentation_moves_a_little_and_stays_in_range() -> None:
    frames = torch.zeros(64, 40, 40)
    frames[:, 18:22, 26:30] = 0.9
    moved = augment(frames, torch.Generator().manual_seed(0))
    assert moved.shape == frames.shape
    assert moved.min() >= 0
    assert moved.max() <= 1
    weights = moved / moved.sum(dim=(1, 2), keepdim=True)
    columns = (weights.sum(dim=1) * torch.arange(40)).sum(dim=1)
    assert (columns - 27.5).abs().max() < 6
    assert (columns > 22).all()
    assert columns.std() > 0.5
    assert torch.equal(moved, augment(frames, torch.Generator().manual_seed(0)))
