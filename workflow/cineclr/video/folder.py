"""A folder of videos: which there are, which can be used, and clips of them, decoded when asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cineclr.errors import InputError
from cineclr.ledger import PASSED, Code
from cineclr.progress import track
from cineclr.video.avi import read_avi
from cineclr.video.clips import resize_frames

SUFFIXES = (".avi", ".mp4")


class VideoFolder:
    """The AVI and MP4 files below a folder; clips of them come in turn, video after video.

    Attributes:
        videos: data frame `video` (its path in the folder), `frames` (missing until decoded) and `code`,
            sorted by video; whoever sets a video aside before `examine` spares its decoding.
        size: rows and columns of every frame.
    """

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        """List the files; raise InputError if there is none, or a folder cannot be read or comes twice."""
        names = sorted(path.relative_to(folder).as_posix() for path in _walk(folder))
        if not names:
            raise InputError(f"--videos: no file {' or '.join(SUFFIXES)} in {folder.name}")
        self.videos = pd.DataFrame({"video": names, "frames": pd.array([None] * len(names), "Int64")})
        self.videos["code"] = PASSED
        self.size = size
        self._folder = folder
        self._decoded: tuple[int, np.ndarray] | None = None  # the last video

    def examine(self, least: int) -> None:
        """Decode every video that is not set aside; set aside what does not decode or has fewer frames."""
        rows = self.videos.index[self.videos["code"] == PASSED]
        for row in track(rows, "examine", len(rows)):
            try:
                frames = len(self._decode(row))
            except OSError:
                self.videos.loc[row, "code"] = str(Code.DECODE_FAILED)
                continue
            self.videos.loc[row, "frames"] = frames
            if frames < least:
                self.videos.loc[row, "code"] = str(Code.TOO_SHORT)

    def clip(self, row: int, start: int, length: int) -> np.ndarray:
        """Return frames start to start + length - 1 of a video: uint8 (length, H, W)."""
        return self._decode(row)[start : start + length]

    def _decode(self, row: int) -> np.ndarray:
        if self._decoded is None or self._decoded[0] != row:
            frames = read_video(self._folder / str(self.videos["video"][row]))
            self._decoded = row, resize_frames(frames, self.size)
        return self._decoded[1]


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the videos at any depth, also behind links; hidden ones (half-written, trash) are left out."""

    def refuse(error: OSError) -> None:
        place = Path(error.filename).name
        raise InputError(f"--videos: {place} cannot be read ({os.strerror(error.errno or 0)})") from None

    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            raise InputError(f"--videos: {Path(real).name} is there twice, by a link to it; remove the link")
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.suffix.lower() in SUFFIXES)


def read_video(path: Path) -> np.ndarray:
    """Return all frames as grey uint8 (T, H, W): of our AVI files by our reader, of others by OpenCV.

    Raises OSError when nothing decodes, or fewer frames than the file announces.
    """
    try:
        return read_avi(path)
    except (OSError, ValueError):
        return _read_with_opencv(path)


def _read_with_opencv(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY))
    if not frames or len(frames) < announced:
        raise OSError(f"{path.name}: {len(frames)} of {announced} frames can be read")
    return np.stack(frames)
