"""Canaries: files with a token in every attribute that DICOM knows, and a search for tokens in what leaves.

Each text holds a token of its own; dates, times, numbers and identifiers have values that nothing else has. A
search looks at every byte of a file, and at what compression, Parquet, HDF5 and base64 hide.
"""

import base64
import io
import itertools
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import pyarrow.parquet as pq
from pydicom.datadict import DicomDictionary, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

DAY, TIME, NUMBER, ROOT = "19271103", "112233.987654", 1927110342, "1.2.999.4242424242"
NEEDLES = re.compile(
    rb"zqx\d{6}|19271103|1927-11-03|112233\.987|1927110342|4242424242|"
    + b"|".join(re.escape(struct.pack(kind, NUMBER)) for kind in ("<L", ">L", "<d", ">d")),
    re.IGNORECASE,
)
BASE64 = re.compile(rb"[A-Za-z0-9+/]{12,}={0,2}")
NAMES = ("PatientName", "OtherPatientIDs", "PatientAddress", "StudyDate", "InstitutionName")
# What a file must say rightly to be decoded at all; a canary there would only set the file aside.
NEEDED = {
    *("SOPClassUID", "SpecificCharacterSet", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation"),
    *("PlanarConfiguration", "PixelData", "FloatPixelData", "DoubleFloatPixelData", "FrameTime"),
    "HeartRate",
}
# In PS3.15 table E.1-1 of 2026c and not in pydicom's dictionary yet.
NEWER = (
    *range(0x00080001 + 0x1300, 0x00080005 + 0x1300),
    *range(0x00100011, 0x00100017),
    *range(0x00100041, 0x00100048),
    *(0x00102162, 0x0040A034, 0x0040A035, 0x0040B034, 0x0040B036, 0x0040B03B, 0x0040B03F, 0x0040E012),
)
# Where a list of attributes does not look: planted by `plant_specially`.
OVERLAYS, CURVES = (0x6000, 0x6002, 0x601E), (0x5000, 0x5002)
PADDING, SIGNATURES, MEDIA_UID = 0xFFFCFFFC, 0xFFFAFFFA, 0x00020003
_tokens = itertools.count(1)


def token() -> str:
    return f"ZQX{next(_tokens):06d}"


def value_for(vr: str) -> object:
    """Return a valid value of a VR that the search knows again (an age and a 16-bit number it cannot)."""
    kind = vr.split(" or ")[0]
    if kind in ("OB", "OW", "UN", "OD", "OF", "OL", "OV"):
        return token().encode().ljust(16)
    number = {"US": 0xCAFE, "SS": -0x2BAD, "FD": float(NUMBER), "FL": float(NUMBER), "AT": 0x00100010}
    number |= dict.fromkeys(("UL", "SL", "UV", "SV", "IS"), NUMBER) | {"DS": str(NUMBER)}
    text = {"UI": f"{ROOT}.{next(_tokens)}", "DA": DAY, "DT": DAY + TIME, "TM": TIME, "AS": "087Y"}
    text |= {"PN": f"{token()}^JANE", "UR": f"http://{token()}.org"}
    return {**number, **text}.get(kind) or token()


def attributes(without: Iterable[str] = ()) -> Iterator[tuple[int, str]]:
    """Yield tag and VR of every attribute of the dictionary that a data set may hold."""
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if keyword and 0x0004 <= tag >> 16 < 0xFFFA and keyword not in without:
            yield tag, vr
    yield from ((tag, "LO") for tag in NEWER)


def plant_everywhere(dataset: Dataset, without: Iterable[str] = (), deep: bool = True) -> None:
    """Put a canary into every attribute, and into items of every sequence; those that are there already stay.

    With `deep`, the items of one sequence hold every attribute, too.
    """
    for tag, vr in attributes({*NEEDED, *without}):
        if tag in dataset:
            continue
        kind = vr.split(" or ")[0]
        dataset.add(DataElement(tag, kind, [_some_names()] if kind == "SQ" else value_for(vr)))
    if deep:
        nested = Dataset()
        plant_everywhere(nested, deep=False)
        dataset.ReferencedStudySequence = [nested]


def _some_names() -> Dataset:
    item = Dataset()
    for keyword in NAMES:
        tag = tag_for_keyword(keyword)
        assert tag
        item.add_new(tag, DicomDictionary[tag][0], value_for(DicomDictionary[tag][0]))
    inner = Dataset()
    inner.PatientComments = token()
    item.RequestAttributesSequence = [inner]
    return item


def plant_specially(dataset: FileDataset) -> None:
    """Put canaries where no list of attributes looks: private, orphaned and unknown elements, preamble."""
    block = dataset.private_block(0x0011, f"{token()} CREATOR", create=True)
    block.add_new(0x01, "LO", token())
    block.add_new(0x02, "SQ", Sequence([_some_names()]))
    dataset.add_new(0x00131099, "LO", token())  # an orphan: no creator
    dataset.add_new(0x0018FFF1, "UN", token().encode().ljust(10))  # unknown to the standard
    for group in (*OVERLAYS, *CURVES):
        for element in (0x0022, 0x1500, 0x2500, 0x4000):
            dataset.add_new(group << 16 | element, "LO", token())
        dataset.add_new(group << 16 | 0x3000, "OW", token().encode().ljust(16))
    icon = Dataset()
    icon.Rows = icon.Columns = 4
    icon.PixelData = token().encode().ljust(16)
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = [icon]
    dataset.add_new(PADDING, "OB", token().encode().ljust(64))
    dataset.add_new(SIGNATURES, "SQ", Sequence([_some_names()]))
    dataset.preamble = token().encode().ljust(128)
    meta = dataset.file_meta
    meta.MediaStorageSOPInstanceUID = f"{ROOT}.2"
    meta.SourceApplicationEntityTitle = meta.SendingApplicationEntityTitle = token()
    meta.ImplementationVersionName = token()
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = f"{ROOT}.1", token().encode().ljust(16)


def comment(stream: bytes) -> bytes:
    """Return a JPEG with canaries in a comment and in an application's segment."""
    text = token().encode()
    size = struct.pack(">H", len(text) + 2)
    return stream[:2] + b"\xff\xfe" + size + text + b"\xff\xed" + size + text + stream[2:]


def set_raw(dataset: Dataset, keyword: str, vr: str, value: bytes) -> None:
    """Put bytes into an attribute that no writer would accept there."""
    tag = Tag(keyword)
    value += b" " * (len(value) % 2)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def find_canaries(*folders: Path) -> list[str]:
    """Return `file: canary` for each token in the names and bytes of what lies in the folders."""
    found = []
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        told = [str(path).encode()]
        if path.is_file():
            told += unpack(path.read_bytes())
        found += [f"{path.name}: {match.group()!r}" for data in told for match in NEEDLES.finditer(data)]
    return found


def unpack(data: bytes, depth: int = 3) -> Iterator[bytes]:
    """Yield the bytes and whatever they hide: compressed, in columns, in base64; three layers deep."""
    yield data
    if not depth:
        return
    for hidden in (*_decompress(data), *_read_tables(data), *_decode_base64(data)):
        yield from unpack(hidden, depth - 1)


def _decompress(data: bytes) -> Iterator[bytes]:
    for found in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", data):
        kind = zlib.MAX_WBITS + (16 if found.group()[0] == 0x1F else 0)
        try:
            yield zlib.decompressobj(kind).decompress(data[found.start() :], 1 << 22)
        except zlib.error:
            continue


def _read_tables(data: bytes) -> Iterator[bytes]:
    if data[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(data))
        yield repr(table.schema.metadata).encode()
        yield table.to_pandas().to_csv().encode()
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        with h5py.File(io.BytesIO(data)) as file:
            yield repr(dict(file.attrs)).encode()
            parts: list[bytes] = []
            file.visititems(lambda name, part: parts.append(_tell_part(name, part)))
            yield from parts


def _tell_part(name: str, part: object) -> bytes:
    text = f"{name} {dict(part.attrs)}".encode()  # type: ignore[attr-defined]
    return text + (part[()].tobytes() if isinstance(part, h5py.Dataset) else b"")


def _decode_base64(data: bytes) -> Iterator[bytes]:
    for match in BASE64.finditer(data):
        text = match.group().rstrip(b"=")
        for skipped in range(4):  # the text may begin within a word
            part = text[skipped:]
            part = part[:-1] if len(part) % 4 == 1 else part
            yield base64.b64decode(part + b"=" * (-len(part) % 4))
