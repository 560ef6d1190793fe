"""The Automated Cardiac Diagnosis Challenge (2017): a short-axis stack per patient as NIfTI, in five groups.

<folder>/…/patient<nnn>_4d.nii.gz, beside it Info.cfg with a line `Group: NOR` (DCM, HCM, MINF or RV)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from cineclr.intake.cmr.assemble import Acquired, assemble, find_windows
from cineclr.intake.cmr.imports import Import, Imported
from cineclr.intake.cmr.slices import Slice
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code
from cineclr.video.hdf5 import write_study

LAYOUT = "patient<nnn>/patient<nnn>_4d.nii.gz and Info.cfg"
NAME = re.compile(r"(patient\d+)_4d\.nii(?:\.gz)?", re.ASCII)
GROUPS = ("NOR", "DCM", "HCM", "MINF", "RV")
MOST_SIDE, MOST_SLICES = 4096, 256  # rows, columns and slices of a plausible stack


@dataclass(frozen=True)
class Volume:
    """A stack: pixels float32 (slices, frames, rows, columns); mm between rows, columns and slices."""

    pixels: np.ndarray
    spacing: tuple[float, float, float]


def import_acdc(task: Import) -> Iterator[Imported]:
    """Yield each patient's study, a short-axis view; the label is its group."""
    with Worker(read_volume, task.settings.memory_gb, task.settings.seconds) as worker:
        for path in sorted(task.folder.rglob("patient*_4d.nii*")):
            found = NAME.fullmatch(path.name)
            if not found or not path.is_file():
                continue
            participant = found[1]
            study = task.study(participant)
            volume = worker.run(path)
            code = _judge(volume, task) if isinstance(volume, Volume) else str(Code.DECODE_FAILED)
            clips = _write(task, study, volume) if isinstance(volume, Volume) and code == PASSED else []
            who = {"participant": participant, "study": study, "patient": task.patient(participant)}
            who["group"] = read_group(path.parent / "Info.cfg")
            yield Imported(study, clips, task.account(path.name, study, code, "SAX"), dict(who))


def read_volume(path: Path) -> Volume:
    """Read a stack of cines from NIfTI, whose axes are column, row, slice, frame.

    Raises ValueError unless it has these four axes and a plausible size.
    """
    image = nibabel.Nifti1Image.from_filename(path)
    if len(image.shape) != 4 or max(image.shape[:2]) > MOST_SIDE or image.shape[2] > MOST_SLICES:
        raise ValueError("not a stack of cines")
    values = np.nan_to_num(np.asarray(image.dataobj, dtype=np.float32))
    columns, rows, slices = (float(value) for value in image.header.get_zooms()[:3])
    return Volume(np.ascontiguousarray(values.transpose(2, 3, 1, 0)), (rows, columns, slices))


def _judge(volume: Volume, task: Import) -> str:
    frames = volume.pixels.shape[1]
    if frames > task.settings.max_frames:
        return Code.IMPLAUSIBLE_SIZE
    return PASSED if frames >= task.settings.min_frames else Code.NOT_CINE


def _write(task: Import, study: str, volume: Volume) -> list[dict[str, object]]:
    """Write the study's file; slices keep the order of the stack, in which the files' affine is no guide."""
    rows, columns, gap = volume.spacing
    series = task.names.pseudonym("cine", study)
    slices = [
        Acquired(frames, Slice((), (), gap * number, (0.0, 0.0, 0.0), np.nan), series, (rows, columns))
        for number, frames in enumerate(volume.pixels)
    ]
    view = assemble(slices, find_windows(slices, task.settings.white_percentile), task.settings.size)
    write_study(task.place / f"{study}.h5", study, {"SAX": view}, task.names.fingerprint())
    return [
        {"study": study, "view": "SAX", "slice": number, "frames": len(one.frames)}
        for number, one in enumerate(slices)
    ]


def read_group(path: Path) -> str | None:
    """Return the group that Info.cfg names; None where it is missing or names another."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    group = values.get("Group", "").strip()
    return group if group in GROUPS else None
