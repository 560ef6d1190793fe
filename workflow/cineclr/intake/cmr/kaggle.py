"""The Second Annual Data Science Bowl (Kaggle, 2015): folders of DICOM files, and LV volumes of most studies.

<folder>/…/<id>/study/{2ch,4ch,sax}_<n>/*.dcm, <folder>/{train,validate}.csv: Id,Systole,Diastole (ml)
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from cineclr.cohort.rows import read_rows
from cineclr.errors import InputError
from cineclr.intake.cmr.decode import decode_slice
from cineclr.intake.cmr.imports import Image, ImageConverter, Import, Imported
from cineclr.intake.worker import Worker

log = logging.getLogger(__name__)

LAYOUT = "<id>/study/{2ch,4ch,sax}_<n>/*.dcm"
SERIES = re.compile(r"(2ch|4ch|sax)_\d+", re.ASCII)
VIEWS = {"2ch": "2CH", "4ch": "4CH", "sax": "SAX"}
VOLUMES = ("train.csv", "validate.csv")
COLUMNS = ("Id", "Systole", "Diastole")


def import_kaggle(task: Import) -> Iterator[Imported]:
    """Yield each study; labels are lvef (%), end-systolic and end-diastolic volume (ml)."""
    volumes = read_volumes(task.folder)
    with Worker(decode_slice, task.settings.memory_gb, task.settings.seconds) as worker:
        converter = ImageConverter(task, task.folder, worker)
        for place in sorted(task.folder.rglob("study")):
            participant = place.parent.name
            if not (place.is_dir() and participant.isdecimal()):
                continue
            study = task.study(participant)
            clips, files = converter.convert(study, _list_images(task.folder, place))
            who = {"participant": participant, "study": study, "patient": task.patient(participant)}
            yield Imported(study, clips, files, {**who, **volumes.get(participant, {})})


def _list_images(root: Path, place: Path) -> Iterator[Image]:
    for path in sorted(place.glob("*/*.dcm")):
        if found := SERIES.fullmatch(path.parent.name):
            name = str(path.relative_to(root))
            yield Image(name, name, VIEWS[found[1]])


def read_volumes(folder: Path) -> dict[str, dict[str, object]]:
    """Return id -> lvef, esv_ml, edv_ml, from the tables that are there.

    An ejection fraction needs volumes between which the heart empties; where they do not fit it is missing.
    Raises InputError that names table, row and column.
    """
    volumes: dict[str, dict[str, object]] = {}
    for path in (folder / name for name in VOLUMES):
        if not path.is_file():
            continue
        rows = read_rows(path, path.name)
        if missing := [name for name in COLUMNS if name not in rows.columns]:
            raise InputError(
                f"{path.name}, row 1: no column {missing[0]!r}; columns are {', '.join(COLUMNS)}"
            )
        for row, (participant, *cells) in rows[list(COLUMNS)].iterrows():
            try:
                systole, diastole = map(float, cells)
            except ValueError:
                raise InputError(
                    f"{path.name}, row {row}: Systole and Diastole must be volumes in ml"
                ) from None
            fits = 0 < systole < diastole
            lvef = round(100 * (diastole - systole) / diastole, 2) if fits else None
            volumes[participant] = {"lvef": lvef, "esv_ml": systole, "edv_ml": diastole}
    unfit = sum(one["lvef"] is None for one in volumes.values())
    log.info("volumes of %d studies, %d of which give no ejection fraction", len(volumes), unfit)
    return volumes
