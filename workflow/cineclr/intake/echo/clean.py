"""One clip, from DICOM file to masked AVI: what the child process does.

Frames are held one at a time, but for those from which the mask is made; these are not decoded again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.colour import has_colour
from cineclr.intake.echo.decode import Clip
from cineclr.intake.echo.mask import SAMPLED, apply_mask, find_sector, sample_frames
from cineclr.intake.failure import DecodeError
from cineclr.intake.headers import Region
from cineclr.intake.residual_text.pictures import draw_pictures
from cineclr.ledger import PASSED, Code
from cineclr.video.avi import write_avi

COLOUR_SAMPLES = 6  # frames looked at for colour: flow that fills less than a sixth of a beat is none


@dataclass(frozen=True)
class Job:
    """What to do: the DICOM file, its 2-D region, the frames it must have, and where the AVI goes."""

    source: Path
    region: Region
    frames: int
    fps: float
    avi: Path
    settings: Deidentify


@dataclass(frozen=True)
class Cleaned:
    """What came out: a code, and of a passed clip its measures and the checksum of its AVI.

    `pictures`, uint8 (n, H, W), are what the text gate looks at.
    """

    code: str
    rows: int | None = None
    columns: int | None = None
    kept_fraction: float | None = None
    sha256: str | None = None
    pictures: np.ndarray | None = field(default=None, compare=False)


def clean_clip(job: Job) -> Cleaned:
    """Decode, mask and encode one clip; only a clip with nothing against it is written.

    Raises whatever a decoder raises on a damaged file, and OSError of the disk.
    """
    cv2.setNumThreads(1)  # a worker is one core's share, whatever the node has
    source = Clip(job.source)
    if source.frames != job.frames:
        raise DecodeError("the file has changed since it was scanned")
    numbers = sample_frames(source.frames, SAMPLED)
    sampled = np.stack([_cut(frame, job.region) for frame in source.grey(numbers)])
    mask = find_sector(sampled, job.settings)
    kept = 0.0 if mask is None else float((mask > 0).mean())
    if mask is None or kept < job.settings.min_kept_fraction:
        return Cleaned(Code.MASK_FAILED, kept_fraction=kept)
    if not job.settings.keep_colour_doppler and _is_coloured(source, job.region, mask):
        return Cleaned(Code.COLOUR_DOPPLER, kept_fraction=kept)
    apply_mask(sampled, mask)
    masked = _mask_frames(source, job.region, mask, dict(zip(numbers, sampled, strict=True)))
    sha256 = write_avi(job.avi, masked, job.fps, job.settings.jpeg_quality, job.settings.codec)
    pictures = draw_pictures(sampled, job.settings.text_frames) if job.settings.text_gate else None
    return Cleaned(PASSED, mask.shape[0], mask.shape[1], kept, sha256, pictures)


def _mask_frames(
    source: Clip, region: Region, mask: np.ndarray, sampled: dict[int, np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield every frame, uint8 (H, W), cut to the region, blank outside the mask, valid until the next."""
    others = source.grey([number for number in range(source.frames) if number not in sampled])
    masked = np.empty_like(mask)
    for number in range(source.frames):
        if number in sampled:
            yield sampled[number]
        else:
            yield np.bitwise_and(_cut(next(others), region), mask, out=masked)


def _is_coloured(source: Clip, region: Region, mask: np.ndarray) -> bool:
    if not source.has_colour:
        return False
    whole = np.zeros((source.rows, source.columns), np.uint8)
    _cut(whole, region)[:] = mask
    frames = source.colour(sample_frames(source.frames, COLOUR_SAMPLES), halved=True)
    return any(has_colour(frame, whole[::2, ::2]) for frame in frames)


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    """Return the part of a frame that lies in the region, as a view."""
    return frame[region.y0 : region.y1 + 1, region.x0 : region.x1 + 1]
