"""Triage of MRI files: is a file an image that a cine series may hold, and if not, why?"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.uid import ImplicitVRLittleEndian

from cineclr.intake.cmr.headers import GEOMETRY_KEYWORDS, Geometry, read_description, read_geometry
from cineclr.intake.headers import (
    HEADER_KEYWORDS,
    IDENTITY_KEYWORDS,
    Identity,
    read_header,
    read_identity,
    text_of,
)
from cineclr.intake.syntaxes import match_syntax
from cineclr.intake.triage import (
    CINES,
    DICOMDIR,
    SECONDARY,
    STILLS,
    STORAGE,
    WITHOUT_IMAGE,
    Finding,
    check_pixels,
    find_pixels,
    open_quietly,
    read_dataset,
)
from cineclr.ledger import PASSED, Code

# MR Image, Enhanced MR Image, Legacy Converted Enhanced MR Image.
MAGNETIC = {f"{STORAGE}.4", f"{STORAGE}.4.1", f"{STORAGE}.4.4"}


@dataclass(frozen=True)
class CmrFinding(Finding):
    """What triage found in an MRI file; `series` and `description` are private."""

    series: str = ""
    description: str = ""
    geometry: Geometry | None = None


def examine_cmr(path: Path, by_accession: bool) -> CmrFinding:
    """Return what a file is and whether it goes on; whatever is wrong with its content becomes a code.

    Raises OSError when the disk fails or reading is not allowed, since that says nothing about the file.
    """
    found = open_quietly(path, lambda file: _examine(file, by_accession))
    return found if isinstance(found, CmrFinding) else CmrFinding(**vars(found))


def _examine(file: BinaryIO, by_accession: bool) -> Finding:
    dataset = read_dataset(file, (*IDENTITY_KEYWORDS, *HEADER_KEYWORDS, *GEOMETRY_KEYWORDS))
    if isinstance(dataset, Code):
        return Finding(dataset)
    sop_class = text_of(dataset, "SOPClassUID")
    if DICOMDIR in (sop_class, text_of(dataset.file_meta, "MediaStorageSOPClassUID")):
        return Finding(Code.NOT_AN_IMAGE)
    identity, header = read_identity(dataset), read_header(dataset)
    if "NumberOfFrames" not in dataset:
        header = dataclasses.replace(header, frames=1)
    syntax = match_syntax(text_of(dataset.file_meta, "TransferSyntaxUID") or str(ImplicitVRLittleEndian))
    series = text_of(dataset, "SeriesInstanceUID")
    code = _check_kind(sop_class, identity, series, by_accession, "Rows" in dataset)
    if code != PASSED:
        return Finding(code, identity, syntax, header)
    pixels = find_pixels(file, dataset, syntax)
    code = check_pixels(pixels, header, syntax)
    digest = pixels.sha256 if pixels else ""
    if code != PASSED:
        return Finding(code, identity, syntax, header, digest)
    geometry = read_geometry(dataset, header.frames or 1)
    return CmrFinding(code, identity, syntax, header, digest, series, read_description(dataset), geometry)


def _check_kind(sop_class: str, identity: Identity, series: str, by_accession: bool, has_rows: bool) -> str:
    """Judge a file by what it says it is."""
    if not identity.study or not identity.video or not series or (by_accession and not identity.accession):
        return Code.MISSING_STUDY
    if sop_class in SECONDARY:
        return Code.SECONDARY_CAPTURE
    if sop_class in MAGNETIC and has_rows:
        return PASSED
    if sop_class.startswith(WITHOUT_IMAGE) or (sop_class not in STILLS | CINES and not has_rows):
        return Code.NOT_AN_IMAGE
    return Code.OTHER_MODALITY
