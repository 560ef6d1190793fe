"""The ledger: every input file ends in exactly one bucket, with a code from this closed list."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PASSED = "passed"
USED = "used"


class Code(StrEnum):
    """Why a file was set aside: the value that tables and `flow.json` carry, in the order of the stages."""

    # scan
    NOT_DICOM = "not_dicom"
    NOT_A_VIDEO = "not_a_video"
    NOT_HDF5 = "not_hdf5"
    UNSAFE_MEMBER = "unsafe_member"
    ENCRYPTED_MEMBER = "encrypted_member"
    NESTED_ARCHIVE = "nested_archive"
    ARCHIVE_LIMIT = "archive_limit"
    UNREADABLE_ARCHIVE = "unreadable_archive"
    UNREADABLE_HEADER = "unreadable_header"
    MISSING_STUDY = "missing_study"
    NOT_AN_IMAGE = "not_an_image"
    SECONDARY_CAPTURE = "secondary_capture"
    OTHER_MODALITY = "other_modality"
    SINGLE_FRAME = "single_frame"
    NO_PIXEL_DATA = "no_pixel_data"
    UNSUPPORTED_SYNTAX = "unsupported_syntax"
    IMPLAUSIBLE_SIZE = "implausible_size"
    FRAME_MISMATCH = "frame_mismatch"
    DUPLICATE_PIXELS = "duplicate_pixels"
    WITHDRAWN = "withdrawn"
    # de-identification
    NO_REGION = "no_region"
    NOT_2D = "not_2d"
    COLOUR_DOPPLER = "colour_doppler"
    NO_FRAME_TIME = "no_frame_time"
    DECODE_FAILED = "decode_failed"
    MASK_FAILED = "mask_failed"
    RESIDUAL_TEXT = "residual_text"
    REJECTED_BY_REVIEWER = "rejected_by_reviewer"
    # views and clips
    OTHER_VIEW = "other_view"
    TOO_SHORT = "too_short"
    # conversion of MRI series
    NO_VIEW = "no_view"
    NOT_CINE = "not_cine"
    REPEATED = "repeated"
    # cohort
    NOT_IN_SHEET = "not_in_sheet"
    YEAR_OUTSIDE = "year_outside"
    LOW_FLOW_LOW_GRADIENT = "low_flow_low_gradient"
    NO_REPORT = "no_report"
    LEARNED_FROM = "learned_from"


MEANING: dict[Code, str] = {
    Code.NOT_DICOM: "not a DICOM file",
    Code.NOT_A_VIDEO: "not an AVI file",
    Code.NOT_HDF5: "not an HDF5 file of the schema",
    Code.UNSAFE_MEMBER: "link or device in an archive, or a name that leads out of it",
    Code.ENCRYPTED_MEMBER: "encrypted file in an archive",
    Code.NESTED_ARCHIVE: "archive in an archive",
    Code.ARCHIVE_LIMIT: "archive, or file in one, beyond the limits of size, growth or number",
    Code.UNREADABLE_ARCHIVE: "archive, or file in one, that cannot be read",
    Code.UNREADABLE_HEADER: "DICOM header cannot be read",
    Code.MISSING_STUDY: "no study or object identifier",
    Code.NOT_AN_IMAGE: "report, PDF or other object without an image",
    Code.SECONDARY_CAPTURE: "secondary capture (screen copies)",
    Code.OTHER_MODALITY: "image of another modality",
    Code.SINGLE_FRAME: "still image",
    Code.NO_PIXEL_DATA: "no or truncated pixel data",
    Code.UNSUPPORTED_SYNTAX: "compression that cannot be decoded here",
    Code.IMPLAUSIBLE_SIZE: "rows, columns or frames missing or implausible",
    Code.FRAME_MISMATCH: "fewer frames stored than announced",
    Code.DUPLICATE_PIXELS: "same pixels or object as another file",
    Code.WITHDRAWN: "patient withdrawn",
    Code.NO_REGION: "no ultrasound region: nothing can be masked safely",
    Code.NOT_2D: "Doppler or M-mode screen",
    Code.COLOUR_DOPPLER: "colour Doppler clip",
    Code.NO_FRAME_TIME: "frame rate missing",
    Code.DECODE_FAILED: "pixel data cannot be decoded",
    Code.MASK_FAILED: "image content not found, masking impossible",
    Code.RESIDUAL_TEXT: "text left after masking, waits for a review",
    Code.REJECTED_BY_REVIEWER: "rejected in the review",
    Code.OTHER_VIEW: "another view",
    Code.TOO_SHORT: "fewer frames than a clip",
    Code.NO_VIEW: "series of another or an uncertain view",
    Code.NOT_CINE: "slice of fewer frames than a cine",
    Code.REPEATED: "slice that was acquired again later",
    Code.NOT_IN_SHEET: "study not in the sheet",
    Code.YEAR_OUTSIDE: "study year outside the cohort",
    Code.LOW_FLOW_LOW_GRADIENT: "low-flow low-gradient aortic stenosis",
    Code.NO_REPORT: "pretraining study without a report",
    Code.LEARNED_FROM: "patient whom the tested models have learned from",
}


def count_codes(codes: pd.Series) -> dict[str, int]:
    """Count each code of a column, zero counts left out, in the order of the closed list."""
    counts = codes.value_counts()
    known = [PASSED, *Code, USED]
    unknown = sorted(set(counts.index) - set(known))
    if unknown:
        raise ValueError(f"codes outside the closed list: {unknown}")
    return {str(code): int(counts[code]) for code in known if code in counts}


def describe_stage(name: str, codes: pd.Series) -> dict[str, object]:
    """Return `{stage, input, passed, set_aside: {code: n}}` of one stage and check that nothing is lost."""
    counts = count_codes(codes)
    passed = counts.pop(PASSED, 0)
    if passed + sum(counts.values()) != len(codes):
        raise ValueError(f"{name}: {len(codes)} in, but {passed} passed and {counts} set aside")
    return {"stage": name, "input": len(codes), "passed": passed, "set_aside": counts}
