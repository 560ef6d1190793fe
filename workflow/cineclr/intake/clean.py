"""One clip, from DICOM file to masked AVI: what the child process does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cineclr.config.echo import Deidentify
from cineclr.files import sha256_file
from cineclr.intake.colour import has_colour
from cineclr.intake.decode import Clip, DecodeError
from cineclr.intake.headers import Region
from cineclr.intake.mask import apply_mask, find_sector, sample_frames
from cineclr.intake.pictures import draw_pictures
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
    pictures: np.ndarray | None = None


def clean_clip(job: Job) -> Cleaned:
    """Decode, mask and encode one clip; only a clip with nothing against it is written.

    Raises whatever a decoder raises on a damaged file, and OSError of the disk.
    """
    source = Clip(job.source)
    if source.frames != job.frames:
        raise DecodeError("the file has changed since it was scanned")
    clip = _decode_region(source, job.region)
    mask = find_sector(clip, job.settings)
    kept = 0.0 if mask is None else float((mask > 0).mean())
    if mask is None or kept < job.settings.min_kept_fraction:
        return Cleaned(Code.MASK_FAILED, kept_fraction=kept)
    if not job.settings.keep_colour_doppler and _is_coloured(source, job.region, mask):
        return Cleaned(Code.COLOUR_DOPPLER, kept_fraction=kept)
    apply_mask(clip, mask)
    write_avi(job.avi, clip, job.fps, job.settings.jpeg_quality)
    pictures = draw_pictures(clip, job.settings.text_frames) if job.settings.text_gate else None
    return Cleaned(PASSED, clip.shape[1], clip.shape[2], kept, sha256_file(job.avi), pictures)


def _decode_region(source: Clip, region: Region) -> np.ndarray:
    """Return the frames cut to the region, uint8 (T, H, W); whole frames are held one at a time."""
    shape = (source.frames, region.y1 - region.y0 + 1, region.x1 - region.x0 + 1)
    clip = np.empty(shape, np.uint8)
    for kept, frame in zip(clip, source.grey(), strict=True):
        kept[:] = _cut(frame, region)
    return clip


def _is_coloured(source: Clip, region: Region, mask: np.ndarray) -> bool:
    if not source.has_colour:
        return False
    frames = source.colour(sample_frames(source.frames, COLOUR_SAMPLES))
    return any(has_colour(_cut(frame, region), mask) for frame in frames)


def _cut(frame: np.ndarray, region: Region) -> np.ndarray:
    return np.ascontiguousarray(frame[region.y0 : region.y1 + 1, region.x0 : region.x1 + 1])
