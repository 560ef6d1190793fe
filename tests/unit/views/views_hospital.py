"""A private side and de-identified videos, small enough for unit tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from cineclr.private import Pseudonymizer
from cineclr.video.avi import write_avi

KEY = bytes(range(32))
CLASSES = ["plax", "a4c"]


def draw_video(view: str, rng: np.random.Generator) -> np.ndarray:
    """plax: bright in the upper half; a4c: bright in the lower half."""
    frames = rng.integers(0, 60, (int(rng.integers(6, 14)), 48, 64), dtype=np.uint8)
    rows = slice(0, 24) if view == "plax" else slice(24, 48)
    frames[:, rows] += 150
    return frames


class Hospital:
    """Twenty studies of one video per view, de-identified in two shards, and a private side with labels."""

    def __init__(self, root: Path) -> None:
        self.private = root / "private"
        self.private.mkdir()
        self.names = Pseudonymizer(KEY)
        self.manifests = [root / "videos" / f"shard_{shard}.parquet" for shard in (0, 1)]
        self.folders = [root / "videos" / f"shard_{shard}" for shard in (0, 1)]
        self.labels: list[str] = []
        self.views: dict[str, str] = {}
        rng = np.random.default_rng(0)
        for shard, manifest in enumerate(self.manifests):
            rows = [self._add(shard, study, view, rng) for study in range(10) for view in CLASSES]
            rows.append(
                {**rows[0], "file": f"F_bad_{shard}", "video": "V_bad", "code": "mask_failed", "path": None}
            )
            pd.DataFrame(rows).to_parquet(manifest)
        self.write_sources()

    def _add(self, shard: int, study: int, view: str, rng: np.random.Generator) -> dict[str, object]:
        uid = f"1.2.{shard}.{study}.{CLASSES.index(view)}"
        video = self.names.pseudonym("video", uid)
        frames = draw_video(view, rng)
        path = f"S{shard}{study}/{video}.avi"
        write_avi(self.folders[shard] / path, frames, fps=30)
        self.labels.append(f"{uid},{view}")
        self.views[video] = view
        known = {"file": f"F{uid}", "study": f"S{shard}{study}", "video": video, "code": "passed"}
        return {**known, "path": path, "frames": len(frames)}

    def write_sources(self, **settings: object) -> None:
        (self.private / "key").write_text(KEY.hex())
        (self.private / "key").chmod(0o600)
        self.write_labels(self.labels)
        sources = {"dicom": ["dicom"], "sheet": "sheet.csv", "view_labels": str(self.private / "labels.csv")}
        (self.private / "sources.yaml").write_text(yaml.safe_dump({**sources, **settings}))

    def write_labels(self, lines: list[str]) -> None:
        (self.private / "labels.csv").write_text("\n".join(["video_id,view", *lines]) + "\n")
