"""The files of a paper's data: every one in the folders of sources.yaml, whatever its name or extension."""

import errno
import itertools
import logging
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from cineclr.errors import InputError
from cineclr.files import frame_of, write_batches
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer, Sources, shard_of

log = logging.getLogger(__name__)

# Bytes of a file name that are no UTF-8 (in Python U+DC80 to U+DCFF), as characters that Parquet can hold.
_STORED = {0xDC00 + byte: 0xF700 + byte for byte in range(0x80, 0x100)}
_ON_DISK = {stored: raw for raw, stored in _STORED.items()}

FILE_COLUMNS = {
    **{"file": "str", "root": "int64", "path": "str", "size": "int64", "mtime_ns": "int64", "shard": "int64"}
}
BATCH = 50_000  # rows held at a time
LINKS, OTHERS = "links", "others"  # what is not listed
NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def list_files(private: Path, shards: int, output: Path, wing: Literal["echo", "cmr"] = "echo") -> None:
    """List every file in a wing's folders in sources.yaml, whatever its name or extension.

    Links to folders are not followed (they may lead round in a circle), and said.
    """
    side = PrivateSide(private)
    names = Pseudonymizer(side.key())
    sources: Sources | CmrSources = side.cmr_sources() if wing == "cmr" else side.sources()
    for left in private.glob(f"extracted_{wing}_*"):  # by a job that was killed; none of them runs now
        shutil.rmtree(left)
    _refuse_nested(sources.roots)
    counts: Counter[str] = Counter()
    rows = _describe(sources.roots, names, shards, counts)
    batches = iter(lambda: list(itertools.islice(rows, BATCH)), [])
    write_batches((frame_of(batch, FILE_COLUMNS) for batch in batches), output)
    log.info("%d files, %.1f GB, for %d scan jobs", counts["files"], counts["bytes"] / 1e9, shards)
    _tell_unlisted(counts)


def _tell_unlisted(counts: Counter[str]) -> None:
    if counts[LINKS]:
        log.warning(
            "%d links to folders are not followed; to use the files, name the folders to which they lead "
            "in sources.yaml",
            counts[LINKS],
        )
    if counts[OTHERS]:
        log.warning("%d links that lead nowhere, pipes or devices are no files", counts[OTHERS])


def _describe(
    roots: list[Path], names: Pseudonymizer, shards: int, counts: Counter[str]
) -> Iterator[dict[str, object]]:
    """Yield a row of FILE_COLUMNS per file; raise InputError if there is none."""
    seen: set[int] = set()
    for root, folder in enumerate(roots):
        if not folder.is_dir():
            raise InputError(
                f"sources.yaml: folder {root + 1} of the files does not exist; mend the path or mount it"
            )
        for path, status in _walk(folder, root, counts):
            place = place_of(path, folder)
            identifier = f"{root}/{place}"
            while (number := int((file := names.pseudonym("file", identifier))[1:], 16)) in seen:
                identifier += "#"  # paths that differ in case only are different files
            seen.add(number)
            counts.update(files=1, bytes=status.st_size)
            yield (
                {"file": file, "root": root, "path": place, "size": status.st_size}
                | {"mtime_ns": status.st_mtime_ns, "shard": shard_of(file, shards)}
            )
    if not seen:
        raise InputError("sources.yaml: the folders hold no file; mend the paths")


def _refuse_nested(roots: list[Path]) -> None:
    """Raise InputError if a folder is, or lies in, another one: its files would count twice."""
    places = [root.resolve() for root in roots]
    for number, place in enumerate(places, 1):
        if any(place.is_relative_to(other) for k, other in enumerate(places, 1) if k != number):
            raise InputError(
                f"sources.yaml: folder {number} of dicom is, or lies in, another of the list, and its files "
                "would count twice; remove it"
            )


def _walk(folder: Path, root: int, counts: Counter[str]) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the regular files of a folder at any depth, in a fixed order; count what else there is."""

    def refuse(error: OSError) -> None:
        raise InputError(
            f"sources.yaml: folder {root + 1} of the files holds a folder that cannot be read "
            f"({os.strerror(error.errno or 0)}); give the right to read it, or move it away"
        )

    for place, folders, files in os.walk(folder, onerror=refuse):
        counts[LINKS] += sum(Path(place, name).is_symlink() for name in folders)
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            try:
                status = path.stat()
            except OSError as error:
                if error.errno not in NOWHERE:
                    refuse(error)
                counts[OTHERS] += 1
                continue
            if stat.S_ISREG(status.st_mode):
                yield path, status
            else:
                counts[OTHERS] += 1


def locate(sources: Sources | CmrSources, root: int, path: str) -> Path:
    """Return where a listed file lies; the private side only."""
    return sources.roots[root] / path.translate(_ON_DISK)


def place_of(path: Path, folder: Path) -> str:
    """Return where a file lies below a folder, as tables hold it."""
    return storable(str(path.relative_to(folder)))


def storable(name: str) -> str:
    """Return a name as a table can hold it, also one that is no text."""
    return name.translate(_STORED)
