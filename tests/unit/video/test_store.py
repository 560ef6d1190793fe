import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.video.store import ClipStore, write_frames


def make_shard(folder: Path, name: str, lengths: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Write a shard of random videos, with a row that was set aside, and return its videos."""
    rng = np.random.default_rng(seed)
    videos = {video: rng.integers(0, 256, (n, 6, 8), dtype=np.uint8) for video, n in lengths.items()}
    rows, offset = [("F0", "S9", "V9", "too_short", None, 3, None)], 0
    for video, n in lengths.items():
        rows.append((f"F{video}", f"S{video[1]}", video, "passed", offset, n, 30.0))
        offset += n
    columns = ["file", "study", "video", "code", "offset", "frames", "fps"]
    table = pd.DataFrame(rows, columns=columns).astype(
        {"offset": "Int64", "frames": "Int64", "fps": "Float64"}
    )
    table["real_frames"] = table["frames"]
    digests = write_frames(folder / f"{name}.npy", offset, (6, 8), iter(videos.values()))
    table["sha256"] = pd.Series([None, *digests], dtype="str")
    write_parquet(table, folder / f"{name}.parquet")
    return videos


def open_shards(folder: Path, names: list[str]) -> ClipStore:
    return ClipStore.open([folder / f"{n}.parquet" for n in names], [folder / f"{n}.npy" for n in names])


def test_clips_of_several_shards_are_the_frames_written(tmp_path):
    written = make_shard(tmp_path, "a", {"V31": 5, "V11": 4}, 0) | make_shard(tmp_path, "b", {"V21": 7}, 1)
    make_shard(tmp_path, "empty", {}, 2)
    store = open_shards(tmp_path, ["a", "empty", "b"])
    assert store.videos["video"].tolist() == ["V11", "V21", "V31"]
    assert (len(store), store.size) == (3, (6, 8))
    for row, video in store.videos["video"].items():
        frames = len(written[video])
        np.testing.assert_array_equal(store.clip(row, 0, frames), written[video])
        np.testing.assert_array_equal(store.clip(row, 1, 3), written[video][1:4])
        with pytest.raises(IndexError):
            store.clip(row, 1, frames)


def test_a_pickled_store_is_small_and_reads_on(tmp_path):
    written = make_shard(tmp_path, "a", {"V11": 2000}, 0)
    store = open_shards(tmp_path, ["a"])
    store.clip(0, 0, 2000)
    data = pickle.dumps(store)
    assert len(data) < 20_000
    np.testing.assert_array_equal(pickle.loads(data).clip(0, 5, 2), written["V11"][5:7])


def test_an_index_of_other_frames_is_refused(tmp_path):
    make_shard(tmp_path, "a", {"V11": 5}, 0)
    make_shard(tmp_path, "b", {"V21": 7}, 1)
    with pytest.raises(InputError, match="does not describe"):
        ClipStore.open([tmp_path / "a.parquet"], [tmp_path / "b.npy"])
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(data[:-10])
    with pytest.raises(InputError, match="damaged"):
        open_shards(tmp_path, ["a"])


def test_wrong_frames_leave_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="2 of 3"):
        write_frames(tmp_path / "x.npy", 3, (6, 8), [np.zeros((2, 6, 8), np.uint8)])
    with pytest.raises(ValueError, match="does not fit"):
        write_frames(tmp_path / "x.npy", 3, (6, 8), [np.zeros((3, 6, 9), np.uint8)])
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_found_in_the_video_that_has_it(tmp_path):
    make_shard(tmp_path, "a", {"V11": 5, "V21": 4, "V31": 6}, 0)
    content = bytearray((tmp_path / "a.npy").read_bytes())
    content[-(6 + 2) * 6 * 8] ^= 1  # in the third frame of V21
    (tmp_path / "a.npy").write_bytes(content)
    store = open_shards(tmp_path, ["a"])
    store.verify([0, 2])
    with pytest.raises(InputError, match=r"a\.npy: the frames of V21 are damaged .* preprocess_clips"):
        store.verify(range(3))


def test_a_shard_without_checksums_says_what_to_do(tmp_path):
    make_shard(tmp_path, "a", {"V11": 5}, 0)
    table = pd.read_parquet(tmp_path / "a.parquet").drop(columns=["sha256", "real_frames"])
    write_parquet(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: made by an earlier version .*preprocess_clips"):
        open_shards(tmp_path, ["a"])


def test_what_did_not_reach_the_disk_is_not_published(tmp_path, monkeypatch):
    load = np.load
    monkeypatch.setattr(np, "load", lambda *a, **options: load(*a, **options) ^ 1)
    with pytest.raises(OSError, match="not what is read"):
        write_frames(tmp_path / "x.npy", 2, (6, 8), [np.zeros((2, 6, 8), np.uint8)])
    assert list(tmp_path.iterdir()) == []
