"""The allow-list of an MRI header: where and when each frame was taken, typed and range-checked.

As in `intake.headers`, nothing else of a header exists here, with one exception: the SeriesDescription, by
which series are mapped to views. A person may have typed anything into it, so it stays on the private side.
"""

import json
import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from cineclr.intake.headers import items_of, number_of, read_frame_time, text_of, value_of, whole_of

FAR = 5000.0  # mm: no scanner is larger
LONG = 10_000.0  # ms: no heart beat is longer
MOST_PHASES = 1000.0
DESCRIPTION_LENGTH = 64  # characters of a DICOM LO; what is longer is no name of a series
FRAME_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
GEOMETRY_KEYWORDS = (
    *(
        "SeriesInstanceUID",
        "SeriesDescription",
        "ProtocolName",
        "SeriesNumber",
        "InstanceNumber",
        "ImageType",
    ),
    *("ImageOrientationPatient", "ImagePositionPatient", "SliceLocation", "PixelSpacing", "TriggerTime"),
    *("TemporalPositionIdentifier", "AcquisitionTime", "CardiacNumberOfImages", *FRAME_GROUPS),
)
# Parts of ImageType that no cine has: maps, reconstructions and screens computed from other images.
DERIVED = {"LOCALIZER", "MPR", "PROJECTION IMAGE", "P", "PHASE MAP", "T1 MAP", "T2 MAP", "VELOCITY"}


@dataclass(frozen=True)
class Geometry:
    """Where and when the frames of one file were taken.

    Attributes:
        orientation: row and column direction in patient coordinates (LPS) of each frame, 6 numbers, or once
            for all; empty where unknown.
        positions: mm along the normal of each frame, or one for all; NaN where unknown.
        times: ms after the R wave of each frame, or one for all; NaN where unknown.
        spacing: mm between rows and between columns, or NaN.
        instance, series_number: as the header numbers them, or -1.
        acquired: seconds of the day, or NaN.
        phases: CardiacNumberOfImages, or 0.
        derived: whether the header calls the image computed, a map or a localizer.
    """

    orientation: tuple[float, ...]
    positions: tuple[float, ...]
    times: tuple[float, ...]
    spacing: tuple[float, float]
    instance: int
    series_number: int
    acquired: float
    phases: int
    derived: bool


def read_geometry(dataset: Dataset, frames: int) -> Geometry:
    """Return where and when the frames of a file were taken, of single-frame and multi-frame objects."""
    groups = _read_groups(dataset, frames)
    planes = [_plane(group) for group in groups] or [(dataset, dataset)]
    shared = _numbers(planes[0][0], "ImageOrientationPatient", 6)
    orientations = [_numbers(oriented, "ImageOrientationPatient", 6) or shared for oriented, _ in planes]
    pairs = zip(orientations, planes, strict=True)
    return Geometry(
        orientation=sum(orientations if len(set(orientations)) > 1 else orientations[:1], ()),
        positions=_shorten([_along_normal(orientation, placed) for orientation, (_, placed) in pairs]),
        times=_read_times(dataset, groups, frames),
        spacing=_read_spacing(dataset, groups),
        instance=_whole(dataset, "InstanceNumber"),
        series_number=_whole(dataset, "SeriesNumber"),
        acquired=_seconds(text_of(dataset, "AcquisitionTime")),
        phases=whole_of(dataset, "CardiacNumberOfImages", 1, 1000) or 0,
        derived=_is_derived(dataset),
    )


def read_description(dataset: Dataset) -> str:
    """Return the series' name as typed: private."""
    name = text_of(dataset, "SeriesDescription") or text_of(dataset, "ProtocolName")
    return " ".join(name.split())[:DESCRIPTION_LENGTH]


def _read_groups(dataset: Dataset, frames: int) -> list[list[Dataset]]:
    """Return the functional groups of each frame: its own, then those that all share; none if plain."""
    own = list(items_of(dataset, FRAME_GROUPS[1]))
    shared = list(items_of(dataset, FRAME_GROUPS[0]))
    if not own and not shared:
        return []
    return [[*own[index : index + 1], *shared] for index in range(frames)]


def _first(groups: list[Dataset], macro: str) -> Dataset:
    """Return the first item of a macro (sequence) in a frame's groups; empty where there is none."""
    return next((item for group in groups for item in items_of(group, macro)), Dataset())


def _plane(groups: list[Dataset]) -> tuple[Dataset, Dataset]:
    return _first(groups, "PlaneOrientationSequence"), _first(groups, "PlanePositionSequence")


def _along_normal(orientation: tuple[float, ...], placed: Dataset) -> float:
    """Return the position along the plane's normal, in mm; SliceLocation where the position is missing."""
    position = _numbers(placed, "ImagePositionPatient", 3)
    if position and orientation:
        return float(np.dot(np.cross(orientation[:3], orientation[3:]), position))
    location = number_of(placed, "SliceLocation", -FAR, FAR)
    return math.nan if location is None else location


def _read_times(dataset: Dataset, groups: list[list[Dataset]], frames: int) -> tuple[float, ...]:
    """Return ms after the R wave, or else the numbers of the phases."""
    if groups:
        return _shorten([_time_of(group) for group in groups])
    if frames > 1:
        step = read_frame_time(dataset)
        return tuple(index * step for index in range(frames)) if step else (math.nan,)
    return (_pick(dataset, ("TriggerTime", LONG), ("TemporalPositionIdentifier", MOST_PHASES)),)


def _time_of(group: list[Dataset]) -> float:
    beat = _pick(_first(group, "CardiacSynchronizationSequence"), ("NominalCardiacTriggerDelayTime", LONG))
    phase = _first(group, "FrameContentSequence")
    return _pick(phase, ("TemporalPositionIndex", MOST_PHASES)) if math.isnan(beat) else beat


def _pick(dataset: Dataset, *choices: tuple[str, float]) -> float:
    """Return the first number that is there and between 0 and its limit, or NaN."""
    found = (number_of(dataset, keyword, 0, most) for keyword, most in choices)
    return next((number for number in found if number is not None), math.nan)


def _read_spacing(dataset: Dataset, groups: list[list[Dataset]]) -> tuple[float, float]:
    source = _first(groups[0], "PixelMeasuresSequence") if groups else dataset
    numbers = _numbers(source, "PixelSpacing", 2)
    return (numbers[0], numbers[1]) if numbers and min(numbers) > 0 else (math.nan, math.nan)


def _numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """Return `count` finite numbers, or nothing."""
    try:
        numbers = tuple(float(value) for value in value_of(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return ()
    return numbers if len(numbers) == count and all(abs(number) <= FAR for number in numbers) else ()


def _shorten(values: list[float]) -> tuple[float, ...]:
    """Return one value for all frames where all are the same."""
    same = len(set(values)) == 1 or all(math.isnan(value) for value in values)
    return tuple(values[:1] if same else values)


def _whole(dataset: Dataset, keyword: str) -> int:
    number = whole_of(dataset, keyword, 0, 10_000_000)
    return -1 if number is None else number


def _seconds(text: str) -> float:
    """Return the seconds of the day of a DICOM time, HHMMSS.FFFFFF."""
    digits = text.strip()[:6]
    if len(digits) < 6 or not (digits.isascii() and digits.isdigit()):
        return math.nan
    fraction = text.strip()[6:]
    part = float(f"0{fraction}") if fraction[:1] == "." and fraction[1:].isdigit() else 0.0
    return int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6]) + part


def _is_derived(dataset: Dataset) -> bool:
    value = value_of(dataset, "ImageType")
    parts = [value] if isinstance(value, str) else list(value or [])
    return bool(DERIVED & {str(part).strip().upper() for part in parts[2:]})


def pack(values: tuple[float, ...]) -> str:
    """Return numbers as JSON text, NaN as null, as they stand in the scan table."""
    return json.dumps([None if math.isnan(value) else round(value, 4) for value in values])


def unpack(text: str) -> np.ndarray:
    """Return the numbers that `pack` packed, float64, null as NaN."""
    return np.array(json.loads(text), dtype=np.float64)
