"""The packed clip store: all frames of a shard in one array on disk, and an index that says whose they are.

A shard is a `.npy` file, uint8 of shape (sum of frames, H, W), and a Parquet index with the columns `file,
study, video, code, offset, frames, real_frames, fps, sha256`; the passed rows lie in the array in the order
of the index. `sha256` is that of a video's frames, so that a job verifies what it uses and nothing else;
where a video was padded, only its first `real_frames` are its own.
"""

import hashlib
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from cineclr.errors import InputError
from cineclr.files import read_parquet
from cineclr.ledger import PASSED
from cineclr.publishing import publish

REMEDY = "Make this shard again: snakemake --forcerun preprocess_clips"
CHECKED = {"real_frames", "sha256"}  # columns that shards of earlier versions lack


def write_frames(path: Path, total: int, size: tuple[int, int], videos: Iterable[np.ndarray]) -> list[str]:
    """Publish the frames of a shard, one video after the other, without holding more than one in memory.

    `total` is the sum of frames, `size` is (H, W), each video is uint8 (T, H, W). Returns each video's
    SHA-256, for the index. Raises ValueError when a video has another size or type, or the frames do not
    add up to `total`, and OSError when what is re-read is not what was written.
    """
    digests: list[str] = []
    ends = [0]
    with publish(path) as temporary:
        packed = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(total, *size))
        for video in videos:
            end = ends[-1] + len(video)
            if video.dtype != np.uint8 or video.shape[1:] != size or end > total:
                left = total - ends[-1]
                raise ValueError(f"{video.dtype} {video.shape} does not fit ({left}, {size}) of uint8")
            packed[ends[-1] : end] = video
            digests.append(_digest(video))
            ends.append(end)
        packed.flush()
        del packed
        if ends[-1] != total:
            raise ValueError(f"{ends[-1]} of {total} frames were written")
        read = np.load(temporary, mmap_mode="r")
        if digests != [_digest(read[start:end]) for start, end in itertools.pairwise(ends)]:
            raise OSError(f"{path.name}: what was written is not what is read")
    return digests


def _digest(frames: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(frames).data).hexdigest()


class ClipStore:
    """All videos of several shards, memory-mapped; safe to hand to the workers of a DataLoader.

    Attributes:
        videos: data frame `study, video, frames, real_frames, fps`, index 0 to n-1, sorted by (study, video).
        size: rows and columns of every frame.
    """

    def __init__(self, table: pd.DataFrame, frames: list[Path], size: tuple[int, int]):
        columns = ["study", "video", "frames", "real_frames", "fps"]
        types = {"frames": "int64", "real_frames": "int64", "fps": "float64"}
        self.videos, self.size = table[columns].astype(types), size
        self._places = table[["shard", "offset", "frames"]].to_numpy(np.int64)  # (n, 3)
        self._digests = table["sha256"].tolist()
        self._frames = frames
        self._arrays: dict[int, np.ndarray] = {}

    @classmethod
    def open(cls, indexes: list[Path], frames: list[Path]) -> Self:
        """Open the shards whose indexes and frames lie in parallel lists.

        Raises InputError when an index does not describe its frames, or shards differ in size.
        """
        if not indexes or len(indexes) != len(frames):
            raise InputError(f"clip store: {len(indexes)} indexes but {len(frames)} frame files; give pairs")
        sizes = [_check_shard(index, path) for index, path in zip(indexes, frames, strict=True)]
        if len(set(sizes)) > 1:
            raise InputError(f"clip store: shards of different sizes {sorted(set(sizes))}. {REMEDY}")
        tables = [read_parquet([index]).assign(shard=shard) for shard, index in enumerate(indexes)]
        table = pd.concat(tables, ignore_index=True)
        table = table[table["code"] == PASSED].sort_values(["study", "video"], ignore_index=True)
        if table["video"].duplicated().any():
            raise InputError(f"clip store: a video lies in two shards. {REMEDY}")
        return cls(table, list(frames), sizes[0])

    def __len__(self) -> int:
        return len(self.videos)

    def clip(self, row: int, start: int, length: int) -> np.ndarray:
        """Return frames start to start + length - 1 of the video in `row`: uint8 (length, H, W)."""
        frames = int(self._places[row, 2])
        if start < 0 or length < 1 or start + length > frames:
            raise IndexError(f"frames {start} to {start + length - 1} of a video of {frames} frames")
        shard, offset = (int(value) for value in self._places[row, :2])
        if shard not in self._arrays:
            self._arrays[shard] = np.load(self._frames[shard], mmap_mode="r")
        return self._arrays[shard][offset + start : offset + start + length]

    def verify(self, rows: Iterable[int]) -> None:
        """Compare the frames of the videos in `rows` with their checksums: about 1 GB a second.

        Raises InputError that names the first video whose frames are not those that were packed.
        """
        for row in rows:
            if _digest(self.clip(row, 0, int(self._places[row, 2]))) != self._digests[row]:
                name = self._frames[self._places[row, 0]].name
                video = self.videos["video"].iloc[row]
                raise InputError(f"{name}: the frames of {video} are damaged (checksum). {REMEDY}")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open arrays behind: pickled, they would be copied whole into every worker."""
        return {**self.__dict__, "_arrays": {}}


def _check_shard(index: Path, frames: Path) -> tuple[int, int]:
    """Return (H, W) of a shard; raise InputError unless index and frames agree."""
    table = pd.read_parquet(index)
    if missing := CHECKED - set(table.columns):
        lacks = ", ".join(sorted(missing))
        raise InputError(f"{index.name}: made by an earlier version (no {lacks}). {REMEDY}")
    table = table[table["code"] == PASSED]
    try:
        array = np.load(frames, mmap_mode="r")
    except (OSError, ValueError):
        raise InputError(f"{frames.name}: missing or damaged frames. {REMEDY}") from None
    if array.dtype != np.uint8 or array.ndim != 3:
        raise InputError(f"{frames.name}: {array.dtype} {array.shape} instead of frames. {REMEDY}")
    counts = table["frames"].to_numpy(np.int64)
    ends = np.cumsum(counts)
    if (table["offset"].to_numpy(np.int64) != ends - counts).any() or len(array) != counts.sum():
        raise InputError(f"{index.name}: does not describe {frames.name}. {REMEDY}")
    return array.shape[1], array.shape[2]
