"""Preprocessing: the videos of the kept view, resized, into the packed clip store."""

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cineclr.config import Clips
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.progress import track
from cineclr.video.avi import Video
from cineclr.video.store import write_frames

log = logging.getLogger(__name__)

COLUMNS = ["file", "study", "video", "code", "offset", "frames", "fps"]


def preprocess_clips(
    manifest: Path, videos: Path, views: Path, settings: Clips, frames: Path, output: Path
) -> None:
    """Resize the videos whose view is kept and pack their frames (Methods, 'Image preprocessing').

    The masking that the paper does here has been done at de-identification, before lossy compression.
    """
    seen = pd.read_parquet(views)
    kept = set(seen.loc[seen["code"] == PASSED, "video"])
    table = pd.read_parquet(manifest)
    if not kept <= set(table.loc[table["code"] == PASSED, "video"]):
        raise InputError(f"{views.name} names videos that {manifest.name} lacks; classify the views again")
    table = table[table["video"].isin(kept)].sort_values(["study", "video"], ignore_index=True)
    table["code"] = np.where(table["frames"] < settings.min_frames, str(Code.TOO_SHORT), PASSED)
    passed = table["code"] == PASSED
    ends = table["frames"].where(passed, 0).cumsum()
    table["offset"] = (ends - table["frames"]).where(passed).astype("Int64")
    size = (settings.size, settings.size)
    total = int(table.loc[passed, "frames"].sum())
    write_frames(frames, total, size, _resized(table[passed], videos, size))
    write_parquet(table[COLUMNS].astype({"code": "str"}), output)
    log.info("%d videos of the kept view: %s; %d frames", len(table), count_codes(table["code"]), total)


def _resized(table: pd.DataFrame, videos: Path, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield each video as uint8 (T, H, W), averaged down; the sides change alike or not, as in the paper."""
    for path, frames in track(zip(table["path"], table["frames"], strict=True), "preprocess", len(table)):
        video = Video(videos / path)
        if len(video) != frames:
            raise OSError(f"{path}: {len(video)} frames, but the manifest says {frames}")
        yield np.stack(
            [cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in video.read()]
        )
