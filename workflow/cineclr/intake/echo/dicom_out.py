"""DICOM out: each clip that passed, for those who must hand it on as DICOM.

A new Ultrasound Multi-frame Image (PS3.3 A.7) made of the masked frames and the allow-listed values of the
manifest: no header is copied, so that what is not written here does not exist. Frames are the JPEG streams of
the AVI, byte for byte. Identifiers are pseudonyms and UIDs drawn from them under the key; a type 2 attribute
about which nothing may be said is empty.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.tag import Tag
from pydicom.uid import UID, JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage
from pydicom.valuerep import DSfloat

from cineclr import __version__
from cineclr.errors import InputError
from cineclr.files import frame_of, write_parquet
from cineclr.intake.echo.mask import TISSUE_2D
from cineclr.intake.headers import CENTIMETRES
from cineclr.intake.pixeldata import read_sof
from cineclr.intake.scanners import OTHER
from cineclr.ledger import PASSED
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.progress import track
from cineclr.publishing import publish, sha256_file
from cineclr.video.avi import Video

log = logging.getLogger(__name__)

COLUMNS = {
    **{"file": "str", "study": "str", "patient": "str", "video": "str", "path": "str", "frames": "int64"},
    **{"object_uid": "str", "sha256": "str"},
}
JPEG_START = b"\xff\xd8"
TISSUE = 1  # RegionDataType (PS3.3 C.8.5.5)
# PS3.16 CID 7050: what was done to the object, of the profile's options (PS3.15 E).
BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")
CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
KEEP_CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")  # the age
# Without a value: type 2 of the Patient, General Study, General Series and General Image modules.
EMPTY = (
    *("PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName", "PatientOrientation"),
)


def write_dicom(private: Path, manifest: Path, videos: Path, gated: bool, dicom: Path, output: Path) -> None:
    """Write the clips of a study shard that passed as <dicom>/<study>/<video>.dcm, and a table of them.

    `gated`: the residual-text gate has looked at every clip. Only then do the objects say that nothing is
    burned in.
    """
    names = Pseudonymizer(PrivateSide(private).key())
    table = pd.read_parquet(manifest)
    table = table[table["code"] == PASSED].sort_values(["study", "video"], ignore_index=True)
    table["number"] = table.groupby("study").cumcount() + 1
    items: Any = table.astype(object).where(table.notna(), None).to_dict("records")
    rows: list[dict[str, object]] = []
    with publish(dicom) as folder:
        folder.mkdir()
        for item in track(items, "write DICOM", len(items)):
            path = f"{item['study']}/{item['video']}.dcm"
            streams = _read_streams(videos / item["path"], item)
            dataset = make_object(item, streams, names, gated)
            _save(dataset, streams, folder / path)
            told = {"path": path, "object_uid": str(dataset.SOPInstanceUID)}
            rows.append({**item, **told, "sha256": sha256_file(folder / path)})
    write_parquet(frame_of(rows, COLUMNS), output, key_fingerprint=names.fingerprint())
    log.info("%d DICOM objects of %d studies", len(rows), table["study"].nunique())


def _read_streams(avi: Path, item: dict[str, Any]) -> list[bytes]:
    """Return the JPEG stream of each frame; raise InputError where the video is not as the manifest says."""
    streams = list(Video(avi).streams())
    if not all(stream.startswith(JPEG_START) for stream in streams):
        raise InputError("DICOM out takes motion JPEG videos: set echo.deidentify.codec to mjpg")
    if len(streams) != item["frames"] or sha256_file(avi) != item["sha256"]:
        raise InputError(
            f"{item['video']}: the video is not the one of its manifest; de-identify its shard again"
        )
    return streams


def make_object(item: dict[str, Any], streams: list[bytes], names: Pseudonymizer, gated: bool) -> FileDataset:
    """Return a clip as a DICOM object: `item` is its row of the manifest, `streams` a JPEG per frame."""
    # Masked anew with other settings it is another object, which may not carry the first one's UID (PS3.5 9).
    dataset = _begin(names.uid("video", item["video"] + item["sha256"]))
    for keyword in EMPTY:
        setattr(dataset, keyword, None)
    dataset.PatientID = item["patient"] or item["study"]  # of an unknown patient each study stands for itself
    if item["age"] is not None:
        dataset.PatientAge = f"{item['age']:03d}Y"
    dataset.StudyInstanceUID = names.uid("study", item["study"])
    dataset.SeriesInstanceUID = names.uid("series", item["study"])
    dataset.StudyID = item["study"][:16]  # as long as it may be
    dataset.Modality, dataset.BodyPartExamined = "US", "HEART"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, item["number"]
    dataset.Manufacturer = "" if item["vendor"] == OTHER else item["vendor"]
    if item["model"] != OTHER:
        dataset.ManufacturerModelName = item["model"]
    _describe_deidentification(dataset, item["age"] is not None, gated)
    _describe_cine(dataset, item)
    _describe_region(dataset, item)
    _add_pixels(dataset, item, streams)
    return dataset


def _begin(uid: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UltrasoundMultiFrameImageStorage, UID(uid)
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundMultiFrameImageStorage, uid
    return dataset


def _describe_deidentification(dataset: Dataset, with_age: bool, gated: bool) -> None:
    """Say what was done, and no more than was: only the gate's look at the pixels makes them called clean."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [f"CineCLR {__version__}", "new object of listed values", "sector mask"]
    done = [BASIC_PROFILE, *([CLEAN_PIXELS] if gated else []), *([KEEP_CHARACTERISTICS] if with_age else [])]
    dataset.DeidentificationMethodCodeSequence = [_code(*one) for one in done]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    if gated:
        dataset.BurnedInAnnotation = "NO"


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def _describe_cine(dataset: Dataset, item: dict[str, Any]) -> None:
    dataset.ImageType = [
        "DERIVED",
        "PRIMARY",
    ]  # the further values say how the heart was looked at: not known
    dataset.NumberOfFrames = item["frames"]
    dataset.FrameTime = DSfloat(1000 / item["fps"], auto_format=True)
    dataset.FrameIncrementPointer = Tag("FrameTime")
    if item["heart_rate"] is not None:
        dataset.HeartRate = item["heart_rate"]


def _describe_region(dataset: Dataset, item: dict[str, Any]) -> None:
    """Add the region, which is now the whole frame; left out where its scale is not known."""
    if item["row_mm"] is None or item["column_mm"] is None:
        return
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = TISSUE_2D, TISSUE, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = item["columns"] - 1, item["rows"] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = CENTIMETRES
    region.PhysicalDeltaX, region.PhysicalDeltaY = item["column_mm"] / 10, item["row_mm"] / 10
    dataset.SequenceOfUltrasoundRegions = [region]


def _add_pixels(dataset: Dataset, item: dict[str, Any], streams: list[bytes]) -> None:
    """Add the frames, each a JPEG of its own; sizes and components are those that the streams announce."""
    announced = read_sof(streams[0])
    if announced is None or (announced.rows, announced.columns) != (item["rows"], item["columns"]):
        raise InputError(
            f"{item['video']}: frames are not of the manifest's size; de-identify its shard again"
        )
    grey = announced.components == 1
    dataset.Rows, dataset.Columns = announced.rows, announced.columns
    dataset.SamplesPerPixel = announced.components
    dataset.PhotometricInterpretation = "MONOCHROME2" if grey else "YBR_FULL_422"
    if not grey:
        dataset.PlanarConfiguration = 0
    dataset.UltrasoundColorDataPresent = int(not grey)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    native = np.prod(
        [item["frames"], announced.rows, announced.columns, announced.components], dtype=np.int64
    )
    dataset.LossyImageCompression, dataset.LossyImageCompressionMethod = "01", "ISO_10918_1"
    dataset.LossyImageCompressionRatio = DSfloat(round(native / sum(map(len, streams)), 3), auto_format=True)
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].is_undefined_length = True


def _save(dataset: FileDataset, streams: list[bytes], path: Path) -> None:
    """Write an object and read it back; raise OSError unless every stream is there."""
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    written = generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=len(streams))
    if list(written) != [stream + b"\0" * (len(stream) % 2) for stream in streams]:
        raise OSError(f"{path.name}: not all frames reached the disk")
