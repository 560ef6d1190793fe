import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from cineclr.config.echo import Encoder, Predict
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.models.weights import describe_encoder, save_weights
from cineclr.training.predict import average_studies, predict_echo
from cineclr.video.store import ClipStore

ENCODER = Encoder(width=8, kinetics400="none")


def make_candidate(folder: Path, seed: int, loss: float, **cell: Any) -> tuple[Path, Path]:
    torch.manual_seed(seed)
    model = R3D18(8)
    model.fc = torch.nn.Linear(64, 1)
    folder.mkdir()
    description = {**describe_encoder(model), "outputs": 1, "frames": 4, "precision": "32-true"}
    save_weights(model.state_dict(), description, folder / "model.safetensors")
    fit = {"task": "lvh", "init": "random", "ratio": 0.1, "learning_rate": 10.0**-seed, "best_epoch": 1}
    (folder / "fit.json").write_text(json.dumps({**fit, "best_val_loss": loss, **cell}))
    return folder / "model.safetensors", folder / "fit.json"


def predict(cohort: Any, folder: Path, *candidates: tuple[Path, Path], **settings: int) -> pd.DataFrame:
    models, fits = ([candidate[i] for candidate in candidates] for i in range(2))
    predict_echo(
        "lvh",
        models,
        fits,
        **cohort.inputs(),
        settings=Predict(cpu_threads=1, **settings),
        encoder=ENCODER,
        seed=0,
        output=folder / "out.csv",
        choice=folder / "out.json",
    )
    return pd.read_csv(folder / "out.csv")


def test_best_validation_loss_is_chosen(cohort: Any, tmp_path: Path) -> None:
    one, two, three = (
        make_candidate(tmp_path / str(seed), seed, loss) for seed, loss in ((1, 0.7), (2, 0.5), (3, 0.6))
    )
    chosen = predict(cohort, tmp_path, one, two, three)
    choice = json.loads((tmp_path / "out.json").read_text())
    assert choice["learning_rate"] == 0.01
    assert [fit["best_val_loss"] for fit in choice["candidates"]] == [0.7, 0.5, 0.6]
    pd.testing.assert_frame_equal(chosen, predict(cohort, tmp_path, two))
    assert not chosen["probability"].equals(predict(cohort, tmp_path, one)["probability"])


def test_labelled_studies_of_validation_and_test_and_no_others(cohort: Any, tmp_path: Path) -> None:
    table = predict(cohort, tmp_path, make_candidate(tmp_path / "a", 1, 0.5))
    studies = pd.read_csv(cohort.splits)
    tested = studies[studies["split"].isin(["val", "internal", "external"]) & studies["lvh"].notna()]
    assert table.columns.tolist() == ["study", "test_set", "label", "probability"]
    assert dict(zip(table["study"], table["test_set"], strict=True)) == dict(
        zip(tested["study"], tested["split"], strict=True)
    )
    assert dict(zip(table["study"], table["label"], strict=True)) == dict(
        zip(tested["study"], tested["lvh"].astype(int), strict=True)
    )
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "out.parquet"), check_dtype=False)


def test_probability_is_the_mean_over_clips_then_videos(cohort: Any, tmp_path: Path) -> None:
    """Recomputed one clip at a time for one study; the batch size changes nothing."""
    candidate = make_candidate(tmp_path / "a", 1, 0.5)
    table = predict(cohort, tmp_path, candidate, clips_per_video=3, batch_size=5).set_index("study")
    torch.manual_seed(1)
    model = R3D18(8)
    model.fc = torch.nn.Linear(64, 1)
    model.eval().requires_grad_(False)
    store = ClipStore.open(cohort.clips, cohort.frames)
    for study in ("S0005", "S0010"):
        videos = []
        for row, video in store.videos[store.videos["study"] == study].iterrows():
            last = int(video["frames"]) - 4
            clips = [torch.tensor(store.clip(row, s, 4) / 255.0) for s in (0, (last + 1) // 2, last)]
            videos.append(sum(float(model(clip[None].float()).sigmoid()) for clip in clips) / 3)
        assert table.loc[study, "probability"] == pytest.approx(sum(videos) / len(videos), abs=1e-5)


def test_every_video_weighs_the_same_in_its_study() -> None:
    videos = pd.DataFrame({"study": ["b", "a", "a"], "label": 1.0, "probability": [0.5, 0.2, 0.4]})
    table = average_studies(videos, "external")
    assert table.to_dict("list") == {
        "study": ["a", "b"],
        "test_set": ["external"] * 2,
        "label": [1, 1],
        "probability": pytest.approx([0.3, 0.5]),
    }


def test_fits_of_other_cells_are_refused(cohort: Any, tmp_path: Path) -> None:
    one = make_candidate(tmp_path / "a", 1, 0.5)
    other = make_candidate(tmp_path / "b", 2, 0.4, ratio=0.05)
    with pytest.raises(InputError, match="not all of one initialisation and ratio of task lvh"):
        predict(cohort, tmp_path, one, other)
    with pytest.raises(InputError, match="give one fit per model"):
        predict_echo(
            "lvh",
            [one[0]],
            [],
            **cohort.inputs(),
            settings=Predict(),
            encoder=ENCODER,
            seed=0,
            output=tmp_path / "o.csv",
            choice=tmp_path / "o.json",
        )
