"""MRI objects as scanners write them: a file per frame, a file per slice, or one enhanced object."""

import io
from collections.abc import Iterator

import numpy as np
import pydicom.uid as uids
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence

from cineclr.demo.cmr.heart import Plane
from cineclr.demo.cmr.patients import CmrStudy
from cineclr.demo.cmr.series import Series
from cineclr.demo.identity import ISSUER, uid

MAKERS = {
    "siemens": ("SIEMENS", "Avanto"),
    "ge": ("GE MEDICAL SYSTEMS", "SIGNA EXCITE"),
    "philips": ("Philips Medical Systems", "Ingenia"),
}
BEAT = 900.0  # ms
SYNTAXES = (
    uids.ExplicitVRLittleEndian,
    uids.ExplicitVRLittleEndian,
    uids.ImplicitVRLittleEndian,
    uids.RLELossless,
    uids.DeflatedExplicitVRLittleEndian,
    uids.JPEGLSLossless,
    uids.JPEG2000Lossless,
)
SLOPE = 1.6  # of Philips' stored values
NO_LOCATION_EVERY = 3  # of so many studies one lacks SliceLocation


def write_series(
    study: CmrStudy, series: Series, slices: list[np.ndarray], seed: int, rng: np.random.Generator
) -> Iterator[tuple[str, int, bytes]]:
    """Yield object identifier, slice and bytes of each file; `slices` holds (T, H, W) of each plane."""
    base = _base(study, series, seed)
    base.file_meta.TransferSyntaxUID = syntax_of(study)
    if series.form == "enhanced":
        yield _finish(_enhanced(base, study, series, slices), study, series, seed, 0, np.concatenate(slices))
        return
    if series.form == "classic":
        for number, frames in enumerate(slices):
            _place(base, series.planes[number], frames.shape[-1], study)
            base.NumberOfFrames, base.FrameTime = len(frames), f"{BEAT / len(frames):.3f}"
            base.FrameIncrementPointer, base.InstanceNumber = 0x00181063, number + 1
            yield _finish(base, study, series, seed, number, frames)
        return
    count = sum(len(frames) for frames in slices)
    numbers = iter(rng.permutation(count) + 1 if study.index % 5 == 0 else np.arange(count) + 1)
    for number, frames in enumerate(slices):
        _place(base, series.planes[number], frames.shape[-1], study)
        base.CardiacNumberOfImages = len(frames)
        for index, frame in enumerate(frames):
            base.TriggerTime = f"{BEAT * index / len(frames):.2f}"
            base.InstanceNumber = int(next(numbers))
            yield _finish(base, study, series, seed, number, frame[None], index)


def syntax_of(study: CmrStudy) -> uids.UID:
    """Return how a study's pixels are stored."""
    return SYNTAXES[study.index % len(SYNTAXES)]


def _base(study: CmrStudy, series: Series, seed: int) -> FileDataset:
    """Return an object with identifiers and all that a hospital writes about the patient, without pixels."""
    enhanced = series.form == "enhanced"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uids.EnhancedMRImageStorage if enhanced else uids.MRImageStorage
    meta.MediaStorageSOPInstanceUID = uids.UID("1.2.3")
    meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    who = study.identity
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.Modality = meta.MediaStorageSOPClassUID, "MR"
    dataset.PatientName, dataset.PatientID, dataset.IssuerOfPatientID = who.dicom_name, who.number, ISSUER
    dataset.PatientBirthDate, dataset.PatientSex = f"{who.birth:%Y%m%d}", who.sex
    dataset.PatientAddress, dataset.PatientTelephoneNumbers = who.address, who.telephone
    dataset.StudyInstanceUID, dataset.AccessionNumber = study.uid, study.accession
    dataset.StudyDate = dataset.SeriesDate = f"{study.date:%Y%m%d}"
    dataset.StudyTime = "081500"
    dataset.AcquisitionTime = f"08{15 + series.number:02d}30"
    dataset.InstitutionName, dataset.OperatorsName = "Quillhaven Heart Hospital", "SONOGRAPHER^XANTHIPPE"
    dataset.ReferringPhysicianName, dataset.ImageComments = who.dicom_name, f"seen with {who.plain_name}"
    dataset.Manufacturer, dataset.ManufacturerModelName = MAKERS[study.vendor]
    dataset.SeriesInstanceUID, dataset.SeriesNumber = _series_uid(study, series, seed), series.number
    dataset.SeriesDescription = series.name
    dataset.ImageType = ["ORIGINAL", "PRIMARY", *({"ge": ["OTHER"]}.get(study.vendor, ["M"]))]
    dataset.NominalInterval, dataset.HeartRate = round(BEAT), round(60_000 / BEAT)
    return dataset


def _series_uid(study: CmrStudy, series: Series, seed: int) -> str:
    return uid(seed, "cmr series", study.index, series.number)


def _orientation(plane: Plane) -> list[str]:
    return [f"{value:.6f}" for value in (*plane.row, *plane.column)]


def _corner(plane: Plane, size: int) -> list[str]:
    """Return the centre of the first pixel, as ImagePositionPatient has it."""
    half = plane.field * (size - 1) / size / 2
    return [f"{value:.4f}" for value in plane.centre - half * plane.row - half * plane.column]


def _place(dataset: FileDataset, plane: Plane, size: int, study: CmrStudy) -> None:
    dataset.ImageOrientationPatient = _orientation(plane)
    dataset.ImagePositionPatient = _corner(plane, size)
    dataset.PixelSpacing = [f"{plane.field / size:.5f}"] * 2
    dataset.SliceThickness = "8"
    if study.index % NO_LOCATION_EVERY:
        normal = np.cross(plane.row, plane.column)
        dataset.SliceLocation = f"{float(normal @ plane.centre):.4f}"


def _enhanced(dataset: FileDataset, study: CmrStudy, series: Series, slices: list[np.ndarray]) -> FileDataset:
    """Give the object its functional groups: of each frame place, time and spacing; of all, the rescaling."""
    groups = []
    for plane, frames in zip(series.planes, slices, strict=True):
        for index in range(len(frames)):
            groups.append(_group(plane, frames.shape[-1], BEAT * index / len(frames)))
    shared, transformed = Dataset(), Dataset()
    transformed.RescaleSlope, transformed.RescaleIntercept = f"{_slope(study):g}", "0"
    shared.PixelValueTransformationSequence = Sequence([transformed])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.NumberOfFrames = len(groups)
    dataset.InstanceNumber = 1
    return dataset


def _group(plane: Plane, size: int, time: float) -> Dataset:
    oriented, placed, measured, timed, group = (Dataset() for _ in range(5))
    oriented.ImageOrientationPatient = _orientation(plane)
    placed.ImagePositionPatient = _corner(plane, size)
    measured.PixelSpacing = [f"{plane.field / size:.5f}"] * 2
    timed.NominalCardiacTriggerDelayTime = time
    group.PlaneOrientationSequence = Sequence([oriented])
    group.PlanePositionSequence = Sequence([placed])
    group.PixelMeasuresSequence = Sequence([measured])
    group.CardiacSynchronizationSequence = Sequence([timed])
    return group


def _slope(study: CmrStudy) -> float:
    return SLOPE if study.vendor == "philips" else 1.0


def _finish(
    dataset: FileDataset,
    study: CmrStudy,
    series: Series,
    seed: int,
    number: int,
    frames: np.ndarray,
    index: int = 0,
) -> tuple[str, int, bytes]:
    """Store the pixels (n, H, W) and return identifier, slice and bytes of the file."""
    object_uid = uid(seed, "cmr object", study.index, series.number, number, index)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uids.UID(object_uid)
    stored = np.clip(frames * (4 / _slope(study)), 0, 4095).astype("<u2")
    dataset.Rows, dataset.Columns = stored.shape[1:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    if series.form != "enhanced":
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{_slope(study):g}", "0"
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    dataset.PixelData = stored.tobytes()
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return object_uid, number, buffer.getvalue()
