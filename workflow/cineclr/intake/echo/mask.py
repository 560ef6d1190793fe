"""Masking: of a frame only the ultrasound sector leaves the building.

The paper binarizes each frame, takes the largest contour and blanks what lies outside its convex hull.
Burned-in text that touches the sector, or the halo that JPEG lays around text, would make that contour grow
and let the text pass. So one mask is made for the whole clip, from *live* pixels: the speckle of the sector
changes from frame to frame all the time, while text, rulers and logos stand still, and an ECG trace or a
clock passes any one pixel in few frames. A clip in which nothing lives (a still repeated) has no mask and
is set aside: masking fails closed.
"""

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np

from cineclr.config.echo import Deidentify
from cineclr.intake.headers import Region

TISSUE_2D = 1  # RegionSpatialFormat "2D" (PS3.3 C.8.5.5.1.1)
COLOUR_FLOW = 2  # RegionDataType "Color Flow" (PS3.3 C.8.5.5.1.2)
MOST_SHRUNK = 4  # a frame smaller than this share of what its regions describe is not explained by scaling
SAMPLED = 24  # frames compared: about one heart beat of a short clip, the whole of a long one
NOISE = 2  # grey levels: JPEG renders a background that stands still this exactly
WINDOW = 7  # pixels: changes are averaged over it, so that sparse speckle closes up and thin traces fade
LIVE_SHARE = 0.15  # of pairs of sampled frames; the faint edge of a real sector changes in a fifth of them
MOST_FILLED = (
    0.95  # of the region: a fan leaves corners free, while a noisy copy of a screen lives everywhere
)
OVERREACH = 2  # pixels by which that average reaches beyond the sector, taken back


def choose_region(regions: Sequence[Region], rows: int, columns: int) -> Region | None:
    """Return the largest 2-D region, cut to the frame; None when no usable one is left.

    Regions that reach far beyond the frame describe it before it was shrunk: they are shrunk as much.
    """
    flat = [region for region in regions if region.format == TISSUE_2D]
    if not flat:
        return None
    margin = 1.02  # scanners that count pixels from 1 overstep the frame by one
    shrunk = max(max(r.x1 / (columns * margin), r.y1 / (rows * margin)) for r in regions)
    factor = max(1, math.ceil(shrunk))
    if factor > MOST_SHRUNK:
        return None
    largest = max((_shrink(region, factor, rows, columns) for region in flat), key=_area)
    return largest if largest.x1 > largest.x0 and largest.y1 > largest.y0 else None


def _shrink(region: Region, factor: int, rows: int, columns: int) -> Region:
    """Return the region in a frame that was shrunk by `factor`, cut to that frame."""
    x0, y0, x1, y1 = (edge // factor for edge in (region.x0, region.y0, region.x1, region.y1))
    spacing = (mm and mm * factor for mm in (region.row_mm, region.column_mm))
    return Region(x0, y0, min(x1, columns - 1), min(y1, rows - 1), TISSUE_2D, 1, *spacing)


def _area(region: Region) -> int:
    return (region.x1 - region.x0) * (region.y1 - region.y0)


def sample_frames(frames: int, count: int) -> list[int]:
    """Return up to `count` evenly spaced frame numbers, first and last included."""
    return sorted({round(position) for position in np.linspace(0, frames - 1, min(count, frames))})


def find_sector(clip: np.ndarray, settings: Deidentify) -> np.ndarray | None:
    """Return the mask of a clip, uint8 (H, W) of 0 and 255, or None when no sector is found.

    `clip` is uint8 (T, H, W), cut to the region. With mask "threshold" only pixels that are ever brighter
    than `settings.threshold` count, as the paper's text has it.
    """
    sampled = clip[sample_frames(len(clip), SAMPLED)]
    changes = np.zeros(clip.shape[1:], np.uint8)  # at most SAMPLED - 1
    for before, after in itertools.pairwise(sampled):
        changes += (cv2.absdiff(before, after) > NOISE).view(np.uint8)
    if settings.mask == "threshold":
        changes[sampled.max(axis=0) <= settings.threshold] = 0
    share = cv2.blur(changes.astype(np.float32), (WINDOW, WINDOW)) / max(len(sampled) - 1, 1)
    contours, _ = cv2.findContours(
        (share >= LIVE_SHARE).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not contours:
        return None
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    mask = cv2.fillConvexPoly(np.zeros(clip.shape[1:], np.uint8), hull, 255)
    if np.count_nonzero(mask) > MOST_FILLED * mask.size:
        return None
    return cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=OVERREACH).astype(np.uint8)


def apply_mask(clip: np.ndarray, mask: np.ndarray) -> None:
    """Blank everything outside the mask, in place."""
    for frame in clip:
        np.bitwise_and(frame, mask, out=frame)
