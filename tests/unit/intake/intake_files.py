"""Files as scanners write them, small, and one run of intake on a folder of them."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from cineclr.config.echo import Deidentify
from cineclr.files import read_parquet
from cineclr.intake.echo.deidentify import deidentify_echo
from cineclr.intake.files.listing import list_files
from cineclr.intake.index import index_studies
from cineclr.intake.scan import scan_dicom
from cineclr.private import init

US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
ROWS, COLUMNS, FRAMES = 144, 192, 18
BOX = (20, 24, 171, 139)  # the 2-D region: x0, y0, x1, y1


def draw_sector(seed: int = 0, frames: int = FRAMES) -> np.ndarray:
    """Return a fan of moving speckle with text above and beside it, uint8 (frames, ROWS, COLUMNS)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] - np.array([30, 96]).reshape(2, 1, 1)
    fan = (np.hypot(x, y) < 100) & (np.abs(np.arctan2(x, y)) < 0.7) & (y > 3)
    noise = rng.integers(0, 160, (frames, ROWS, COLUMNS)).astype(np.uint8)
    clip = np.stack([cv2.GaussianBlur(frame, (0, 0), 1) for frame in noise]) * fan.astype(np.uint8)
    for frame in clip:
        cv2.putText(frame, "DOE^JANE 1950-02-03", (2, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255)
        cv2.putText(frame, "1950", (24, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    return clip


def make_file(pixels: np.ndarray, **changes: object) -> FileDataset:
    """Return a native cine file of grey (T, H, W) or RGB (T, H, W, 3) pixels; None removes an attribute."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, US_MULTIFRAME
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = US_MULTIFRAME, generate_uid()
    dataset.StudyInstanceUID, dataset.PatientID = generate_uid(), "MRN1234567"
    dataset.PatientName, dataset.StudyDate, dataset.FrameTime = "DOE^JANE", "20190507", "20"
    dataset.Manufacturer, dataset.ManufacturerModelName = "GE Vingmed", "Vivid E95"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape[:3]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    if pixels.ndim == 4:
        dataset.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.SequenceOfUltrasoundRegions = [make_region()]
    dataset.PixelData = pixels.tobytes()
    with warnings.catch_warnings(action="ignore"):  # values may be wrong on purpose
        for keyword, value in changes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
    return dataset


def make_region(box: tuple[int, int, int, int] = BOX, space: int = 1, kind: int = 1) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = space, kind
    region.RegionLocationMinX0, region.RegionLocationMinY0 = box[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = box[2:]
    return region


def compress(dataset: FileDataset, quality: int = 95) -> FileDataset:
    """Turn a native grey or RGB file into JPEG Baseline, as most echo files are."""
    pixels = dataset.pixel_array
    streams = []
    for frame in pixels:
        coded = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        streams.append(cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    dataset.PixelData = encapsulate(streams)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if pixels.ndim == 4:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    return dataset


def to_bytes(dataset: FileDataset) -> bytes:
    buffer = io.BytesIO()
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset["PixelData"].is_undefined_length = True
    with pydicom.config.disable_value_validation():
        dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Archive:
    """A folder of files and the private side and results of one run on it."""

    def __init__(self, folder: Path) -> None:
        self.dicom, self.private, self.results = folder / "dicom", folder / "private", folder / "results"
        self.dicom.mkdir(parents=True)
        (folder / "sheet.csv").write_text("study_id\n")
        init(self.private, [self.dicom], folder / "sheet.csv")
        (self.private / "key").write_text("ab" * 32)

    def add(self, name: str, content: FileDataset | bytes) -> None:
        path = self.dicom / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else to_bytes(content))

    def scan(self, shards: int = 2) -> pd.Series:
        """Scan and index; return path -> code."""
        files = self.private / "files.parquet"
        list_files(self.private, shards, files)
        parts = [self.private / f"scan/shard_{shard}.parquet" for shard in range(shards)]
        for shard, part in enumerate(parts):
            scan_dicom(self.private, files, shard, part)
        ledger = self.results / "scan.parquet"
        index_studies(self.private, parts, [self.private / "index.parquet"], ledger)
        return self._by_path(pd.read_parquet(ledger))

    def deidentify(self, **settings: object) -> pd.Series:
        """De-identify what the scan passed; return path -> code; the text gate is off unless set."""
        index = self.private / "index.parquet"
        chosen = Deidentify.model_validate({"text_gate": False, **settings})
        deidentify_echo(self.private, index, 0, chosen, self.videos, self.manifest)
        return self._by_path(pd.read_parquet(self.manifest))

    def _by_path(self, table: pd.DataFrame) -> pd.Series:
        return table.set_index(table["file"].map(self.places()))["code"].sort_index()

    def places(self) -> dict[str, str]:
        """Return file -> path, with `!` and the name in an archive."""
        scanned = read_parquet(sorted((self.private / "scan").glob("shard_*.parquet")))
        inside = ("!" + scanned["member"]).fillna("")
        return dict(zip(scanned["file"], scanned["path"] + inside, strict=True))

    @property
    def videos(self) -> Path:
        return self.results / "videos"

    @property
    def manifest(self) -> Path:
        return self.results / "videos.parquet"
