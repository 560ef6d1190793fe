"""The header allow-list: what of a DICOM header is read, each value with a type, a range or a closed list.

Nothing else of a header exists for this package. Text never passes: it is matched against a closed list and
the list's own word is kept, so that a name typed into Manufacturer cannot leave. A value outside its range is
as if absent.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

MAX_SIDE = 8192  # rows or columns beyond this are no ultrasound screen
MOST_FRAMES = 10_000  # minutes of cine; what is more is an error in the header

# Part of the Manufacturer text in lower case -> our word; the first that fits counts.
VENDORS: tuple[tuple[str, str], ...] = (
    ("philips", "philips"),
    ("atl ultrasound", "philips"),
    ("agilent", "philips"),
    ("siemens", "siemens"),
    ("acuson", "siemens"),
    ("toshiba", "canon"),
    ("canon", "canon"),
    ("hitachi", "hitachi"),
    ("aloka", "hitachi"),
    ("sonosite", "sonosite"),
    ("fujifilm", "fujifilm"),
    ("samsung", "samsung"),
    ("medison", "samsung"),
    ("mindray", "mindray"),
    ("esaote", "esaote"),
    ("butterfly", "butterfly"),
    ("ge ", "ge"),
    ("vingmed", "ge"),
)
# Part of the model's name in lower case -> our word; longer names before their parts.
MODELS: tuple[str, ...] = (
    *("vivid e95", "vivid e90", "vivid e80", "vivid e9", "vivid s70", "vivid s60", "vivid s6", "vivid s5"),
    *("vivid iq", "vivid t9", "vivid t8", "vivid q", "vivid i", "vivid 7", "vivid 4", "vivid 3", "vscan"),
    *("epiq cvx", "epiq 7", "epiq 5", "affiniti 70", "affiniti 50", "cx50", "ie33", "ie 33", "sparq", "hd15"),
    *("hd11", "sonos 7500", "sonos 5500", "compact xtreme", "sc2000", "sequoia", "x700", "cypress"),
    *("aplio i900", "aplio 500", "aplio 300", "artida", "xario", "lisendo", "arietta", "prosound", "turbo"),
    *(
        "m-turbo",
        "edge ii",
        "x-porte",
        "micromaxx",
        "resona",
        "m9",
        "te7",
        "mylab",
        "hs70",
        "ek7",
        "butterfly iq",
    ),
)
OTHER = "other"


@dataclass(frozen=True)
class Region:
    """An item of SequenceOfUltrasoundRegions: an inclusive box and what it shows (PS3.3 C.8.5.5)."""

    x0: int
    y0: int
    x1: int
    y1: int
    format: int
    type: int


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
    """What of a header is kept; None where the file does not say or says something impossible."""

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
)


def value_of(dataset: Dataset, keyword: str) -> Any:
    """Return an attribute's value, or None when it is absent or cannot be converted; never quotes it."""
    try:
        return dataset.get(keyword)
    except Exception:  # converting a hostile value may raise anything; the file then says nothing
        return None


def number_of(dataset: Dataset, keyword: str, low: float, high: float) -> float | None:
    """Return a number between `low` and `high`, or None."""
    try:
        number = float(value_of(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if low <= number <= high else None


def whole_of(dataset: Dataset, keyword: str, low: int, high: int) -> int | None:
    """Return a whole number between `low` and `high`, or None."""
    number = number_of(dataset, keyword, low, high)
    return int(number) if number is not None and number == int(number) else None


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return an identifier as text without outer space, empty when absent."""
    value = value_of(dataset, keyword)
    return str(value).strip(" \0") if isinstance(value, str | int) else ""


def items_of(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    """Return the items of a sequence, none when it is absent or no sequence."""
    value = value_of(dataset, keyword)
    return value if isinstance(value, Sequence) else ()


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
        yield Region(x0, y0, x1, y1, *(0 if value is None else value for value in what))


def read_year(dataset: Dataset) -> int | None:
    """Return the year of StudyDate; the rest of the date is not read."""
    year = text_of(dataset, "StudyDate")[:4]
    return int(year) if year.isascii() and year.isdigit() and 1980 <= int(year) <= 2100 else None


def match_vendor(text: str) -> str:
    """Return the vendor's word of the closed list, or `other`."""
    padded = " ".join(text.lower().replace(",", " ").split()) + " "
    return next((word for part, word in VENDORS if part in padded), OTHER)


def match_model(text: str) -> str:
    """Return the scanner's word of the closed list, or `other`."""
    padded = " ".join(text.lower().split())
    return next((model for model in MODELS if padded.startswith(model)), OTHER)


def pack_regions(regions: tuple[Region, ...]) -> str:
    """Return regions as JSON text, as they stand in the scan table."""
    return json.dumps([vars(region) for region in regions])


def unpack_regions(text: str) -> tuple[Region, ...]:
    """Return the regions that `pack_regions` packed."""
    return tuple(Region(**item) for item in json.loads(text))
