"""MRI files as scanners write them, small, and one run of the MRI intake on a folder of them.

Each frame tells its slice and its phase by the grey of two squares, and holds 0 and 255: what is stored is
then what was written, grey for grey.
"""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from cineclr.config.cmr import SeriesViews, Studies
from cineclr.files import read_parquet
from cineclr.intake.cmr import convert
from cineclr.intake.cmr.index import index_cmr
from cineclr.intake.cmr.scan import scan_cmr
from cineclr.intake.cmr.slices import TO_APEX
from cineclr.intake.files.listing import list_files
from cineclr.ledger import PASSED
from cineclr.video.hdf5 import validate_hdf5
from cineclr.views.series import map_series

STUDY = "1.2.826.0.1.3680043.8.498.1"
SIZE, PHASES, STEP, GAP = 32, 10, 40.0, 10.0
ROW = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
SAX = (ROW, np.cross(TO_APEX, ROW))  # its normal is TO_APEX
LAX = (TO_APEX, ROW)
CORNER = np.array([-100.0, -80.0, 40.0])


@dataclass(frozen=True)
class Cine:
    """A series: its name, number and planes; `start` is where its first slice lies, mm along the normal."""

    name: str = "SAX cine"
    number: int = 1
    slices: int = 3
    phases: int = PHASES
    plane: tuple[np.ndarray, np.ndarray] = SAX
    start: float = 0.0
    gap: float = GAP
    size: int = SIZE
    uid: str = field(default_factory=generate_uid)

    def files(self) -> Iterator[tuple[int, int, FileDataset]]:
        """Yield slice, phase and a file for each frame, slice after slice."""
        for number in range(self.slices):
            for phase in range(self.phases):
                dataset = make_object(self, draw_frame(number, phase, self.size)[None])
                dataset.ImagePositionPatient = text_of(self.place(number))
                dataset.ImageOrientationPatient = text_of(np.concatenate(self.plane))
                dataset.TriggerTime, dataset.CardiacNumberOfImages = f"{phase * STEP:g}", self.phases
                dataset.InstanceNumber = number * self.phases + phase + 1
                yield number, phase, dataset

    def place(self, number: int) -> np.ndarray:
        return CORNER + (self.start + number * self.gap) * np.cross(*self.plane)

    def position(self, number: int) -> float:
        return float(self.place(number) @ np.cross(*self.plane))


def text_of(numbers: np.ndarray) -> list[str]:
    return [f"{number:.6f}" for number in numbers]


def draw_frame(number: int, phase: int, size: int = SIZE, dtype: str = "<u2") -> np.ndarray:
    frame = np.full((size, size), 7, dtype)
    frame[0, :2] = 0, 255
    frame[8:16, 8:16], frame[8:16, 20:28] = 20 + 10 * number, 20 + 4 * phase
    return frame


def make_object(cine: Cine, pixels: np.ndarray, **changes: object) -> FileDataset:
    """Return a native object of pixels (T, H, W); one frame has no NumberOfFrames; None removes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.PatientID, dataset.PatientName = STUDY, "MRN1234567", "DOE^JANE"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = cine.uid, cine.number
    dataset.SeriesDescription, dataset.Modality = cine.name, "MR"
    dataset.Manufacturer, dataset.ImageType = "SIEMENS", ["ORIGINAL", "PRIMARY", "M"]
    dataset.StudyDate, dataset.PixelSpacing = "20190507", ["1.5", "1.5"]
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    if len(pixels) > 1:
        dataset.NumberOfFrames = len(pixels)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    return change(dataset, **changes)


def make_enhanced(cine: Cine, order: list[tuple[int, int]], times: bool = True) -> FileDataset:
    """Return one enhanced object that holds (slice, phase) in this order."""
    dataset = make_object(cine, np.stack([draw_frame(*one) for one in order]))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    del dataset.PixelSpacing
    shared = Dataset()
    shared.PlaneOrientationSequence = _macro(ImageOrientationPatient=text_of(np.concatenate(cine.plane)))
    shared.PixelMeasuresSequence = _macro(PixelSpacing=["1.5", "1.5"])
    shared.PixelValueTransformationSequence = _macro(RescaleSlope="2", RescaleIntercept="0")
    frames = []
    for number, phase in order:
        frame = Dataset()
        frame.PlanePositionSequence = _macro(ImagePositionPatient=text_of(cine.place(number)))
        frame.FrameContentSequence = _macro(TemporalPositionIndex=phase + 1)
        if times:
            frame.CardiacSynchronizationSequence = _macro(NominalCardiacTriggerDelayTime=phase * STEP)
        frames.append(frame)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return dataset


def _macro(**values: object) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


def change(dataset: FileDataset, **changes: object) -> FileDataset:
    with warnings.catch_warnings(action="ignore"):  # values may be wrong on purpose
        for keyword, value in changes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
    return dataset


def to_bytes(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write_private(private: Path, dicom: Path) -> None:
    """Write sources and key of a private side, if they are not there."""
    private.mkdir(parents=True, exist_ok=True)
    sources = {"cmr": {"dicom": [str(dicom)], "sheet": "studies.csv", "reports": "reports.csv"}}
    (private / "sources.yaml").write_text(yaml.safe_dump(sources))
    (private / "key").write_text("ab" * 32)
    (private / "key").chmod(0o600)


class InProcess:
    """Stands in for the worker where its limits are not what is tested: no child has to start."""

    def __init__(self, function, memory_gb, seconds):
        self.run = function

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def decode_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "Worker", InProcess)


class CmrArchive:
    """A folder of MRI files and the private side and results of one run on it."""

    def __init__(self, folder: Path, dicom: Path | None = None) -> None:
        self.dicom, self.private, self.results = dicom or folder / "dicom", folder / "private", folder / "res"
        self.dicom.mkdir(parents=True, exist_ok=True)
        write_private(self.private, self.dicom)

    def add(self, name: str, content: FileDataset | bytes) -> None:
        path = self.dicom / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))

    def add_cine(self, cine: Cine, **changes: object) -> None:
        for number, phase, dataset in cine.files():
            self.add(f"{cine.number}/{number}_{phase:02d}", change(dataset, **changes))

    def run(self, shards: int = 1, **settings: object) -> pd.Series:
        """Run the whole intake; return path -> code: the ledger's, or the conversion's where it passed."""
        work, ledger = self.private / "cmr", self.results / "scan.parquet"
        list_files(self.private, shards, work / "files.parquet", wing="cmr")
        parts = [work / f"scan_{shard}.parquet" for shard in range(shards)]
        for shard, part in enumerate(parts):
            scan_cmr(self.private, work / "files.parquet", shard, part)
        index, series, views = (work / f"{name}.parquet" for name in ("index", "series", "views"))
        index_cmr(self.private, parts, [index], series, ledger)
        map_series(self.private, series, SeriesViews(), [views], work / "unmapped.csv")
        chosen = Studies(**({"white_percentile": 100} | settings))
        convert.convert_studies(self.private, index, views, 0, chosen, 0.5, self.studies, self.manifest)
        validate_hdf5(sorted(self.studies.glob("*.h5")))
        return self.codes()

    def codes(self) -> pd.Series:
        """Return path -> code; raise unless every file has one code, and those that passed another one."""
        scanned = pd.read_parquet(self.results / "scan.parquet").set_index("file")["code"]
        converted = pd.read_parquet(self.manifest).set_index("file")["code"]
        assert scanned.index.is_unique
        assert sorted(converted.index) == sorted(scanned.index[scanned == PASSED])
        codes = scanned.copy()
        codes[converted.index] = converted
        places = read_parquet(sorted((self.private / "cmr").glob("scan*.parquet"))).set_index("file")
        paths = places["path"] + ("!" + places["member"]).fillna("")
        return codes.rename(paths).sort_index()

    @property
    def studies(self) -> Path:
        return self.results / "studies/shard_0"

    @property
    def manifest(self) -> Path:
        return self.results / "studies/shard_0.parquet"

    def view(self, name: str = "SAX") -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the pixels and attributes of a view of the only study."""
        (path,) = self.studies.glob("*.h5")
        with h5py.File(path) as file:
            return file[name][()], dict(file[name].attrs)

    def order(self, name: str = "SAX") -> list[list[tuple[int, int]]]:
        """Return what the frames of each stored slice tell: slice and phase."""
        pixels, attributes = self.view(name)
        return [
            [_told(frame) for frame in frames[:count]]
            for frames, count in zip(pixels, attributes["frames"], strict=True)
        ]


def _told(frame: np.ndarray) -> tuple[int, int]:
    half = frame.shape[0] // 32
    number, phase = frame[12 * half, 12 * half], frame[12 * half, 24 * half]
    return (int(number) - 20) // 10, (int(phase) - 20) // 4


def rising(slices: int, phases: int = PHASES) -> list[list[tuple[int, int]]]:
    """Return the order of a stack whose slices and phases rise."""
    return [[(number, phase) for phase in range(phases)] for number in range(slices)]
