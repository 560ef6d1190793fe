"""Public MRI data, and HDF5 files of the user's own, as folders of studies that trainings read."""

import csv
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pandas as pd

from cineclr.cohort.rows import raise_errors
from cineclr.config.cmr import Studies
from cineclr.errors import InputError
from cineclr.files import frame_of, write_parquet
from cineclr.intake.cmr import acdc, kaggle, ukb
from cineclr.intake.cmr.convert import MANIFEST_COLUMNS
from cineclr.intake.cmr.imports import Import, Imported
from cineclr.intake.cmr.own import copy_study, study_of
from cineclr.ledger import PASSED, count_codes
from cineclr.private import PrivateSide, Pseudonymizer, write_private
from cineclr.publishing import publish
from cineclr.video.hdf5 import CLIPS, sort_clips

log = logging.getLogger(__name__)

Format = Literal["acdc", "kaggle", "ukb", "hdf5"]
DEFAULTS = Studies()


def import_studies(
    private: Path, format: Format, folder: Path, studies: Path, output: Path, settings: Studies = DEFAULTS
) -> None:
    """Convert a data set: <studies>/<study>.h5, clips.parquet, and what became of each file in `output`.

    Who is who, with the data set's labels, goes to the private side: cmr/<format>_participants.csv with
    participant, study, patient and lvef (kaggle) or group (acdc). The format hdf5 takes files of our schema:
    each is checked and written anew, without whatever else it holds. Raises InputError for a folder that
    holds no study of the format.
    """
    if not folder.is_dir():
        raise InputError("--folder: no such folder; name the one that holds the data set")
    names = Pseudonymizer(PrivateSide(private).key())
    read, layout = READERS[format]
    imported: list[Imported] = []
    with publish(studies) as place:
        place.mkdir()
        for one in read(Import(folder, format, place, private, names, settings)):
            log.info("%s: %d clips", one.study, len(one.clips))
            imported.append(one)
        _check(imported, format, layout)
        clips = [clip for one in imported for clip in one.clips]
        listed = frame_of(clips, {"study": "str", "view": "str", "slice": "int64", "frames": "int64"})
        write_parquet(sort_clips(listed), place / CLIPS)
    files = pd.concat([one.files for one in imported], ignore_index=True).astype(MANIFEST_COLUMNS)
    write_parquet(files, output, key_fingerprint=names.fingerprint())
    _write_participants(imported, private / "cmr" / f"{format}_participants.csv")
    used = sum(bool(one.clips) for one in imported)
    log.info("%d of %d studies; files: %s", used, len(imported), count_codes(files["code"]))


def _check(imported: list[Imported], format: str, layout: str) -> None:
    if not imported:
        raise InputError(f"--folder holds no study of the format {format}: {layout}")
    if again := len(imported) - len({one.study for one in imported}):
        raise InputError(f"--folder holds {again} studies twice; remove the copies, or name a folder below")
    if not any(one.clips for one in imported):
        counts = count_codes(pd.concat([one.files for one in imported])["code"])
        raise InputError(f"no cine slice of one of the views could be read; files: {counts}")


def _write_participants(imported: list[Imported], path: Path) -> None:
    rows = [one.participant for one in imported if one.participant]
    if not rows:
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_private(path, text.getvalue())


def import_hdf5(task: Import) -> Iterator[Imported]:
    """Yield the studies of HDF5 files; raise InputError that lists those that depart from the schema."""
    paths = sorted(path for ending in ("*.h5", "*.hdf5") for path in task.folder.rglob(ending))
    raise_errors([error for path in paths if (error := _find_error(path))])
    for path in paths:
        study = study_of(path)
        clips = copy_study(path, task.place, task.names)
        yield Imported(study, clips, task.account(path.name, study, PASSED))


def _find_error(path: Path) -> str:
    try:
        study_of(path)
    except InputError as error:
        return str(error)
    return ""


# Format -> reader and what its folder holds.
READERS: dict[str, tuple[Callable[[Import], Iterator[Imported]], str]] = {
    "acdc": (acdc.import_acdc, acdc.LAYOUT),
    "kaggle": (kaggle.import_kaggle, kaggle.LAYOUT),
    "ukb": (ukb.import_ukb, ukb.LAYOUT),
    "hdf5": (import_hdf5, "*.h5 of our schema (docs/hdf5.md)"),
}
