from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.cli import main
from cineclr.config.echo import Predict
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.models.weights import describe_encoder, describe_input, save_weights
from cineclr.training.apply import predict
from cineclr.video.avi import read_avi, write_avi

SETTINGS = Predict(clips_per_video=3, batch_size=4, cpu_threads=1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model.safetensors")


def make_model(path: Path, **changes: Any) -> Path:
    network = make_network()
    described = {**describe_encoder(network), **describe_input(4, (16, 16), "32-true")}
    described |= {"outputs": 1, "task": "lvh", **changes}
    save_weights(network.state_dict(), {k: v for k, v in described.items() if v is not None}, path)
    return path


def make_network() -> R3D18:
    torch.manual_seed(0)
    network = R3D18(8, (0.2, 0.3, 0.4), (0.5, 0.6, 0.7))
    network.fc = torch.nn.Linear(64, 1)
    return network.eval().requires_grad_(False)


def make_clip(seed: int, frames: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (frames, 6, 8)).astype(np.uint8)
    return np.stack([cv2.resize(frame, (64, 48), interpolation=cv2.INTER_CUBIC) for frame in noise])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    for number, (name, frames) in enumerate({"b/V3": 9, "a/V1": 4, "a/V2": 7}.items()):
        write_avi(folder / f"{name}.avi", make_clip(number, frames), 30)
    return folder


def run(model: Path, videos: Path, **options: Any) -> pd.DataFrame:
    output = videos.parent / "out.csv"
    predict(model, videos, output, settings=SETTINGS, **options)
    return pd.read_csv(output)


def predict_slowly(clip: np.ndarray) -> float:
    """One clip at a time, in plain steps."""
    small = np.stack([cv2.resize(frame, (16, 16), interpolation=cv2.INTER_AREA) for frame in clip]) / 255
    last = len(clip) - 4
    scores = [
        make_network()(torch.tensor(small[start : start + 4], dtype=torch.float32)[None]).sigmoid().item()
        for start in sorted({0, int(last / 2 + 0.5), last})
    ]
    return sum(scores) / len(scores)


def test_every_video_gets_the_mean_over_its_clips(model: Path, videos: Path) -> None:
    table = run(model, videos)
    assert table.columns.tolist() == ["video", "frames", "probability", "code"]
    assert table["video"].tolist() == ["a/V1.avi", "a/V2.avi", "b/V3.avi"]
    assert table["frames"].tolist() == [4, 7, 9]
    expected = [predict_slowly(read_avi(videos / name)) for name in table["video"]]
    assert table["probability"].tolist() == pytest.approx(expected, abs=1e-6)
    assert table["probability"].nunique() == 3


def test_studies_are_means_over_folders(model: Path, videos: Path) -> None:
    table = run(model, videos, studies=videos.parent / "studies.csv")
    studies = pd.read_csv(videos.parent / "studies.csv")
    assert studies.columns.tolist() == ["study", "videos", "set_aside", "probability"]
    assert studies[["study", "videos", "set_aside"]].to_numpy().tolist() == [["a", 2, 0], ["b", 1, 0]]
    assert studies["probability"][0] == pytest.approx(table["probability"][:2].mean())
    write_avi(videos / "V4.avi", make_clip(5, 6), 30)
    with pytest.raises(InputError, match="--studies: some videos do not lie in the folder of a study"):
        run(model, videos, studies=videos.parent / "studies.csv")


def test_what_cannot_be_predicted_is_listed_and_fails_after_the_tables(
    model: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run(model, videos).set_index("video")["probability"]
    write_avi(videos / "c" / "short.avi", make_clip(5, 3), 30)
    whole = (videos / "b" / "V3.avi").read_bytes()
    (videos / "c" / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (videos / "c" / "empty.mp4").write_bytes(b"")
    (videos / "c" / ".half.avi").write_bytes(whole)
    output, studies = videos.parent / "out.csv", videos.parent / "studies.csv"
    arguments = ["--model", model, "--videos", videos, "--output", output, "--studies", studies]
    arguments += ["--settings", SETTINGS.model_dump_json()]
    assert main(["predict", *map(str, arguments)]) == 1
    assert "3 of 6 have no probability; see code in out.csv" in capsys.readouterr().err
    table = pd.read_csv(output).set_index("video")
    assert table["code"].to_dict() == {
        **dict.fromkeys(good.index, "passed"),
        "c/cut.avi": "decode_failed",
        "c/empty.mp4": "decode_failed",
        "c/short.avi": "too_short",
    }
    assert table["probability"].dropna().to_dict() == pytest.approx(good.to_dict(), abs=1e-6)
    assert table.loc["c/short.avi", "frames"] == 3
    of_c = pd.read_csv(studies).set_index("study").loc["c"]
    assert (of_c["videos"], of_c["set_aside"]) == (0, 3)
    assert np.isnan(of_c["probability"])


def test_other_views_are_listed_and_no_failure(model: Path, videos: Path) -> None:
    views = pd.DataFrame({"video": ["V1", "V2", "V3"], "code": ["passed", "other_view", "passed"]})
    views.to_parquet(videos.parent / "views.parquet")
    (videos / "a" / "V2.avi").write_bytes(b"is not opened")
    table = run(model, videos, views=[videos.parent / "views.parquet"])
    assert table["code"].tolist() == ["passed", "other_view", "passed"]
    assert table["probability"].isna().tolist() == [False, True, False]
    write_avi(videos / "a" / "V9.avi", make_clip(5, 6), 30)
    with pytest.raises(InputError, match="--views: 1 of 4 videos are in none of the tables"):
        run(model, videos, views=[videos.parent / "views.parquet"])


def test_colour_files_of_other_writers_are_read(model: Path, videos: Path) -> None:
    clip = make_clip(7, 8)
    for name, code in (("d/other.mp4", "mp4v"), ("d/other.avi", "MJPG")):
        (videos / "d").mkdir(exist_ok=True)
        writer = cv2.VideoWriter(str(videos / name), cv2.VideoWriter_fourcc(*code), 30, (64, 48))
        for frame in clip:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
        writer.release()
    table = run(model, videos).set_index("video")
    for name in ("d/other.mp4", "d/other.avi"):
        assert (table.loc[name, "frames"], table.loc[name, "code"]) == (8, "passed")
        assert table.loc[name, "probability"] == pytest.approx(predict_slowly(clip), abs=0.02)


def test_folders_behind_links_count_and_hidden_ones_do_not(model: Path, videos: Path) -> None:
    elsewhere = videos.parent / "elsewhere"
    write_avi(elsewhere / "V4.avi", make_clip(4, 6), 30)
    (videos / "c").symlink_to(elsewhere)
    write_avi(videos / ".trash" / "V5.avi", make_clip(5, 6), 30)
    (videos / "a.avi").mkdir()
    assert run(model, videos)["video"].tolist() == ["a/V1.avi", "a/V2.avi", "b/V3.avi", "c/V4.avi"]
    (videos / "b" / "loop").symlink_to(videos)
    with pytest.raises(InputError, match="--videos: videos is there twice, by a link to it"):
        run(model, videos)


def test_folder_that_is_none_is_refused(model: Path, videos: Path) -> None:
    with pytest.raises(InputError, match=r"--videos: none cannot be read \(No such file or directory\)"):
        run(model, videos / "none")
    with pytest.raises(InputError, match=r"--videos: V1.avi cannot be read \(Not a directory\)"):
        run(model, videos / "a" / "V1.avi")


def test_other_weights_are_refused(tmp_path: Path, videos: Path) -> None:
    encoder = make_model(tmp_path / "encoder.safetensors", outputs=None)
    with pytest.raises(InputError, match=r"encoder\.safetensors holds no fine-tuned model"):
        run(encoder, videos)
    old = make_model(tmp_path / "old.safetensors", size=None)
    with pytest.raises(InputError, match=r"earlier version \(no size\); fine-tune again"):
        run(old, videos)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"--videos: no file \.avi or \.mp4 in none"):
        run(make_model(tmp_path / "new.safetensors"), tmp_path / "none")
