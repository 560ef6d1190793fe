from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from cineclr.config.echo import Clips
from cineclr.files import write_parquet
from cineclr.video.avi import read_avi, write_avi
from cineclr.video.clips import preprocess_clips
from cineclr.video.store import ClipStore

LENGTHS = {"V1": 12, "V2": 5, "V3": 8}


@pytest.fixture
def intake(tmp_path: Path) -> Path:
    """De-identified videos of one shard, with manifest and views."""
    rng, sums = np.random.default_rng(0), []
    for video, length in LENGTHS.items():
        frames = rng.integers(0, 256, (length, 8, 10)).astype(np.uint8)
        clip = np.stack([cv2.resize(frame, (60, 40), interpolation=cv2.INTER_CUBIC) for frame in frames])
        sums.append(write_avi(tmp_path / "videos" / "S1" / f"{video}.avi", clip, 30))
    table = pd.DataFrame({"file": list("abc"), "study": "S1", "video": list(LENGTHS), "code": "passed"})
    write_parquet(table, tmp_path / "views.parquet")
    table["path"] = "S1/" + table["video"] + ".avi"
    table["frames"] = pd.array(list(LENGTHS.values()), "Int64")
    write_parquet(table.assign(fps=30.0, sha256=sums), tmp_path / "manifest.parquet")
    return tmp_path


def pack(folder: Path, **settings: object) -> tuple[pd.DataFrame, ClipStore]:
    preprocess_clips(
        *(folder / "manifest.parquet", folder / "videos", folder / "views.parquet"),
        settings=Clips(size=16, **settings),
        frames=folder / "clips.npy",
        output=folder / "clips.parquet",
    )
    store = ClipStore.open([folder / "clips.parquet"], [folder / "clips.npy"])
    store.verify(range(len(store)))
    return pd.read_parquet(folder / "clips.parquet").set_index("video"), store


def test_short_videos_are_set_aside(intake: Path) -> None:
    table, store = pack(intake, min_frames=8)
    assert table["code"].to_dict() == {"V1": "passed", "V2": "too_short", "V3": "passed"}
    assert table["sha256"].isna().to_dict() == {"V1": False, "V2": True, "V3": False}
    assert store.videos["video"].tolist() == ["V1", "V3"]
    decoded = read_avi(intake / "videos" / "S1" / "V3.avi")
    expected = [cv2.resize(frame, (16, 16), interpolation=cv2.INTER_AREA) for frame in decoded]
    np.testing.assert_array_equal(store.clip(1, 0, 8), expected)


def test_padded_videos_loop_and_say_how_many_frames_are_theirs(intake: Path) -> None:
    table, store = pack(intake, min_frames=12, short="pad")
    assert (table["code"] == "passed").all()
    assert table["frames"].tolist() == [12, 12, 12]
    assert table["real_frames"].to_dict() == LENGTHS
    assert store.videos.set_index("video")["real_frames"].to_dict() == LENGTHS
    whole = store.clip(1, 0, 12)
    np.testing.assert_array_equal(whole, np.concatenate([whole[:5], whole[:5], whole[:2]]))
    assert len(np.unique(whole[:5], axis=0)) == 5
    plain, longer = pack(intake, min_frames=2)
    assert plain["real_frames"].to_dict() == plain["frames"].to_dict() == LENGTHS
    np.testing.assert_array_equal(longer.clip(1, 0, 5), whole[:5])
