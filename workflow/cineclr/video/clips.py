"""Preprocessing: the videos of the kept view, resized, into the packed clip store."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cineclr.config.echo import Clips
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.progress import track
from cineclr.video.avi import Video
from cineclr.video.store import write_frames

log = logging.getLogger(__name__)

COLUMNS = ["file", "study", "video", "code", "offset", "frames", "real_frames", "fps", "sha256"]


def preprocess_clips(
    manifest: Path, videos: Path, views: Path, settings: Clips, frames: Path, output: Path
) -> None:
    """Resize the videos whose view is kept and pack their frames (Methods, 'Image preprocessing').

    The masking that the paper does here has been done at de-identification, before lossy compression. A
    video of fewer than `min_frames` frames is set aside or, with `short: pad`, repeated from its first
    frame up to that length, as a viewer loops it: time runs forward and every frame is a real one, which
    neither zeros nor a last frame that stands still would give. The index keeps how many frames are its
    own.
    """
    seen = pd.read_parquet(views)
    kept = set(seen.loc[seen["code"] == PASSED, "video"])
    table = pd.read_parquet(manifest)
    if not kept <= set(table.loc[table["code"] == PASSED, "video"]):
        raise InputError(f"{views.name} names videos that {manifest.name} lacks; classify the views again")
    table = table[table["video"].isin(kept)].sort_values(["study", "video"], ignore_index=True)
    table = table.rename(columns={"sha256": "avi_sha256"})  # `sha256` in the index is that of the frames
    table["real_frames"] = table["frames"]
    short = table["frames"] < settings.min_frames
    if settings.short == "pad":
        table.loc[short, "frames"] = settings.min_frames
    table["code"] = np.where(table["frames"] < settings.min_frames, str(Code.TOO_SHORT), PASSED)
    passed = table["code"] == PASSED
    ends = table["frames"].where(passed, 0).cumsum()
    table["offset"] = (ends - table["frames"]).where(passed).astype("Int64")
    size = (settings.size, settings.size)
    total = int(table.loc[passed, "frames"].sum())
    table["sha256"] = pd.Series(None, index=table.index, dtype="str")
    table.loc[passed, "sha256"] = write_frames(frames, total, size, _packed(table[passed], videos, size))
    write_parquet(table[COLUMNS].astype({"code": "str"}), output)
    log.info("%d videos of the kept view: %s; %d frames", len(table), count_codes(table["code"]), total)
    if settings.short == "pad":
        log.info("%d videos are repeated up to %d frames", int(short.sum()), settings.min_frames)


def resize_frames(frames: Iterable[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Average grey frames down to (H, W): uint8 (T, H, W); the sides change alike or not, as in the paper."""
    return np.stack([cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in frames])


def _packed(table: pd.DataFrame, videos: Path, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield each video as it is stored: resized, and repeated up to its number of frames."""
    rows = zip(table["path"], table["avi_sha256"], table["real_frames"], table["frames"], strict=True)
    for path, avi_sha256, real_frames, frames in track(rows, "preprocess", len(table)):
        video = Video(videos / path)
        if video.sha256() != avi_sha256:
            raise OSError(f"{path}: not the file that the manifest names (checksum)")
        if len(video) != real_frames:
            raise OSError(f"{path}: {len(video)} frames, but the manifest says {real_frames}")
        yield np.resize(resize_frames(video.read(), size), (frames, *size))
