"""One HDF5 file per MRI study, and the store that trainings read: see docs/hdf5.md for the schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
import pandas as pd

from cineclr import __version__
from cineclr.config.cmr import VIEWS, View
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.publishing import publish

SCHEMA, SCHEMA_VERSION = "cineclr-cmr", 1
AXES = "slice,frame,row,column"
ORDERS = ("base_to_apex", "position", "instance")
# Attributes of a dataset with a value (or pair) per slice.
PER_SLICE = {
    "frames": 1,
    "pixel_spacing_mm": 2,
    "frame_time_ms": 1,
    "position_mm": 1,
    "series": 1,
    "acquired_size": 2,
    "intensity_low": 1,
    "intensity_high": 1,
}
PSEUDONYM = re.compile(r"S[0-9a-f]{16}", re.ASCII)  # it also names the file
CLIPS = "clips.parquet"  # in a folder of studies: study, view, slice, frames
REMEDY = "Make this shard again: snakemake --forcerun convert_studies"


@dataclass(frozen=True)
class StudyView:
    """All slices of one view.

    Attributes:
        pixels: uint8 (slices, frames, rows, columns), zero behind a slice's last frame.
        frames: real frames of each slice, (slices,).
        pixel_spacing_mm: between rows and between columns as stored, (slices, 2).
        frame_time_ms, position_mm: (slices,); NaN unknown.
        series: pseudonym of each slice's series.
        acquired_size: rows and columns before any resizing, (slices, 2).
        intensity_low, intensity_high: what became 0 and 255, (slices,).
        order: base_to_apex, position, or instance where no position is known.
    """

    pixels: np.ndarray
    frames: np.ndarray
    pixel_spacing_mm: np.ndarray
    frame_time_ms: np.ndarray
    position_mm: np.ndarray
    series: list[str]
    acquired_size: np.ndarray
    intensity_low: np.ndarray
    intensity_high: np.ndarray
    order: str


def write_study(path: Path, study: str, views: Mapping[View, StudyView], key_fingerprint: str) -> None:
    """Publish a study's file, re-read, checked and compared before it gets its name."""
    with publish(path) as temporary:
        with h5py.File(temporary, "w", libver=("v110", "v110")) as file:
            file.attrs.update(
                schema=SCHEMA,
                schema_version=SCHEMA_VERSION,
                study=study,
                cineclr_version=__version__,
                key_fingerprint=key_fingerprint,
            )
            for name in VIEWS:
                if name in views:
                    _write_view(file, name, views[name])
        check_study(temporary)
        with h5py.File(temporary, "r") as file:
            if any(not np.array_equal(file[name][()], view.pixels) for name, view in views.items()):
                raise OSError(f"{path.name}: what was written is not what is read")


def _write_view(file: h5py.File, name: str, view: StudyView) -> None:
    # Never written and then deleted: what is deleted from an HDF5 file stays in its bytes.
    chunks = (1, *view.pixels.shape[1:])
    dataset = file.create_dataset(name, data=view.pixels, chunks=chunks, fletcher32=True)
    dataset.attrs["axes"] = AXES
    dataset.attrs["order"] = view.order
    for attribute in PER_SLICE:
        value = getattr(view, attribute)
        dataset.attrs[attribute] = value if attribute != "series" else np.array(value, dtype="S17")


def check_study(path: Path) -> None:
    """Raise InputError that names the dataset or attribute by which a file departs from the schema."""
    try:
        with h5py.File(path, "r") as file:
            _check_root(file, path.name)
            for name in file:
                _check_view(file[name], f"{path.name}, /{name}")
    except OSError:
        raise InputError(f"{path.name}: not an HDF5 file, or a damaged one; make it again") from None


def _check_root(file: h5py.File, where: str) -> None:
    attributes = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION}
    for name, expected in attributes.items():
        if file.attrs.get(name) != expected:
            found = file.attrs.get(name, "absent")
            raise InputError(f"{where}: attribute {name} is {found}, not {expected}; see docs/hdf5.md")
    study = file.attrs.get("study", "")
    if not isinstance(study, str) or not PSEUDONYM.fullmatch(study):
        raise InputError(f"{where}: attribute study is no pseudonym (S and 16 hexadecimal digits)")
    unknown = sorted(set(file) - set(VIEWS))
    if unknown or not len(file):
        raise InputError(f"{where}: holds {unknown or 'no dataset'}; datasets are {', '.join(VIEWS)}")


def _check_view(dataset: Any, where: str) -> None:
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype != np.uint8 or dataset.ndim != 4:
        raise InputError(f"{where}: not a dataset of uint8 with the axes {AXES}")
    slices, frames = dataset.shape[:2]
    if 0 in dataset.shape:
        raise InputError(f"{where}: shape {dataset.shape} holds nothing")
    if dataset.attrs.get("axes") != AXES or dataset.attrs.get("order") not in ORDERS:
        raise InputError(f"{where}: attribute axes must be {AXES!r}, and order one of {', '.join(ORDERS)}")
    for name, width in PER_SLICE.items():
        shape = (slices,) if width == 1 else (slices, width)
        if name not in dataset.attrs or np.shape(dataset.attrs[name]) != shape:
            raise InputError(f"{where}: attribute {name} must have the shape {shape}")
    counts = np.asarray(dataset.attrs["frames"])
    if counts.dtype.kind not in "iu" or counts.min() < 1 or counts.max() > frames:
        raise InputError(f"{where}: attribute frames must be whole numbers from 1 to {frames}")


def validate_hdf5(files: list[Path]) -> None:
    """Check HDF5 files against the schema, a line for each; raise InputError if one departs from it."""
    wrong = []
    for path in files:
        try:
            check_study(path)
            with h5py.File(path, "r") as file:
                shown = ", ".join(f"{name} {'x'.join(map(str, file[name].shape))}" for name in file)
            print(f"ok      {path.name}: {shown}")
        except InputError as error:
            wrong.append(str(error))
            print(f"failed  {error}")
    if wrong:
        raise InputError(f"{len(wrong)} of {len(files)} files depart from the schema (docs/hdf5.md)")


class StudyStore:
    """The clips of all studies: a clip is one slice of one view.

    Attributes:
        videos: data frame `study, view, slice, frames`, index 0 to n-1, sorted by study, view (in the order
            4CH, 3CH, 2CH, SAX) and slice.
    """

    def __init__(self, videos: pd.DataFrame, paths: dict[str, Path]) -> None:
        self.videos, self._paths = videos, paths
        self._studies = videos["study"].to_numpy()
        self._places = list(zip(videos["view"], videos["slice"], videos["frames"], strict=True))

    @classmethod
    def open(cls, folders: list[Path]) -> Self:
        """Open the folders that `convert-studies` made; each lists its clips in `clips.parquet`.

        Raises InputError when a list or a study's file is missing, or a study lies in two folders.
        """
        tables, paths = [], {}
        for folder in folders:
            table = pd.read_parquet(require_file(folder / CLIPS, f"studies {folder.name}", REMEDY))
            for study in table["study"].unique():
                path = folder / f"{study}.h5"
                if study in paths or not path.is_file():
                    what = "lies in two folders" if study in paths else "is missing"
                    raise InputError(f"study store: {path.name} {what}. {REMEDY}")
                paths[study] = path
            tables.append(table)
        if not paths:
            raise InputError("study store: no study at all; see cmr/intake/scan.parquet for the reasons")
        return cls(sort_clips(pd.concat(tables, ignore_index=True)), paths)

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, row: int) -> np.ndarray:
        """Return the real frames of the clip in `row`: uint8 (frames, rows, columns).

        HDF5 verifies the chunk's checksum; raises InputError when it does not fit.
        """
        view, number, frames = self._places[row]
        study = self._studies[row]
        try:
            with h5py.File(self._paths[study], "r") as file:
                return file[view][number, :frames]
        except (OSError, KeyError, RuntimeError, ValueError):  # damage shows in any part of HDF5
            raise InputError(f"{study}.h5: {view}, slice {number} is damaged. {REMEDY}") from None


def sort_clips(clips: pd.DataFrame) -> pd.DataFrame:
    """Return study, view, slice, frames sorted by study, view in the order of VIEWS, and slice."""
    order = clips.assign(rank=clips["view"].map({view: rank for rank, view in enumerate(VIEWS)}))
    order = order.sort_values(["study", "rank", "slice"], ignore_index=True)
    return order[["study", "view", "slice", "frames"]]
