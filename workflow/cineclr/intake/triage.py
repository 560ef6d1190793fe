"""Triage: is a file a clip that can be de-identified, and if not, why? Reads from disk, decodes nothing."""

import errno
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import FileDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    RLELossless,
)

from cineclr.intake.headers import (
    HEADER_KEYWORDS,
    IDENTITY_KEYWORDS,
    Header,
    Identity,
    read_header,
    read_identity,
    text_of,
)
from cineclr.intake.pixeldata import PixelData, read_pixel_data, read_siz, read_sof
from cineclr.intake.syntaxes import VIDEO, match_syntax
from cineclr.ledger import PASSED, Code

STORAGE = "1.2.840.10008.5.1.4.1.1"
DICOMDIR = "1.2.840.10008.1.3.10"
STILLS = {f"{STORAGE}.6.1", f"{STORAGE}.6"}  # the current and the retired ultrasound still
CINES = {f"{STORAGE}.3.1", f"{STORAGE}.3"}
SECONDARY = {f"{STORAGE}.7", *(f"{STORAGE}.7.{kind}" for kind in range(1, 5))}
# Waveforms, presentation states, raw data, reports, encapsulated documents.
WITHOUT_IMAGE = tuple(f"{STORAGE}.{part}" for part in ("9.", "11.", "66", "88.", "104."))

NATIVE = {
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
}
LARGEST_INFLATED = 2**31  # bytes: a deflated file that grows beyond this is no echo clip
# Not the file's fault: a disk that fails, a right that is missing.
UNREADABLE = (errno.EIO, errno.ESTALE, errno.EREMOTEIO, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Finding:
    """What triage found in a file; header and pixels only as far as they could be read."""

    code: str
    identity: Identity | None = None
    syntax: str = ""
    header: Header | None = None
    pixel_sha256: str = ""


def examine(path: Path, by_accession: bool) -> Finding:
    """Return what a file is and whether it goes on; whatever is wrong with its content becomes a code.

    `by_accession`: the sheet links by accession number, so a file without one cannot be used.
    Raises OSError when the disk fails or reading is not allowed, since that says nothing about the file.
    """
    return open_quietly(path, lambda file: _examine(file, by_accession))


def open_quietly(path: Path, examine_file: Callable[[BinaryIO], Finding]) -> Finding:
    """Examine an opened file; an error of its content becomes a code, and nothing quotes a header value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote header values
        try:
            with path.open("rb") as file:
                return examine_file(file)
        except OSError as error:
            if error.errno in UNREADABLE:
                raise
            return Finding(Code.UNREADABLE_HEADER)


def _examine(file: BinaryIO, by_accession: bool) -> Finding:
    dataset = read_dataset(file, (*IDENTITY_KEYWORDS, *HEADER_KEYWORDS))
    if isinstance(dataset, Code):
        return Finding(dataset)
    sop_class = text_of(dataset, "SOPClassUID")
    meta = dataset.file_meta
    if DICOMDIR in (sop_class, text_of(meta, "MediaStorageSOPClassUID")):
        return Finding(Code.NOT_AN_IMAGE)
    identity, header = read_identity(dataset), read_header(dataset)
    syntax = match_syntax(text_of(meta, "TransferSyntaxUID") or str(ImplicitVRLittleEndian))
    code = _check_kind(sop_class, identity, header, by_accession, "Rows" in dataset)
    if code != PASSED:
        return Finding(code, identity, syntax, header)
    if "NumberOfFrames" not in dataset and sop_class in STILLS:
        return Finding(Code.SINGLE_FRAME, identity, syntax, header)
    pixels = find_pixels(file, dataset, syntax)
    code = check_pixels(pixels, header, syntax)
    return Finding(code, identity, syntax, header, pixels.sha256 if pixels else "")


def read_dataset(file: BinaryIO, keywords: tuple[str, ...]) -> FileDataset | Code:
    """Return these attributes of a file, or why it has none; the position is then that of its pixel data."""
    head = file.read(132)
    file.seek(0)
    has_magic = head[128:] == b"DICM"
    if has_magic and not _inflates(file):
        return Code.IMPLAUSIBLE_SIZE
    file.seek(0)
    try:
        wanted = list(keywords)
        dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=wanted, force=not has_magic)
    except OSError as error:
        if error.errno is not None:
            raise
        return Code.UNREADABLE_HEADER if has_magic else Code.NOT_DICOM
    except Exception:  # hostile bytes may raise anything in a parser
        return Code.UNREADABLE_HEADER if has_magic else Code.NOT_DICOM
    if not has_magic and not text_of(dataset, "SOPClassUID").startswith("1.2.840.10008."):
        return Code.NOT_DICOM
    if has_magic and not len(dataset) and not len(dataset.file_meta):
        return Code.UNREADABLE_HEADER
    return dataset


def _inflates(file: BinaryIO) -> bool:
    """Return whether a file, if it is deflated, grows to a size that memory can hold."""
    try:
        meta = pydicom.filereader.read_file_meta_info(file)  # type: ignore[arg-type]
        if text_of(meta, "TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return True
    except Exception:  # the header is read again, and judged, by the caller
        return True
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while (block := stream.unconsumed_tail or file.read(1 << 20)) and size <= LARGEST_INFLATED:
        try:
            size += len(stream.decompress(block, 1 << 24))
        except zlib.error:
            break
    return size <= LARGEST_INFLATED


def _check_kind(
    sop_class: str, identity: Identity, header: Header, by_accession: bool, has_rows: bool
) -> str:
    """Judge a file by what it says it is."""
    if not identity.study or not identity.video or (by_accession and not identity.accession):
        return Code.MISSING_STUDY
    if sop_class in SECONDARY:
        return Code.SECONDARY_CAPTURE
    if sop_class.startswith(WITHOUT_IMAGE) or (sop_class not in STILLS | CINES and not has_rows):
        return Code.NOT_AN_IMAGE
    if sop_class not in STILLS | CINES:
        return Code.OTHER_MODALITY
    return Code.SINGLE_FRAME if header.frames == 1 else PASSED


def find_pixels(file: BinaryIO, dataset: FileDataset, syntax: str) -> PixelData | None:
    """Return what lies on disk of the pixel data of `dataset`, after which `file` stands."""
    if syntax == DeflatedExplicitVRLittleEndian:
        file.seek(0)
        try:
            whole = pydicom.dcmread(file)
            native = whole.PixelData
        except Exception:  # damaged deflate stream, or no pixel data
            return None
        element = b"\xe0\x7f\x10\x00" + len(native).to_bytes(4, "little") + native
        return read_pixel_data(BytesIO(element), implicit=True, little=True)
    implicit, little = dataset.original_encoding
    return read_pixel_data(file, implicit=bool(implicit), little=bool(little))


def check_pixels(pixels: PixelData | None, header: Header, syntax: str) -> str:
    """Compare what the header announces with what lies on disk."""
    if pixels is None:
        return Code.NO_PIXEL_DATA
    if not _is_decodable(syntax, header) or pixels.encapsulated == (syntax in NATIVE):
        return Code.UNSUPPORTED_SYNTAX
    if header.frames is None or header.rows is None or header.columns is None or header.samples is None:
        return Code.IMPLAUSIBLE_SIZE
    if header.samples not in (1, 3):
        return Code.IMPLAUSIBLE_SIZE
    if not pixels.encapsulated:
        samples = 2 if header.photometric == "YBR_FULL_422" else header.samples
        need = header.frames * header.rows * header.columns * samples * ((header.bits or 0) // 8)
        return PASSED if pixels.length >= need else Code.NO_PIXEL_DATA
    return _check_frames(pixels, header, syntax)


def _is_decodable(syntax: str, header: Header) -> bool:
    """Return whether the frames can be decoded here: pydicom is asked, which knows the plugins installed.

    Video streams go to FFmpeg, which is always there.
    """
    if header.bits not in (8, 16) or header.photometric is None:
        return False
    if syntax in NATIVE or syntax in VIDEO:
        return True
    try:
        return pydicom.pixels.get_decoder(UID(syntax)).is_available
    except NotImplementedError:
        return False


def _check_frames(pixels: PixelData, header: Header, syntax: str) -> str:
    """Count compressed frames and compare the first one's own header.

    The frames of a video stream can only be counted by decoding it.
    """
    if syntax in VIDEO:
        return PASSED
    frames = pixels.fragments if syntax == RLELossless else pixels.starts
    if frames != header.frames:
        return Code.FRAME_MISMATCH
    if syntax == RLELossless:
        return PASSED
    own = read_siz(pixels.head) if syntax in JPEG2000TransferSyntaxes else read_sof(pixels.head)
    said = (header.rows, header.columns, header.samples)
    if own is None or (own.rows, own.columns, own.components) != said:
        return Code.FRAME_MISMATCH
    return PASSED
