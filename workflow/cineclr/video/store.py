"""The packed clip store: all frames of a shard in one array on disk, and an index that says whose they are.

A shard is a `.npy` file, uint8 of shape (sum of frames, H, W), and a Parquet index with the columns
`file, study, video, code, offset, frames, fps`; the passed rows lie in the array in the order of the index.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from cineclr.errors import InputError
from cineclr.files import publish, read_parquet
from cineclr.ledger import PASSED

REMEDY = "Make this shard again: preprocess-clips"


def write_frames(path: Path, total: int, size: tuple[int, int], videos: Iterable[np.ndarray]) -> None:
    """Publish the frames of a shard, one video after the other, without holding more than one in memory.

    `total` is the sum of frames, `size` is (H, W), each video is uint8 (T, H, W).
    Raises ValueError when a video has another size or type, or the frames do not add up to `total`.
    """
    with publish(path) as temporary:
        packed = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(total, *size))
        end = 0
        for video in videos:
            if video.dtype != np.uint8 or video.shape[1:] != size or end + len(video) > total:
                raise ValueError(f"{video.dtype} {video.shape} does not fit ({total - end}, {size}) of uint8")
            packed[end : end + len(video)] = video
            end += len(video)
        packed.flush()
        del packed
        if end != total or np.load(temporary, mmap_mode="r").shape != (total, *size):
            raise ValueError(f"{end} of {total} frames were written")


class ClipStore:
    """All videos of several shards, memory-mapped; safe to hand to the workers of a DataLoader.

    Attributes:
        videos: data frame `study, video, frames, fps`, index 0 to n-1, sorted by (study, video).
        size: rows and columns of every frame.
    """

    def __init__(self, videos: pd.DataFrame, places: np.ndarray, frames: list[Path], size: tuple[int, int]):
        self.videos, self.size = videos, size
        self._places = places  # (n, 3): shard, offset and frames of each video
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
        places = table[["shard", "offset", "frames"]].to_numpy(np.int64)
        videos = table[["study", "video", "frames", "fps"]].astype({"frames": "int64", "fps": "float64"})
        return cls(videos, places, list(frames), sizes[0])

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

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open arrays behind: pickled, they would be copied whole into every worker."""
        return {**self.__dict__, "_arrays": {}}


def _check_shard(index: Path, frames: Path) -> tuple[int, int]:
    """Return (H, W) of a shard; raise InputError unless index and frames agree."""
    table = pd.read_parquet(index)
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
