"""Decoding of MRI frames, as real numbers: what the child process does for one slice."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from cineclr.intake.cmr.headers import FRAME_GROUPS
from cineclr.intake.failure import is_of_the_system
from cineclr.intake.headers import items_of, number_of

LARGEST = 1e9  # what a rescaled intensity may be
GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Job:
    """The frames of one slice in the order of time: file and number of the frame in it."""

    frames: tuple[tuple[Path, int], ...]


@dataclass(frozen=True)
class Decoded:
    """What came out: frames of one size, float32 (n, rows, columns), and the places that failed."""

    frames: np.ndarray
    failed: tuple[int, ...]


def decode_slice(job: Job) -> Decoded:
    """Decode a slice; a frame that cannot be decoded, or is of another size than most, is left out.

    Raises OSError of the disk.
    """
    found: dict[int, np.ndarray] = {}
    numbered = [(path, index, place) for place, (path, index) in enumerate(job.frames)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote header values
        for path, group in groupby(numbered, key=itemgetter(0)):
            found |= _decode_file(path, {place: index for _, index, place in group})
    sizes = [frame.shape for frame in found.values()]
    size = max(set(sizes), key=lambda one: (sizes.count(one), one)) if sizes else (0, 0)
    kept = [place for place, frame in sorted(found.items()) if frame.shape == size]
    failed = tuple(place for place in range(len(job.frames)) if place not in set(kept))
    frames = np.stack([found[place] for place in kept]) if kept else np.empty((0, 0, 0), np.float32)
    return Decoded(frames, failed)


def _decode_file(path: Path, wanted: dict[int, int]) -> dict[int, np.ndarray]:
    """Return the frames of a file that can be decoded; `wanted` is place in the slice -> number in file."""
    found: dict[int, np.ndarray] = {}
    with _leave_out():
        dataset = pydicom.dcmread(path, force=True)
        for place, index in wanted.items():
            with _leave_out():
                found[place] = _decode_frame(dataset, index)
    return found


@contextmanager
def _leave_out() -> Iterator[None]:
    """Leave out what fails: a damaged file may raise anything in a decoder. Errors of the disk go on."""
    try:
        yield
    except Exception as error:
        if is_of_the_system(error):
            raise


def _decode_frame(dataset: Dataset, index: int) -> np.ndarray:
    several = int(dataset.get("NumberOfFrames") or 1) > 1
    return _rescale(dataset, pixel_array(dataset, index=index if several else None), index)


def _rescale(dataset: Dataset, stored: np.ndarray, index: int) -> np.ndarray:
    """Return real intensities: slope and intercept applied, dark where MONOCHROME1 is bright."""
    if dataset.PhotometricInterpretation not in GREY:
        raise ValueError("not a grey frame")
    source = _transformation(dataset, index)
    slope = number_of(source, "RescaleSlope", -LARGEST, LARGEST) or 1.0
    intercept = number_of(source, "RescaleIntercept", -LARGEST, LARGEST) or 0.0
    values = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return -values if dataset.PhotometricInterpretation == "MONOCHROME1" else values


def _transformation(dataset: Dataset, index: int) -> Dataset:
    """Return what holds slope and intercept of a frame: its functional groups, those of all, or the root."""
    own = list(items_of(dataset, FRAME_GROUPS[1]))[index : index + 1]
    for group in (*own, *items_of(dataset, FRAME_GROUPS[0])):
        for item in items_of(group, "PixelValueTransformationSequence"):
            return item
    return dataset
