"""Decoding of MRI frames, as real numbers: what the child process does for one slice."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from cineclr.intake.cmr.headers import FRAME_GROUPS
from cineclr.intake.headers import items_of, number_of

LARGEST = 1e9  # what a rescaled intensity may be


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
    for path, group in groupby(numbered, key=itemgetter(0)):
        wanted = {place: index for _, index, place in group}
        try:
            found |= dict(zip(wanted, _decode_file(path, list(wanted.values())), strict=True))
        except OSError as error:
            if error.errno is not None:
                raise
        except Exception:  # a damaged file may raise anything in a decoder
            continue
    sizes = [frame.shape for frame in found.values()]
    size = max(set(sizes), key=lambda one: (sizes.count(one), one)) if sizes else (0, 0)
    kept = [place for place, frame in sorted(found.items()) if frame.shape == size]
    failed = tuple(place for place in range(len(job.frames)) if place not in set(kept))
    frames = np.stack([found[place] for place in kept]) if kept else np.empty((0, 0, 0), np.float32)
    return Decoded(frames, failed)


def _decode_file(path: Path, indices: list[int]) -> Iterator[np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote header values
        dataset = pydicom.dcmread(path, force=True)
        several = int(dataset.get("NumberOfFrames") or 1) > 1
        for index in indices:
            stored = pixel_array(dataset, index=index if several else None)
            yield _rescale(dataset, stored, index)


def _rescale(dataset: Dataset, stored: np.ndarray, index: int) -> np.ndarray:
    """Return real intensities: slope and intercept applied, dark where MONOCHROME1 is bright."""
    if stored.ndim != 2:
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
