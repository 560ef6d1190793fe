"""The slices of one view, decoded, put together as one array of 8-bit frames."""

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np

from cineclr.intake.cmr.slices import Slice, tells_apex
from cineclr.video.hdf5 import StudyView


@dataclass(frozen=True)
class Acquired:
    """A decoded slice: frames float32 (T, H, W), its place, its series' pseudonym and pixel spacing in mm.

    `files` are the labels, in the index, of the files that its frames are from.
    """

    frames: np.ndarray
    place: Slice
    series: str
    spacing: tuple[float, float]
    files: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Window:
    """The intensities of a series that become 0 and 255."""

    low: float
    high: float


def find_windows(slices: list[Acquired], white_percentile: float) -> dict[str, Window]:
    """Return each series' window: from its least intensity to `white_percentile` of all its frames.

    One window per series keeps slices and frames comparable; a few bright pixels of fat or fluid next to the
    coil do not darken the heart.
    """
    windows = {}
    for series in {part.series for part in slices}:
        values = np.concatenate([part.frames.ravel() for part in slices if part.series == series])
        low, high = float(values.min()), float(np.percentile(values, white_percentile))
        windows[series] = Window(low, high if high > low else low + 1)
    return windows


def assemble(slices: list[Acquired], windows: dict[str, Window], size: int | None) -> StudyView:
    """Return one view's array from its slices, in their order.

    Frames are as they were acquired, or `size` x `size`; slices of another size than most are resized to it.
    """
    acquired = [part.frames.shape[1:] for part in slices]
    rows, columns = (size, size) if size else _most_frequent(acquired)
    longest = max(len(part.frames) for part in slices)
    pixels = np.zeros((len(slices), longest, rows, columns), np.uint8)
    for number, part in enumerate(slices):
        for frame, values in enumerate(part.frames):
            pixels[number, frame] = _to_grey(values, windows[part.series], (rows, columns))
    scale = np.array(acquired) / (rows, columns)
    return StudyView(
        pixels=pixels,
        frames=np.array([len(part.frames) for part in slices]),
        pixel_spacing_mm=np.array([part.spacing for part in slices]) * scale,
        frame_time_ms=np.array([part.place.frame_time for part in slices]),
        position_mm=np.array([part.place.position for part in slices]),
        series=[part.series for part in slices],
        acquired_size=np.array(acquired),
        intensity_low=np.array([windows[part.series].low for part in slices]),
        intensity_high=np.array([windows[part.series].high for part in slices]),
        order=_name_order(slices),
    )


def _most_frequent(sizes: list[tuple[int, ...]]) -> tuple[int, int]:
    (rows, columns), _ = max(Counter(sizes).items(), key=lambda item: (item[1], item[0]))
    return rows, columns


def _to_grey(values: np.ndarray, window: Window, size: tuple[int, int]) -> np.ndarray:
    grey = np.clip((values - window.low) * (255 / (window.high - window.low)) + 0.5, 0, 255).astype(np.uint8)
    if grey.shape == size:
        return grey
    smaller = size[0] * size[1] < grey.size
    return cv2.resize(grey, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _name_order(slices: list[Acquired]) -> str:
    if any(not np.isfinite(part.place.position) for part in slices):
        return "instance"
    return "base_to_apex" if all(tells_apex(part.place.normal) for part in slices) else "position"
