"""The PixelData element of a file, read through on disk: frames are counted and hashed, none is decoded."""

import hashlib
import struct
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 1 << 20
PIXEL_DATA = (0x7FE0, 0x0010)
ITEM, SEQUENCE_DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
UNDEFINED = 0xFFFFFFFF
START_BYTES = 65536  # a frame's header, with its SOF segment, lies in here
# First bytes of a compressed frame: JPEG and JPEG-LS, JPEG 2000 codestream, JP2 file.
CODESTREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")


@dataclass(frozen=True)
class PixelData:
    """What lies on disk; `length` is in bytes, of native data only.

    `fragments` counts the pieces of encapsulated data and `starts` those that begin a JPEG codestream; `head`
    holds the first bytes of the first fragment.
    """

    encapsulated: bool
    length: int
    fragments: int
    starts: int
    head: bytes
    sha256: str


def read_pixel_data(file: BinaryIO, implicit: bool, little: bool) -> PixelData | None:
    """Read the element at the position of `file`; None when it is absent, empty or cut off."""
    order = "<" if little else ">"
    start = _read(file, 8)
    if start is None or struct.unpack(f"{order}HH", start[:4]) != PIXEL_DATA:
        return None
    if implicit:
        (length,) = struct.unpack(f"{order}L", start[4:])
    else:
        long = _read(file, 4)
        if long is None:
            return None
        (length,) = struct.unpack(f"{order}L", long)
    if length == UNDEFINED:
        return _read_encapsulated(file)
    digest = hashlib.sha256()
    if length == 0 or not _hash(file, length, digest):
        return None
    return PixelData(False, length, 0, 0, b"", digest.hexdigest())


def _read_encapsulated(file: BinaryIO) -> PixelData | None:
    digest = hashlib.sha256()
    fragments = starts = 0
    head = b""
    table = True  # the first item is the Basic Offset Table, empty or not
    while True:
        item = _read(file, 8)
        if item is None:
            return None
        group, element, length = struct.unpack("<HHL", item)
        if (group, element) == SEQUENCE_DELIMITER:
            break
        if (group, element) != ITEM or length == UNDEFINED:
            return None
        if table:
            table = False
            if not _hash(file, length, hashlib.sha256()):
                return None
            continue
        first = file.read(min(length, START_BYTES))
        digest.update(first)
        if not _hash(file, length - len(first), digest):
            return None
        head = head or first
        fragments += 1
        starts += first.startswith(CODESTREAM_STARTS)
    if not fragments:
        return None
    return PixelData(True, 0, fragments, starts, head, digest.hexdigest())


def _read(file: BinaryIO, count: int) -> bytes | None:
    data = file.read(count)
    return data if len(data) == count else None


def _hash(file: BinaryIO, count: int, digest: "hashlib._Hash") -> bool:
    """Hash the next `count` bytes; False when the file ends before."""
    while count:
        block = file.read(min(count, BLOCK))
        if not block:
            return False
        digest.update(block)
        count -= len(block)
    return True


@dataclass(frozen=True)
class Frame:
    """Size and components that a JPEG or JPEG-LS codestream announces in its SOF segment."""

    rows: int
    columns: int
    components: int


def read_sof(head: bytes) -> Frame | None:
    """Return the SOF segment (ITU T.81, B.2.2) of the codestream that begins with `head`, if any."""
    position = 2
    while position + 4 <= len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        (length,) = struct.unpack(">H", head[position + 2 : position + 4])
        is_sof = (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7
        if is_sof and position + 10 <= len(head):
            rows, columns, components = struct.unpack(">HHB", head[position + 5 : position + 10])
            return Frame(rows, columns, components)
        position += 2 + length
    return None


def read_siz(head: bytes) -> Frame | None:
    """Return the SIZ segment (ITU T.800, A.5.1) of a JPEG 2000 codestream, bare or in a JP2 file."""
    at = head.find(b"\xff\x4f\xff\x51")
    segment = head[at + 4 : at + 4 + 38] if at >= 0 else b""
    if len(segment) < 38:
        return None
    width, height, x, y = struct.unpack(">LLLL", segment[4:20])
    (components,) = struct.unpack(">H", segment[36:38])
    return Frame(height - y, width - x, components)
