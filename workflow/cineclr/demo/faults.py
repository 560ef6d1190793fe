"""What goes wrong in an archive: damaged, lying, foreign and useless files, each with its expected bucket."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, CTImageStorage, JPEGBaseline8Bit, XRayAngiographicImageStorage

from cineclr.demo.dicom import media_directory
from cineclr.demo.identity import Identity
from cineclr.ledger import Code

JPEG_XL_LOSSLESS = b"1.2.840.10008.1.2.4.110"
GROUP_LENGTH = 140  # where a file says how long its meta information is


@dataclass(frozen=True)
class Fault:
    """One kind of fault: the bucket it ends in, how often it occurs per study, and how it is made.

    `header` changes the object before it is written, `data` the bytes after that, `foreign` makes a file that
    is no object at all; a fault with none of them is drawn so.
    """

    code: Code
    words: str
    rate: float
    header: Callable[[Dataset], None] | None = None
    data: Callable[[bytes, np.random.Generator], bytes] | None = None
    foreign: Callable[[Identity, np.random.Generator], bytes] | None = None
    syntax: str = "jpeg"
    file_name: str = ""


def _drop_regions(dataset: Dataset) -> None:
    del dataset.SequenceOfUltrasoundRegions


def _drop_frame_time(dataset: Dataset) -> None:
    del dataset.FrameTime
    del dataset.FrameIncrementPointer


def _drop_study(dataset: Dataset) -> None:
    del dataset.StudyInstanceUID


def _announce_more(dataset: Dataset) -> None:
    dataset.NumberOfFrames = int(dataset.NumberOfFrames) + 3


def _announce_millions(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 10_000_000


def _announce_no_rows(dataset: Dataset) -> None:
    dataset.Rows = 0


def _become_angiogram(dataset: Dataset) -> None:
    _become(dataset, XRayAngiographicImageStorage, "XA")


def _become_tomogram(dataset: Dataset) -> None:
    _become(dataset, CTImageStorage, "CT")


def _become(dataset: Dataset, sop_class: UID, modality: str) -> None:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.Modality = modality
    del dataset.SequenceOfUltrasoundRegions


def _claim_jpeg_xl(data: bytes, _: np.random.Generator) -> bytes:
    """Put another transfer syntax into the file meta information, which pydicom itself refuses to write."""
    old, new = str(JPEGBaseline8Bit).encode(), JPEG_XL_LOSSLESS + b"\0"
    before = b"\x02\x00\x10\x00UI" + len(old).to_bytes(2, "little") + old
    after = b"\x02\x00\x10\x00UI" + len(new).to_bytes(2, "little") + new
    group = int.from_bytes(data[GROUP_LENGTH : GROUP_LENGTH + 4], "little") + len(new) - len(old)
    data = data[:GROUP_LENGTH] + group.to_bytes(4, "little") + data[GROUP_LENGTH + 4 :]
    return data.replace(before, after, 1)


def _data_set_start(data: bytes) -> int:
    return GROUP_LENGTH + 4 + int.from_bytes(data[GROUP_LENGTH : GROUP_LENGTH + 4], "little")


def _cut_header(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut before the study's identifier, as when a copy stops at once; what is left still parses."""
    return data[: _data_set_start(data) + int(rng.integers(40, 300))]


def _scramble_header(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite the first value type and the start of the data set with noise; the DICM mark stays.

    The first element then claims an odd number of bytes for its 32-bit numbers, which no reader can parse.
    """
    start = _data_set_start(data)
    noise = bytes(rng.integers(128, 256, 402, dtype=np.uint8) | 1)
    return data[:136] + noise[:2] + data[138:start] + noise[2:] + data[start + 400 :] + noise[:1]


def _cut_pixels(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(len(data) * rng.uniform(0.5, 0.9))]


def _noise(_: Identity, rng: np.random.Generator) -> bytes:
    return bytes(rng.integers(0, 256, 20_000, dtype=np.uint8))


def _note(who: Identity, rng: np.random.Generator) -> bytes:
    return (
        f"Call {who.plain_name} ({who.number}) at {who.telephone} about slot {rng.integers(99)}.\n".encode()
    )


def _photograph(_: Identity, rng: np.random.Generator) -> bytes:
    picture = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.resize(picture, (160, 120)))[1].tobytes()


def _letter(who: Identity, rng: np.random.Generator) -> bytes:
    text = f"Letter {rng.integers(1000)} about {who.dicom_name}, born {who.birth.isoformat()}"
    body = f"1 0 obj\n<< /Type /Catalog /Title ({text}) >>\nendobj\ntrailer << /Root 1 0 R >>"
    return f"%PDF-1.4\n{body}\n%%EOF\n".encode()


def _archive(who: Identity, rng: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo(f"{who.number}.txt", date_time=(2018, 1, 1, 0, 0, 0))
        archive.writestr(member, f"export {rng.integers(10**6)} of {who.dicom_name}")
    return buffer.getvalue()


def _media_directory(who: Identity, rng: np.random.Generator) -> bytes:
    return media_directory(who, int(rng.integers(2**31)))


FAULTS: dict[str, Fault] = {
    "corrupt_header": Fault(Code.UNREADABLE_HEADER, "noise over the header", 0.06, data=_scramble_header),
    "truncated_header": Fault(Code.MISSING_STUDY, "cut inside its header", 0.05, data=_cut_header),
    "truncated_pixels": Fault(Code.NO_PIXEL_DATA, "cut inside the pixel data", 0.08, data=_cut_pixels),
    "more_announced": Fault(Code.FRAME_MISMATCH, "more frames announced", 0.08, header=_announce_more),
    "millions": Fault(Code.IMPLAUSIBLE_SIZE, "ten million frames announced", 0.04, header=_announce_millions),
    "no_rows": Fault(Code.IMPLAUSIBLE_SIZE, "zero rows announced", 0.03, header=_announce_no_rows),
    "no_region": Fault(Code.NO_REGION, "no ultrasound regions", 0.08, header=_drop_regions),
    "no_frame_time": Fault(Code.NO_FRAME_TIME, "no frame time", 0.08, header=_drop_frame_time),
    "no_study": Fault(Code.MISSING_STUDY, "no study identifier", 0.05, header=_drop_study),
    "angiogram": Fault(Code.OTHER_MODALITY, "X-ray angiogram", 0.04, header=_become_angiogram, syntax="grey"),
    "tomogram": Fault(Code.OTHER_MODALITY, "computed tomogram", 0.04, header=_become_tomogram, syntax="grey"),
    "jpeg_xl": Fault(Code.UNSUPPORTED_SYNTAX, "JPEG XL", 0.04, data=_claim_jpeg_xl),
    "black": Fault(Code.MASK_FAILED, "no image in the region", 0.06, syntax="palette_rle"),
    "labelled": Fault(Code.RESIDUAL_TEXT, "the patient's number typed over the image", 0.04),
    "short": Fault(Code.TOO_SHORT, "four or five frames", 0.08),
    "noise": Fault(Code.NOT_DICOM, "random bytes", 0.03, foreign=_noise, file_name="IM_{number:04d}.dcm"),
    "note": Fault(Code.NOT_DICOM, "text file", 0.03, foreign=_note, file_name="{name}_{number}.txt"),
    "photograph": Fault(Code.NOT_DICOM, "JPEG picture", 0.03, foreign=_photograph, file_name="{number}.jpg"),
    "letter": Fault(Code.NOT_DICOM, "PDF file", 0.03, foreign=_letter, file_name="{name}_{number}.pdf"),
    "archive": Fault(Code.NOT_DICOM, "zip archive", 0.03, foreign=_archive, file_name="export_{number}.zip"),
    "media_directory": Fault(
        Code.NOT_AN_IMAGE, "DICOMDIR of a disc", 0.04, foreign=_media_directory, file_name="DICOMDIR"
    ),
}  # fmt: skip
