"""HDF5 files of our schema that the user brings: judged, and written anew without whatever else they hold."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cineclr.errors import InputError
from cineclr.ledger import PASSED, Code
from cineclr.private import Pseudonymizer
from cineclr.publishing import sha256_file
from cineclr.video.hdf5 import PER_SLICE, StudyView, check_study, write_study


def describe_own_study(path: Path, names: Pseudonymizer) -> dict[str, object]:
    """Return a row of the scan: the code, and of a file of our schema its study and the file's hash.

    A second file of the same study is a duplicate by its `video`. Raises OSError where the file may not be
    read.
    """
    with path.open("rb"):  # a missing right is no fault of the file's
        pass
    try:
        study = study_of(path)
    except InputError:
        return {"code": str(Code.NOT_HDF5)}
    one = {"video": names.pseudonym("video", study), "cine": names.pseudonym("cine", study)}
    return {"code": PASSED, "study": study, **one, "pixel_sha256": sha256_file(path)}


def study_of(path: Path) -> str:
    """Return the pseudonym of the study in a file; raise InputError if the file departs from the schema."""
    check_study(path)
    with h5py.File(path, "r") as file:
        return str(file.attrs["study"])


def copy_study(path: Path, folder: Path, names: Pseudonymizer) -> list[dict[str, object]]:
    """Write <folder>/<study>.h5 with the pixels and attributes of our schema; return a row per clip."""
    study = study_of(path)
    with h5py.File(path, "r") as file:
        views: dict[Any, StudyView] = {name: _read_view(file[name], study, names) for name in file}
    write_study(folder / f"{study}.h5", study, views, names.fingerprint())
    return [
        {"study": study, "view": name, "slice": number, "frames": int(frames)}
        for name, view in views.items()
        for number, frames in enumerate(view.frames)
    ]


def _read_view(dataset: Any, study: str, names: Pseudonymizer) -> StudyView:
    """Read one view; names of series, which may be anything, become pseudonyms."""
    values = {name: np.asarray(dataset.attrs[name]) for name in PER_SLICE}
    series = [
        names.pseudonym("cine", f"{study}/{name.decode() if isinstance(name, bytes) else name}")
        for name in values.pop("series")
    ]
    return StudyView(pixels=dataset[()], series=series, order=str(dataset.attrs["order"]), **values)
