"""Files of the index on disk: a plain one where it lies, a member of an archive as a temporary file."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

import pandas as pd

from cineclr.errors import InputError
from cineclr.intake.files.archives import Archive, ArchiveError, Member, open_archive
from cineclr.intake.files.listing import locate
from cineclr.ledger import Code
from cineclr.private import CmrSources, Sources

SCAN_AGAIN = "list and scan the files again (snakemake --forcerun list_files, of MRI list_cmr_files)"


@dataclass(frozen=True)
class Place:
    """Where a file of the index lies: below a root, and of an archive there perhaps the member."""

    file: str
    root: int
    path: str
    member: Member | None = None
    sha256: str = ""

    @property
    def below_root(self) -> str:
        """Return where the file lies below its root, as if archives were folders."""
        return place_within(self.path, self.member.name) if self.member else self.path

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Return the place that a row of a scan or an index gives."""
        plain = cls(str(row["file"]), int(row["root"]), str(row["path"]))
        if pd.isna(row.get("member_at")):
            return plain
        member = Member(str(row["member"]), int(row["member_at"]), int(row["member_bytes"]))
        return cls(plain.file, plain.root, plain.path, member, str(row["member_sha256"]))


def place_within(path: str, member: str) -> str:
    """Return where a member lies below the root, as if its archive had been unpacked where it lies."""
    return str(PurePosixPath(path).parent / member)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yield a new folder for its owner only; what a kill left there goes before, and all of it after."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Members:
    """Gives files of the index as paths; use as a context manager.

    Members of archives lie in `folder`, which belongs to one job, each just as long as it is needed.
    """

    def __init__(self, sources: Sources | CmrSources, folder: Path) -> None:
        self._sources, self._folder = sources, folder
        self._opened: tuple[Path, Archive] | None = None
        self._scratch, self._archive = contextlib.ExitStack(), contextlib.ExitStack()
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        self._scratch.enter_context(scratch(self._folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()
        self._scratch.close()

    @contextlib.contextmanager
    def extracted(self, archive: Archive, member: Member) -> Iterator[tuple[Path, str]]:
        """Yield a member as a file, and the SHA-256 of its bytes; raise ArchiveError if it cannot be read."""
        path = self._folder / str(next(self._numbers))
        try:
            yield path, archive.extract(member, path)
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def on_disk(self, places: Sequence[Place]) -> Iterator[list[Path]]:
        """Yield the path of each place. Archives are read in their own order, whatever that of the places.

        Raises InputError for a member that is not the one that was scanned, or where the disk fails.
        """
        paths: dict[int, Path] = {}
        with contextlib.ExitStack() as stack:
            for k in sorted(range(len(places)), key=lambda k: _reading_order(places[k])):
                paths[k] = stack.enter_context(self._fetched(places[k]))
            yield [paths[k] for k in range(len(places))]

    @contextlib.contextmanager
    def _fetched(self, place: Place) -> Iterator[Path]:
        source = locate(self._sources, place.root, place.path)
        if place.member is None:
            yield source
            return
        path = self._folder / str(next(self._numbers))
        try:
            if self._fetch(source, place.member, path, place.file) != place.sha256:
                raise InputError(f"file {place.file} has changed since it was scanned; {SCAN_AGAIN}")
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _fetch(self, source: Path, member: Member, target: Path, file: str) -> str:
        """Write a member to `target`; return the SHA-256 of its bytes, nothing if it is no longer there."""
        try:
            return self._open(source).extract(member, target)
        except ArchiveError:
            return ""
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise InputError(f"file {file} cannot be unpacked ({reason}); mend that, then go on") from None

    def _open(self, path: Path) -> Archive:
        """Return an archive, which stays open until another one is asked for."""
        if self._opened is None or self._opened[0] != path:
            self._archive.close()
            self._opened = None
            archive = self._archive.enter_context(open_archive(path))
            if archive is None:
                raise ArchiveError(Code.UNREADABLE_ARCHIVE)
            self._opened = path, archive
        return self._opened[1]


def _reading_order(place: Place) -> tuple[int, str, int]:
    return place.root, place.path, place.member.at if place.member else 0
