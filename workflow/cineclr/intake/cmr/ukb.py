"""UK Biobank's heart MRI: a ZIP of DICOM files per participant, visit and field.

    <folder>/…/<eid>_20208_<instance>_<array>.zip (long axis) and <eid>_20209_… (short axis)

Names of series are read from the images' headers: the list inside an archive holds unquoted commas.
"""

import logging
import re
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cineclr.intake.cmr.decode import decode_slice
from cineclr.intake.cmr.imports import Image, ImageConverter, Import, Imported
from cineclr.intake.worker import Worker
from cineclr.ledger import Code

log = logging.getLogger(__name__)

LAYOUT = "<eid>_20208_<instance>_<array>.zip and <eid>_20209_<instance>_<array>.zip"
NAME = re.compile(r"(\d+)_(?:20208|20209)_(\d+_\d+)\.zip", re.ASCII)
# What an archive may hold: several times the largest that a scan of the heart makes.
MOST_MEMBERS, LARGEST_MEMBER, LARGEST_ARCHIVE = 5_000, 64 * 2**20, 4 * 2**30
LARGEST_RATIO = 200  # of a member's size to its size in the archive
BLOCK = 1 << 20


class SuspiciousArchiveError(Exception):
    """An archive grows beyond what it may."""


def import_ukb(task: Import) -> Iterator[Imported]:
    """Yield each visit of each participant; the data have no labels."""
    visits: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in sorted(task.folder.rglob("*.zip")):
        if found := NAME.fullmatch(path.name):
            visits[found[1], found[2]].append(path)
    with Worker(decode_slice, task.settings.memory_gb, task.settings.seconds) as worker:
        for (participant, visit), archives in sorted(visits.items()):
            study = task.study(participant, visit)
            with tempfile.TemporaryDirectory(prefix="ukb_", dir=task.private) as temporary:
                images, refused = extract(archives, Path(temporary))
                clips, files = ImageConverter(task, Path(temporary), worker).convert(study, images)
            for archive, code in refused.items():
                log.warning("%s: an archive is set aside: %s", study, code)
                files = pd.concat([files, task.account(archive.name, study, code)], ignore_index=True)
            patient = task.patient(participant)
            who = {"participant": participant, "visit": visit, "study": study, "patient": patient}
            yield Imported(study, clips, files, dict(who))


def extract(archives: list[Path], folder: Path) -> tuple[list[Image], dict[Path, str]]:
    """Write the archives' DICOM files into `folder` under numbers; return them, and refused archives' codes.

    No name in an archive becomes a path. An archive that is damaged, or grows too large, is refused whole.
    """
    images: list[Image] = []
    refused: dict[Path, str] = {}
    for number, archive in enumerate(archives):
        try:
            images += _extract_one(archive, folder, number)
        except SuspiciousArchiveError:
            refused[archive] = str(Code.IMPLAUSIBLE_SIZE)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
            refused[archive] = str(Code.NOT_DICOM)
    return images, refused


def _extract_one(archive: Path, folder: Path, number: int) -> list[Image]:
    images, total = [], 0
    with zipfile.ZipFile(archive) as opened:
        members = [one for one in opened.infolist() if one.filename.lower().endswith(".dcm")]
        if len(members) > MOST_MEMBERS:
            raise SuspiciousArchiveError
        for index, member in enumerate(members):
            name = f"{number}_{index}.dcm"
            most = min(LARGEST_MEMBER, LARGEST_RATIO * member.compress_size, LARGEST_ARCHIVE - total)
            total += _stream(opened, member, folder / name, most)
            images.append(Image(name, f"{archive.name}/{member.filename}"))
    return images


def _stream(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Write a member to `path` and return its size; the size that the archive announces is not trusted."""
    size = 0
    with opened.open(member) as source, path.open("wb") as target:
        while block := source.read(BLOCK):
            size += len(block)
            if size > most:
                raise SuspiciousArchiveError
            target.write(block)
    return size
