"""Verification of a run's outputs by its manifests."""

import h5py
import numpy as np
import pandas as pd
import pytest

from cineclr.cli import main
from cineclr.config.echo import Clips
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.operation.verify import verify
from cineclr.video.avi import write_avi
from cineclr.video.clips import preprocess_clips
from cineclr.video.hdf5 import CLIPS, StudyView, write_study


@pytest.fixture
def run(tmp_path):
    """Return results/main with two shards of videos, the second lossless, and of clips."""
    echo = tmp_path / "results/main/echo"
    rng = np.random.default_rng(0)
    for shard in range(2):
        rows = []
        for video in ("V1", "V2"):
            path = f"S{shard}/{video}.avi"
            frames = rng.integers(0, 256, (5, 24, 32)).astype(np.uint8)
            folder, codec = echo / f"videos/shard_{shard}", ("mjpg", "ffv1")[shard]
            digest = write_avi(folder / path, frames, 30, codec=codec)
            known = {"file": f"F{video}", "study": f"S{shard}", "video": video, "code": "passed"}
            rows.append({**known, "path": path, "frames": 5, "fps": 30.0, "sha256": digest})
        rows.append({**rows[0], "file": "Fbad", "video": "V3", "code": "mask_failed", "path": None})
        manifest, views = echo / f"videos/shard_{shard}.parquet", tmp_path / "views.parquet"
        write_parquet(pd.DataFrame(rows), manifest)
        write_parquet(pd.DataFrame(rows[:2]), views)
        frames, index = (echo / f"clips/shard_{shard}{ending}" for ending in (".npy", ".parquet"))
        settings = Clips(size=16, min_frames=2)
        preprocess_clips(manifest, manifest.with_suffix(""), views, settings, frames, index)
    return tmp_path / "results/main"


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_run_as_it_was_written_verifies(run, capsys):
    verify(root=run.parents[1])
    assert "2 shards of videos, 2 of clips and 0 of MRI studies" in capsys.readouterr().out


@pytest.mark.parametrize("place", [0, 130, 900, -1])
@pytest.mark.parametrize("shard", [0, 1])
def test_a_flipped_byte_in_a_video_is_found(run, place, shard, capsys):
    """Case 26."""
    flip(run / f"echo/videos/shard_{shard}/S{shard}/V2.avi", place)
    with pytest.raises(InputError, match=rf"1 outputs .*\n  shard_{shard}/S{shard}/V2.avi: damaged"):
        verify(root=run.parents[1])
    assert main(["verify", "--root", str(run.parents[1])]) == 1
    assert f"S{shard}/V2.avi" in capsys.readouterr().err


def test_a_flipped_byte_in_a_clip_is_found(run):
    """Case 26."""
    flip(run / "echo/clips/shard_0.npy", -1)
    with pytest.raises(InputError, match=r"shard_0.npy: the frames of V2 are damaged"):
        verify(root=run.parents[1])


def test_a_video_with_a_flipped_byte_is_not_made_into_clips(run, tmp_path):
    """Case 26: where the file is used."""
    flip(run / "echo/videos/shard_0/S0/V1.avi", 900)
    manifest, views = run / "echo/videos/shard_0.parquet", tmp_path / "views.parquet"
    table = pd.read_parquet(manifest)
    write_parquet(table[table["code"] == "passed"], views)
    with pytest.raises(OSError, match=r"V1.avi: .*checksum"):
        preprocess_clips(
            *(manifest, manifest.with_suffix(""), views, Clips(size=16, min_frames=2)),
            *(tmp_path / "clips.npy", tmp_path / "clips.parquet"),
        )
    assert not (tmp_path / "clips.npy").exists()


def test_all_that_is_wrong_is_listed(run):
    (run / "echo/videos/shard_0/S0/V1.avi").unlink()
    (run / "echo/videos/shard_0/S0/V9.avi").write_bytes(b"new")
    with pytest.raises(InputError, match=r"2 outputs(.*\n)+.*V1.avi: missing\n.*V9.avi: in no manifest"):
        verify(root=run.parents[1])


def test_a_run_without_manifests_is_an_error(tmp_path):
    with pytest.raises(InputError, match="holds no videos"):
        verify(root=tmp_path)


@pytest.fixture
def studies(tmp_path):
    """Return a shard of two MRI studies of one view and three slices."""
    folder, clips = tmp_path / "results/main/cmr/studies/shard_0", []
    rng = np.random.default_rng(0)
    for number in range(2):
        study, size = f"S{number:016x}", (3, 2)
        view = StudyView(
            **{"pixels": rng.integers(0, 256, (3, 6, 20, 20), dtype=np.uint8), "frames": np.full(3, 6)},
            **{"pixel_spacing_mm": np.ones(size), "frame_time_ms": np.full(3, 30.0)},
            **{"position_mm": 8.0 * np.arange(3), "series": ["C" + "0" * 16] * 3},
            **{"acquired_size": np.full(size, 20), "intensity_low": np.zeros(3)},
            **{"intensity_high": np.ones(3), "order": "base_to_apex"},
        )
        write_study(folder / f"{study}.h5", study, {"SAX": view}, "key")
        clips += [(study, "SAX", index, 6) for index in range(3)]
    pd.DataFrame(clips, columns=["study", "view", "slice", "frames"]).to_parquet(folder / CLIPS)
    return folder


def test_a_flipped_byte_in_an_mri_study_is_found(studies, capsys):
    """Case 26."""
    root = studies.parents[4]
    verify(root=root)
    assert "0 shards of videos, 0 of clips and 1 of MRI studies" in capsys.readouterr().out
    path = studies / f"S{1:016x}.h5"
    with h5py.File(path) as file:
        pixels = file["SAX"][1].tobytes()
    flip(path, path.read_bytes().find(pixels) + 100)
    with pytest.raises(InputError, match=rf"convert_studies\n  {path.name}: SAX, slice 1 is damaged"):
        verify(root=root)


def test_mri_studies_are_compared_with_their_list(studies):
    (studies / f"S{0:016x}.h5").rename(studies / f"S{9:016x}.h5")
    with pytest.raises(InputError, match=r"2 outputs .*\n.*S0+.h5: missing\n.*S0+9.h5: in no list"):
        verify(root=studies.parents[4])
