"""Archives: the files in a ZIP or a tar, or one that is compressed by itself, read one at a time under caps.

An archive is known by its first bytes, whatever its name. Names within it never become paths, links are never
followed, and no size that an archive announces is trusted: what passes a cap is left, with a code.
"""

import bz2
import contextlib
import errno
import gzip
import hashlib
import itertools
import lzma
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cineclr.intake.files.listing import storable
from cineclr.ledger import Code

ZIP_STARTS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")  # a member, an empty archive, a part of several
COMPRESSIONS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
MAGIC = b"DICM"  # after 128 bytes of a DICOM file (PS3.10 7.1)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile grows the others in memory without a bound
ENCRYPTED = 0x1  # general purpose flag (PKWARE APPNOTE 4.4.4)
DRIVE = re.compile(r"[A-Za-z]:")

BLOCK = 1 << 20
# The largest file that a scan holds anyway: triage inflates a deflated object up to this size.
LARGEST_MEMBER = 2**31
# Of the size within to the size of the archive: native frames, black around the sector, shrink some tenfold.
LARGEST_RATIO = 200
SMALL = 1 << 20  # bytes that any archive may grow to: a text of zeros does no harm
LARGEST_ARCHIVE = 2**40  # bytes: a year of a large echo laboratory; it takes hours to read
MOST_MEMBERS = 500_000  # as many as the paper's whole archive of videos
# In one piece: the directory of a ZIP of so many members. No header of a tar comes near.
LARGEST_READ = 1 << 26


class ArchiveError(Exception):
    """An archive, or a member of it, cannot be read, or must not be; `code` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True)
class Member:
    """A file in an archive: name, place and bytes; with a `code` it is not to be read."""

    name: str
    at: int
    size: int
    code: Code | None = None


class TarArchive:
    """A tar, compressed or not. Read in the order of places it is decompressed once."""

    def __init__(self, stream: "_Guarded") -> None:
        self._stream = stream

    def members(self) -> Iterator[Member]:
        """Yield the members; raise ArchiveError where the archive cannot be read on."""
        with _judged():
            opened = tarfile.TarFile(fileobj=self._stream, tarinfo=_StrictInfo, encoding="utf-8")  # type: ignore[arg-type]
        for count in itertools.count(1):
            with _judged():
                info = opened.next()
            opened.members.clear()  # type: ignore[attr-defined]  # it would hold all of them
            if info is None:
                break
            if count > MOST_MEMBERS:
                raise ArchiveError(Code.ARCHIVE_LIMIT)
            if not info.isdir():
                yield Member(storable(info.name), info.offset_data, info.size, _judge_tar(info))
        self._check_end()

    def extract(self, member: Member, target: Path) -> str:
        """Write a member to a new file; return the SHA-256 of its bytes, or raise ArchiveError."""
        with _judged():
            self._stream.seek(member.at)
        return _copy(self._stream, member.size, target)

    def _check_end(self) -> None:
        """Read what follows the zeros that end a tar: padding, or what a damaged one still holds."""
        with _judged():
            while block := self._stream.read(BLOCK):
                if block.strip(b"\0"):
                    raise ArchiveError(Code.UNREADABLE_ARCHIVE)


class ZipArchive:
    """A ZIP. `most` bounds the bytes of all members that are extracted."""

    def __init__(self, file: "_Guarded", most: int) -> None:
        with _judged():
            self._opened = zipfile.ZipFile(file)
        self._infos = {info.header_offset: info for info in self._opened.infolist()}
        self._left = most

    def members(self) -> Iterator[Member]:
        """Yield the members; raise ArchiveError where there are too many."""
        for count, info in enumerate(self._opened.infolist(), 1):
            if count > MOST_MEMBERS:
                raise ArchiveError(Code.ARCHIVE_LIMIT)
            if not info.is_dir():
                yield Member(info.filename, info.header_offset, info.file_size, _judge_zip(info))

    def extract(self, member: Member, target: Path) -> str:
        """Write a member to a new file; return the SHA-256 of its bytes, or raise ArchiveError."""
        self._left -= member.size
        if self._left < 0:
            raise ArchiveError(Code.ARCHIVE_LIMIT)
        with _judged():
            source = self._opened.open(self._infos[member.at])
        with source:
            return _copy(source, member.size, target)


class CompressedFile:
    """A DICOM file that is compressed by itself: an archive of one member."""

    def __init__(self, stream: "_Guarded") -> None:
        self._stream = stream

    def members(self) -> Iterator[Member]:
        """Yield the file; raise ArchiveError where it cannot be read to its end."""
        size = 0
        with _judged():
            while block := self._stream.read(BLOCK):
                size += len(block)
        yield Member("content", 0, size, Code.ARCHIVE_LIMIT if size > LARGEST_MEMBER else None)

    def extract(self, member: Member, target: Path) -> str:
        """Write the file to a new one; return the SHA-256 of its bytes, or raise ArchiveError."""
        with _judged():
            self._stream.seek(0)
        return _copy(self._stream, member.size, target)


Archive = ZipArchive | TarArchive | CompressedFile


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[Archive | None]:
    """Yield the archive that a file is, or None if it is none; raise ArchiveError for one that is damaged.

    Raises OSError when the disk fails or reading is not allowed.
    """
    with path.open("rb") as file:
        most = min(LARGEST_ARCHIVE, max(SMALL, LARGEST_RATIO * os.fstat(file.fileno()).st_size))
        head = _read_head(file)
        if head.startswith(ZIP_STARTS):
            yield ZipArchive(_Guarded(file, most), most)
        else:
            kind, stream = _look_inside(file, head)
            yield kind(_Guarded(stream, most)) if kind else None


def is_archive(path: Path) -> bool:
    """Return whether a file begins as an archive does."""
    with path.open("rb") as file:
        head = _read_head(file)
        return head.startswith(ZIP_STARTS) or _look_inside(file, head)[0] is not None


def _read_head(file: BinaryIO) -> bytes:
    """Return the first block of a file; of a DICOM file nothing, since its preamble may hold anything."""
    head = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    return b"" if head[128:132] == MAGIC else head


def _look_inside(file: BinaryIO, head: bytes) -> tuple[type[TarArchive | CompressedFile] | None, Any]:
    """Return whether a file is a tar, a compressed DICOM file or neither, and its bytes, decompressed.

    A tar is known by the checksum of its header.
    """
    opener = next((opener for start, opener in COMPRESSIONS.items() if head.startswith(start)), None)
    try:
        with _judged():
            stream = opener(file) if opener else file
            first = stream.read(tarfile.BLOCKSIZE) if opener else head
            stream.seek(0)
            if opener and first[128:132] == MAGIC:
                return CompressedFile, stream
            tarfile.TarInfo.frombuf(first, "utf-8", "surrogateescape")
    except ArchiveError:
        return None, file
    return TarArchive, stream


def _judge_tar(info: tarfile.TarInfo) -> Code | None:
    if not info.isreg() or info.issparse() or _leads_out(info.name):
        return Code.UNSAFE_MEMBER
    return Code.ARCHIVE_LIMIT if info.size > LARGEST_MEMBER else None


def _judge_zip(info: zipfile.ZipInfo) -> Code | None:
    kind = stat.S_IFMT(info.external_attr >> 16)  # as Unix writes it; 0 from other systems
    if kind not in (0, stat.S_IFREG) or _leads_out(info.filename):
        return Code.UNSAFE_MEMBER
    if info.flag_bits & ENCRYPTED:
        return Code.ENCRYPTED_MEMBER
    if info.compress_type not in METHODS:
        return Code.UNREADABLE_ARCHIVE
    most = min(LARGEST_MEMBER, max(SMALL, LARGEST_RATIO * info.compress_size))
    return Code.ARCHIVE_LIMIT if info.file_size > most else None


def _leads_out(name: str) -> bool:
    """Return whether a name, taken as a path, would lead out of the folder into which one unpacks."""
    parts = re.split(r"[/\\]", name)
    return not name or parts[0] == "" or ".." in parts or bool(DRIVE.match(name))


def _copy(source: Any, size: int, target: Path) -> str:
    """Write the next `size` bytes to a new file that only its owner may read; return their SHA-256."""
    digest, left = hashlib.sha256(), size
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while left:
            with _judged():
                block = source.read(min(left, BLOCK))
            if not block:
                raise ArchiveError(Code.UNREADABLE_ARCHIVE)
            digest.update(block)
            file.write(block)
            left -= len(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _judged() -> Iterator[None]:
    """Turn what damaged bytes raise into ArchiveError; errors of the disk go on."""
    try:
        yield
    except ArchiveError:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a place before the file's start
            raise
        raise ArchiveError(Code.UNREADABLE_ARCHIVE) from None
    except Exception:  # hostile bytes may raise anything in a parser
        raise ArchiveError(Code.UNREADABLE_ARCHIVE) from None


class _StrictInfo(tarfile.TarInfo):
    """A tar's header, where damage is an error: tarfile takes it for the end and says nothing."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_StrictInfo":
        try:
            info = super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            raise ArchiveError(Code.UNREADABLE_ARCHIVE) from None
        if info.size < 0:  # the next header would be an earlier one, for ever
            raise ArchiveError(Code.UNREADABLE_ARCHIVE)
        return info


class _Guarded:
    """A file that is read up to `most` bytes, and never in a piece that would fill the memory."""

    def __init__(self, file: Any, most: int) -> None:
        self._file, self._most = file, most

    def read(self, size: int | None = None) -> bytes:
        if size is not None and not 0 <= size <= LARGEST_READ:
            raise ArchiveError(Code.ARCHIVE_LIMIT)
        data = self._file.read(LARGEST_READ if size is None else size)
        self._check(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            self._check(offset)  # a compressed file is read up to there
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def _check(self, position: int) -> None:
        if position > self._most:
            raise ArchiveError(Code.ARCHIVE_LIMIT)
