"""Thumbnails: of a few clips drawn at random, the middle frame as it left the building, for a page."""

import base64
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd

from cineclr.ledger import PASSED
from cineclr.seeds import derive_seed
from cineclr.video.folder import read_video
from cineclr.video.hdf5 import StudyStore

PICTURES = 12
WIDTH = 240  # pixels
QUALITY = 85
Draw = Callable[[pd.DataFrame, list[Path], random.Random], list["Picture"]]


@dataclass(frozen=True)
class Picture:
    """A frame as the address of an image within the page, and the pseudonyms of what it is from."""

    source: str
    label: str


def draw_pictures(
    wing: Literal["echo", "cmr"], manifest: pd.DataFrame, folders: list[Path], seed: int
) -> list[Picture]:
    """Return thumbnails of up to PICTURES clips that passed; the seed decides which.

    `folders` hold the videos of echo, `<study>/<video>.avi`, or the HDF5 files of MRI.
    """
    passed = manifest[manifest["code"] == PASSED]
    drawn = random.Random(derive_seed(seed, "write_intake_report", wing))
    return DRAW[wing](passed, folders, drawn) if len(passed) else []


def _draw_videos(passed: pd.DataFrame, folders: list[Path], drawn: random.Random) -> list[Picture]:
    paths = sorted(passed["path"])
    pictures = []
    for path in drawn.sample(paths, min(PICTURES, len(paths))):
        place = next(folder / path for folder in folders if (folder / path).is_file())
        pictures.append(_shrink(read_video(place), path.removesuffix(".avi").replace("/", " ")))
    return pictures


def _draw_slices(_: pd.DataFrame, folders: list[Path], drawn: random.Random) -> list[Picture]:
    store = StudyStore.open(folders)
    rows = drawn.sample(range(len(store)), min(PICTURES, len(store)))
    clips = store.videos
    return [_shrink(store.read(row), f"{clips['study'][row]} {clips['view'][row]}") for row in rows]


DRAW: Mapping[str, Draw] = {"echo": _draw_videos, "cmr": _draw_slices}


def _shrink(clip: np.ndarray, label: str) -> Picture:
    """Return the middle frame of a clip, uint8 (T, H, W), at most WIDTH pixels wide."""
    frame = clip[len(clip) // 2]
    scale = min(1.0, WIDTH / frame.shape[1])
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, stream = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise OSError(f"{label}: a thumbnail could not be encoded")
    return Picture("data:image/jpeg;base64," + base64.b64encode(stream.tobytes()).decode(), label)
