"""The header allow-list: what of a DICOM header is read, each value with a type, a range or a closed list.

Nothing else of a header exists for this package. Text never passes: it is matched against a closed list and
the list's own word is kept (`intake.scanners`), so that a name typed into Manufacturer cannot leave. A value
outside its range is as if absent.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cineclr.intake.scanners import match_model, match_vendor
from cineclr.intake.values import date_of, items_of, number_of, text_of, value_of, whole_of

MAX_SIDE = 8192  # rows or columns beyond this are no ultrasound screen
MOST_FRAMES = 10_000  # minutes of cine; what is more is an error in the header
CENTIMETRES = 3  # PhysicalUnitsXDirection and -YDirection (PS3.3 C.8.5.5)
FINEST_MM, COARSEST_MM = 0.005, 5.0  # per pixel: a vessel at a microscope's depth, a heart shown as a stamp
# Ages over 89 are one group (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C)): 90 means 90 or more.
OLDEST = 90
MOST_YEARS = 120  # beyond: an error in the header
AGE = re.compile(r"(\d{1,3})([DWMY])", re.ASCII)  # PS3.5 6.2, VR AS
AGE_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
YEARS = (1980, 2100)  # of studies
BIRTH_YEARS = (1850, 2100)


@dataclass(frozen=True)
class Region:
    """An item of SequenceOfUltrasoundRegions: an inclusive box and what it shows (PS3.3 C.8.5.5).

    `row_mm` and `column_mm` are millimetres from one row, or column, to the next; None where the file does
    not say so in centimetres.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    format: int
    type: int
    row_mm: float | None = None
    column_mm: float | None = None


@dataclass(frozen=True)
class Identity:
    """Identifiers, as text in the header; they leave the private side as pseudonyms only."""

    study: str
    accession: str
    accession_issuer: str
    patient: str
    patient_issuer: str
    video: str


@dataclass(frozen=True)
class Header:
    """What of a header is kept; None where the file does not say or says something impossible.

    `study_day` is the study's date as a day's number (`date.toordinal`); it stays on the private side, where
    the index makes days since the patient's first study of it. `age` is in completed years, 90 for all above.
    """

    frames: int | None
    rows: int | None
    columns: int | None
    samples: int | None
    bits: int | None
    photometric: str | None
    frame_time_ms: float | None
    regions: tuple[Region, ...]
    year: int | None
    vendor: str
    model: str
    heart_rate: int | None
    study_day: int | None = None
    age: int | None = None


PHOTOMETRIC = (
    *("MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422"),
    *("YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"),
)
IDENTITY_KEYWORDS = (
    *("StudyInstanceUID", "SOPInstanceUID", "AccessionNumber", "IssuerOfAccessionNumberSequence"),
    *("PatientID", "IssuerOfPatientID"),
)
HEADER_KEYWORDS = (
    *("SOPClassUID", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"),
    *("PhotometricInterpretation", "FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate"),
    *("SequenceOfUltrasoundRegions", "StudyDate", "Manufacturer", "ManufacturerModelName", "HeartRate"),
    *("PatientAge", "PatientBirthDate"),
)


def read_identity(dataset: Dataset) -> Identity:
    """Return the identifiers of a file."""
    issuers = [text_of(item, "LocalNamespaceEntityID") for item in items_of(dataset, IDENTITY_KEYWORDS[3])]
    return Identity(
        study=text_of(dataset, "StudyInstanceUID"),
        accession=text_of(dataset, "AccessionNumber"),
        accession_issuer=next(iter(issuers), ""),
        patient=text_of(dataset, "PatientID"),
        patient_issuer=text_of(dataset, "IssuerOfPatientID"),
        video=text_of(dataset, "SOPInstanceUID"),
    )


def read_header(dataset: Dataset) -> Header:
    """Return the allow-listed part of a header."""
    photometric = text_of(dataset, "PhotometricInterpretation")
    day = date_of(dataset, "StudyDate", YEARS)
    return Header(
        frames=whole_of(dataset, "NumberOfFrames", 1, MOST_FRAMES),
        rows=whole_of(dataset, "Rows", 1, MAX_SIDE),
        columns=whole_of(dataset, "Columns", 1, MAX_SIDE),
        samples=whole_of(dataset, "SamplesPerPixel", 1, 4),
        bits=whole_of(dataset, "BitsAllocated", 1, 64),
        photometric=photometric if photometric in PHOTOMETRIC else None,
        frame_time_ms=read_frame_time(dataset),
        regions=tuple(read_regions(dataset)),
        year=read_year(dataset),
        vendor=match_vendor(text_of(dataset, "Manufacturer")),
        model=match_model(text_of(dataset, "ManufacturerModelName")),
        heart_rate=whole_of(dataset, "HeartRate", 20, 300),
        study_day=day.toordinal() if day else None,
        age=read_age(dataset),
    )


def read_frame_time(dataset: Dataset) -> float | None:
    """Return milliseconds per frame; 1 to 1000 are plausible.

    FrameTime says it, else the mean of FrameTimeVector, CineRate, or RecommendedDisplayFrameRate.
    """
    single = number_of(dataset, "FrameTime", 1, 1000)
    if single is not None:
        return single
    try:
        increments = [float(value) for value in value_of(dataset, "FrameTimeVector")]
    except (TypeError, ValueError, OverflowError):
        increments = []
    later = increments[1:]  # the first increment is 0 by definition
    if later and min(later) >= 0 and 1 <= sum(later) / len(later) <= 1000:
        return sum(later) / len(later)
    for keyword in ("CineRate", "RecommendedDisplayFrameRate"):
        rate = number_of(dataset, keyword, 1, 1000)
        if rate is not None:
            return 1000 / rate
    return None


def read_regions(dataset: Dataset) -> Iterable[Region]:
    """Yield the ultrasound regions whose box makes sense."""
    for item in items_of(dataset, "SequenceOfUltrasoundRegions"):
        names = ("MinX0", "MinY0", "MaxX1", "MaxY1")
        box = [whole_of(item, f"RegionLocation{name}", 0, MAX_SIDE) for name in names]
        what = [whole_of(item, keyword, 0, 255) for keyword in ("RegionSpatialFormat", "RegionDataType")]
        x0, y0, x1, y1 = box
        if x0 is None or y0 is None or x1 is None or y1 is None or x1 <= x0 or y1 <= y0:
            continue
        shown, kind = (0 if value is None else value for value in what)
        yield Region(x0, y0, x1, y1, shown, kind, read_spacing(item, "Y"), read_spacing(item, "X"))


def read_spacing(region: Dataset, axis: str) -> float | None:
    """Return a region's millimetres per pixel along X or Y (PS3.3 C.8.5.5: PhysicalDelta, in its units).

    None unless the units are centimetres. A scale that counts backwards is as good as one that does not.
    """
    units = whole_of(region, f"PhysicalUnits{axis}Direction", 0, 255)
    delta = number_of(region, f"PhysicalDelta{axis}", -COARSEST_MM, COARSEST_MM)
    if units != CENTIMETRES or delta is None:
        return None
    millimetres = abs(delta) * 10
    return millimetres if FINEST_MM <= millimetres <= COARSEST_MM else None


def read_year(dataset: Dataset) -> int | None:
    """Return the year of StudyDate, whatever its month and day are."""
    year = text_of(dataset, "StudyDate")[:4]
    return int(year) if year.isascii() and year.isdigit() and YEARS[0] <= int(year) <= YEARS[1] else None


def read_age(dataset: Dataset) -> int | None:
    """Return completed years of life at the study, 0 to 90, where 90 means 90 or more.

    PatientAge says it, else birth date and study date. An age beyond 120 years is none.
    """
    said = AGE.fullmatch(text_of(dataset, "PatientAge"))
    if said:
        years = math.floor(int(said[1]) * AGE_DAYS[said[2]] / AGE_DAYS["Y"])
        if years <= MOST_YEARS:
            return min(years, OLDEST)
    born = date_of(dataset, "PatientBirthDate", BIRTH_YEARS)
    then = date_of(dataset, "StudyDate", YEARS)
    if born is None or then is None:
        return None
    years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
    return min(years, OLDEST) if 0 <= years <= MOST_YEARS else None


def pack_regions(regions: tuple[Region, ...]) -> str:
    """Return regions as JSON text, as they stand in the scan table."""
    return json.dumps([vars(region) for region in regions])


def unpack_regions(text: str) -> tuple[Region, ...]:
    """Return the regions that `pack_regions` packed."""
    return tuple(Region(**item) for item in json.loads(text))
