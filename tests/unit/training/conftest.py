"""A tiny cohort: clips of 16 x 16 pixels in the packed store, brighter where the label is 1."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cineclr.video.store import write_frames

SIZE = (16, 16)
SPLITS = ("train", "train", "train", "val", "internal", "external")


@dataclass(frozen=True)
class Cohort:
    """Paths of a cohort's files, as commands take them."""

    splits: Path
    clips: list[Path]
    frames: list[Path]

    def inputs(self) -> dict[str, object]:
        return {"splits": self.splits, "clips": self.clips, "frames": self.frames}


def make_cohort(folder: Path, studies: int = 36, size: tuple[int, int] = SIZE, length: int = 8) -> Cohort:
    """Write two shards and the splits; study i has 1 + i % 3 videos and the label i // 6 % 2."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"study": [f"S{i:04d}" for i in range(studies)]})
    table["split"] = [SPLITS[i % 6] for i in range(studies)]
    table["severe_as"] = [i // 6 % 2 for i in range(studies)]
    table["lvh"] = [np.nan if i % 7 == 0 else i // 6 % 2 for i in range(studies)]
    splits = folder / "splits.csv"
    table.to_csv(splits, index=False)
    clips, frames = [], []
    for shard in range(2):
        rows, videos = [], []
        for study, label in table[["study", "severe_as"]].iloc[shard::2].itertuples(index=False):
            for number in range(1 + int(study[1:]) % 3):
                count = length + int(rng.integers(0, 5))
                videos.append(
                    rng.integers(40 + 100 * label, 100 + 100 * label, (count, *size)).astype(np.uint8)
                )
                rows.append({"file": "F0", "study": study, "video": f"V{study}{number}", "frames": count})
        index = pd.DataFrame(rows).assign(code="passed", fps=30.0)
        index["offset"] = index["frames"].cumsum() - index["frames"]
        clips.append(folder / f"shard_{shard}.parquet")
        frames.append(folder / f"shard_{shard}.npy")
        index["real_frames"] = index["frames"]
        index["sha256"] = write_frames(frames[-1], int(index["frames"].sum()), size, videos)
        index.to_parquet(clips[-1])
    return Cohort(splits, clips, frames)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("cohort"))
