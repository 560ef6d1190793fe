"""UK Biobank's heart MRI: a ZIP of DICOM files per participant, visit and field.

    <folder>/…/<eid>_20208_<instance>_<array>.zip (long axis) and <eid>_20209_… (short axis)

Names of series are read from the images' headers: the list inside an archive holds unquoted commas.
"""

import contextlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cineclr.intake.cmr.decode import decode_slice
from cineclr.intake.cmr.imports import Image, ImageConverter, Import, Imported
from cineclr.intake.files.archives import ArchiveError, open_archive
from cineclr.intake.files.members import scratch
from cineclr.intake.worker import Worker
from cineclr.ledger import Code, count_codes

log = logging.getLogger(__name__)

LAYOUT = "<eid>_20208_<instance>_<array>.zip and <eid>_20209_<instance>_<array>.zip"
NAME = re.compile(r"(\d+)_(?:20208|20209)_(\d+_\d+)\.zip", re.ASCII)


def import_ukb(task: Import) -> Iterator[Imported]:
    """Yield each visit of each participant; the data have no labels."""
    visits: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(task.folder.rglob("*.zip")):
        if found := NAME.fullmatch(path.name):
            visits[found[1], found[2]].append(path)
    with Worker(decode_slice, task.settings.memory_gb, task.settings.seconds) as worker:
        for (participant, visit), archives in sorted(visits.items()):
            study = task.study(participant, visit)
            with scratch(task.private / "extracted_ukb") as folder:
                images, refused = extract(archives, folder)
                clips, files = ImageConverter(task, folder, worker).convert(study, images)
            if refused:
                log.warning("%s: set aside of its archives: %s", study, count_codes(pd.Series(refused)))
                told = [task.account(name, study, code) for name, code in refused.items()]
                files = pd.concat([files, *told], ignore_index=True)
            patient = task.patient(participant)
            who = {"participant": participant, "visit": visit, "study": study, "patient": patient}
            yield Imported(study, clips, files, dict(who))


def extract(archives: list[Path], folder: Path) -> tuple[list[Image], dict[str, str]]:
    """Write the archives' DICOM files into `folder` under numbers; return them, and what is refused.

    That is the name of an archive, or of a file in it, and why.
    """
    images: list[Image] = []
    refused: dict[str, str] = {}
    for number, path in enumerate(archives):
        try:
            with open_archive(path) as archive:
                if archive is None:
                    raise ArchiveError(Code.UNREADABLE_ARCHIVE)
                for index, member in enumerate(archive.members()):
                    if not member.name.lower().endswith(".dcm"):
                        continue
                    image = Image(f"{number}_{index}.dcm", f"{path.name}/{member.name}")
                    with _refusing(image.name, refused):
                        if member.code is not None:
                            raise ArchiveError(member.code)
                        archive.extract(member, folder / image.path)
                        images.append(image)
        except ArchiveError as error:
            refused[path.name] = str(error.code)
    return images, refused


@contextlib.contextmanager
def _refusing(name: str, refused: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except ArchiveError as error:
        refused[name] = str(error.code)
