"""DICOM objects as scanners write them: headers full of the patient, pixels in several syntaxes."""

import io

import cv2
import numpy as np
import pydicom.uid as uids
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from rle import encode_pixel_data

from cineclr.demo.anatomy import Study
from cineclr.demo.identity import ISSUER, Identity
from cineclr.demo.screen import VENDORS, Region

JPEG_QUALITY = 80
IMPLEMENTATION = "1.2.826.0.1.3680043.10.1490.1"
# Name of a way to store pixels -> transfer syntax and photometric interpretation.
SYNTAXES: dict[str, tuple[uids.UID, str]] = {
    "jpeg": (uids.JPEGBaseline8Bit, "YBR_FULL_422"),
    "rle": (uids.RLELossless, "RGB"),
    "palette": (uids.ExplicitVRLittleEndian, "PALETTE COLOR"),
    "palette_rle": (uids.RLELossless, "PALETTE COLOR"),
    "grey": (uids.ImplicitVRLittleEndian, "MONOCHROME2"),
    "rgb": (uids.ExplicitVRLittleEndian, "RGB"),
}
PALETTE_GREYS = 248  # entries of the palette that are grey; the rest are the inks of the screen


def ultrasound_object(
    study: Study,
    vendor: int,
    object_uid: str,
    frames: np.ndarray,
    syntax: str,
    regions: list[Region],
    frame_time: float,
    heart_rate: int,
    cm_per_pixel: float,
) -> FileDataset:
    """Return an ultrasound image of `frames` (frames, rows, columns, 3); one frame makes a still."""
    sop_class = uids.UltrasoundMultiFrameImageStorage if len(frames) > 1 else uids.UltrasoundImageStorage
    dataset = new_object(study, vendor, object_uid, sop_class, SYNTAXES[syntax][0])
    dataset.Modality = "US"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TRANSTHORACIC", "0001"]
    dataset.HeartRate = heart_rate
    dataset.BurnedInAnnotation = "NO"  # which scanners say even when it is not so
    dataset.SequenceOfUltrasoundRegions = Sequence([_region_item(region, cm_per_pixel) for region in regions])
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
        dataset.FrameTime = f"{frame_time:.4f}"
        dataset.FrameIncrementPointer = 0x00181063
    store_pixels(dataset, frames, syntax)
    return dataset


def new_object(study: Study, vendor: int, object_uid: str, sop_class: str, syntax: str) -> FileDataset:
    """Return an object with identifiers and all that a hospital writes about the patient, without pixels."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uids.UID(sop_class)
    meta.MediaStorageSOPInstanceUID = uids.UID(object_uid)
    meta.TransferSyntaxUID = uids.UID(syntax)
    meta.ImplementationClassUID = uids.UID(IMPLEMENTATION)
    meta.SourceApplicationEntityTitle = study.identity.number
    preamble = f"exported for {study.identity.plain_name}".encode().ljust(128, b"\0")[:128]
    dataset = FileDataset("", {}, file_meta=meta, preamble=preamble)
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    dataset.StudyInstanceUID = study.uid
    dataset.SeriesInstanceUID = f"{study.uid}.1"
    dataset.Manufacturer, dataset.ManufacturerModelName = VENDORS[vendor][:2]
    dataset.InstanceNumber = 1
    _plant_patient(dataset, study)
    return dataset


def _plant_patient(dataset: Dataset, study: Study) -> None:
    """Write the patient into every place where archives have them."""
    who, date = study.identity, study.date
    day = f"{date:%Y%m%d}"
    dataset.PatientName, dataset.PatientID = who.dicom_name, who.number
    dataset.IssuerOfPatientID, dataset.OtherPatientIDs = ISSUER, f"NHS-{who.number}"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = (
        f"{who.birth:%Y%m%d}",
        who.sex,
        f"{study.age:03d}Y",
    )
    dataset.PatientAddress, dataset.PatientTelephoneNumbers = who.address, who.telephone
    dataset.PatientComments = f"{who.plain_name} born {who.birth.isoformat()}"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = day
    dataset.StudyTime = dataset.ContentTime = f"{8 + study.index % 10:02d}{study.index % 60:02d}17"
    dataset.AcquisitionDateTime = f"{day}{dataset.StudyTime}.123456"
    dataset.AccessionNumber, dataset.StudyID = study.accession, study.accession
    dataset.InstitutionName, dataset.InstitutionAddress = "Quillhaven Heart Hospital", "1 Cardioid Parade"
    dataset.ReferringPhysicianName = f"REFERRER^OF^{who.family.upper()}"
    dataset.OperatorsName = dataset.PerformingPhysicianName = "SONOGRAPHER^XANTHIPPE"
    dataset.StationName = f"ROOM{study.index:05d}"
    dataset.StudyDescription = f"TTE {who.dicom_name}"
    dataset.SeriesDescription = f"Echo of {date.isoformat()}"
    dataset.ImageComments = f"patient {who.plain_name}, {who.number}"
    dataset.DeviceSerialNumber = f"SN-{who.number}"
    dataset.ProtocolName = "Adult Echo"
    request = Dataset()
    request.RequestedProcedureID, request.RequestedProcedureDescription = (
        study.accession,
        f"Echo for {who.plain_name}",
    )
    request.ScheduledProcedureStepID = study.accession
    dataset.RequestAttributesSequence = Sequence([request])
    block = dataset.private_block(0x0009, "QUILLHAVEN ECHO 1.0", create=True)
    block.add_new(0x01, "LO", who.dicom_name)
    block.add_new(0x02, "LT", f"exam of {who.plain_name} on {date.isoformat()}")


def _region_item(region: Region, cm_per_pixel: float) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = region.format, region.type, 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = region.x0, region.y0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region.x1, region.y1
    item.PhysicalUnitsXDirection = 3 if region.format == 1 else 4
    item.PhysicalUnitsYDirection = 7 if region.format == 3 else 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = round(cm_per_pixel, 8)
    return item


def store_pixels(dataset: FileDataset, frames: np.ndarray, syntax: str) -> None:
    """Put `frames` (frames, rows, columns, 3) into the object in one of `SYNTAXES`."""
    transfer, photometric = SYNTAXES[syntax]
    colour = photometric in ("RGB", "YBR_FULL_422")
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3 if colour else 1, photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    if colour:
        dataset.PlanarConfiguration = 0
    samples = frames
    if photometric == "MONOCHROME2":
        samples = frames.max(axis=-1)
    elif photometric == "PALETTE COLOR":
        samples = _to_palette(dataset, frames)
    if transfer == uids.JPEGBaseline8Bit:
        dataset.PixelData = encapsulate([_to_jpeg(frame) for frame in frames])
        dataset.LossyImageCompression = "01"
    elif transfer == uids.RLELossless:
        dataset.PixelData = encapsulate(_to_rle(samples))
    else:
        dataset.PixelData = samples.tobytes() + b"\0" * (samples.size % 2)
    dataset["PixelData"].VR = "OB" if transfer.is_encapsulated else "OW"


def _to_jpeg(frame: np.ndarray) -> bytes:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    ]
    return cv2.imencode(".jpg", frame[..., ::-1], options)[1].tobytes()


def _to_rle(samples: np.ndarray) -> list[bytes]:
    """Encode (frames, rows, columns) or (frames, rows, columns, 3), a fragment per frame."""
    options = {
        "rows": samples.shape[1],
        "columns": samples.shape[2],
        "samples_per_pixel": 3 if samples.ndim == 4 else 1,
        "bits_allocated": 8,
    }
    return [encode_pixel_data(frame.tobytes(), **options) for frame in samples]


def _to_palette(dataset: Dataset, frames: np.ndarray) -> np.ndarray:
    """Return palette indices (frames, rows, columns) and write the palette: a grey ramp, then the inks."""
    grey = np.rint(frames.max(axis=-1) * ((PALETTE_GREYS - 1) / 255)).astype(np.uint8)
    coloured = frames.min(axis=-1) != frames.max(axis=-1)
    inks = np.unique(frames[coloured], axis=0)[: 256 - PALETTE_GREYS]
    for k, ink in enumerate(inks):
        grey[coloured & (frames == ink).all(axis=-1)] = PALETTE_GREYS + k
    table = np.zeros((256, 3), np.uint16)
    table[:PALETTE_GREYS] = np.linspace(0, 65535, PALETTE_GREYS).round().astype(np.uint16)[:, None]
    table[PALETTE_GREYS : PALETTE_GREYS + len(inks)] = inks.astype(np.uint16) * 257
    for k, name in enumerate(("Red", "Green", "Blue")):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{name}PaletteColorLookupTableData", table[:, k].astype("<u2").tobytes())
    return grey


def capture_object(study: Study, vendor: int, object_uid: str, page: np.ndarray) -> FileDataset:
    """Return the scanner's report page (1, rows, columns, 3) as a Secondary Capture."""
    dataset = new_object(
        study, vendor, object_uid, uids.SecondaryCaptureImageStorage, uids.ExplicitVRLittleEndian
    )
    dataset.Modality, dataset.ConversionType = "US", "WSD"
    store_pixels(dataset, page, "rgb")
    return dataset


def report_object(study: Study, vendor: int, object_uid: str) -> FileDataset:
    """Return a structured report, which has no image."""
    dataset = new_object(study, vendor, object_uid, uids.ComprehensiveSRStorage, uids.ExplicitVRLittleEndian)
    dataset.Modality, dataset.ValueType, dataset.CompletionFlag, dataset.VerificationFlag = (
        "SR",
        "CONTAINER",
        "COMPLETE",
        "UNVERIFIED",
    )
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.TextValue = f"{study.identity.plain_name}: LV mass index {study.mass_index:.0f} g/m2"
    dataset.ContentSequence = Sequence([text])
    return dataset


def media_directory(who: Identity, number: int) -> bytes:
    """Return a DICOMDIR, which names the patients of a disc and is no image."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uids.MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = uids.UID(f"{IMPLEMENTATION}.{number}")
    meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    meta.ImplementationClassUID = uids.UID(IMPLEMENTATION)
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.FileSetID = "ECHODISC"
    record = Dataset()
    record.DirectoryRecordType, record.PatientName, record.PatientID = "PATIENT", who.dicom_name, who.number
    dataset.DirectoryRecordSequence = Sequence([record])
    return to_bytes(dataset)


def to_bytes(dataset: FileDataset) -> bytes:
    """Return the file's bytes, preamble and file meta information included."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
