"""AVI files of grey frames, each by itself a JPEG (motion JPEG) or lossless FFV1: readable everywhere.

OpenCV's own writers cannot do this: the built-in one rounds the frame rate to a whole number and garbles
grey frames, the FFmpeg one knows no quality, and both drop frames in silence when the disk is full. The
container (AVI 1.0) is simple enough to be written here. RIFF 'AVI ' holds LIST 'hdrl' (avih, LIST 'strl'
(strh, strf)), LIST 'movi' (00dc ...), idx1.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from cineclr.publishing import publish
from cineclr.video.codecs import CodecName, Encoder, open_decoder, open_encoder

HAS_INDEX, KEY_FRAME = 0x10, 0x10
MOVI, FRAME = b"movi", b"00dc"
HEADER = 224  # bytes before the first frame, without the codec's setup
FOURCC, RATE, FORMAT = 112, 128, 164  # where the codec, the rate and the chunk strf lie
VERIFIED = 8  # frames decoded of what was written
LARGEST = 2**31  # bytes: beyond, AVI 1.0 readers stop


def write_avi(
    path: Path, clip: Iterable[np.ndarray], fps: float, quality: int = 95, codec: CodecName = "mjpg"
) -> str:
    """Publish uint8 grey frames, (T, H, W) or one after the other, as an AVI at `fps` frames per second.

    Of the frames one is held at a time, of the file all bytes. It is read back: its bytes must be those that
    were encoded, every frame must begin and end and have its size, and some, spread over the clip, are
    decoded (of FFV1 all). `quality` is that of motion JPEG. Returns the file's SHA-256.
    Raises ValueError for another shape, OSError when what reached the disk is not what was written.
    """
    frames = iter(clip)
    first = next(frames, None)
    if first is None:
        raise ValueError("no grey frames")
    _check_frame(first, first.shape)
    encoder = open_encoder(codec, first.shape, quality)
    data = _assemble(itertools.chain([first], frames), first.shape, fps, encoder)
    with publish(path) as temporary:
        temporary.write_bytes(data)
        if temporary.read_bytes() != data:
            raise OSError(f"{path.name}: what reached the disk is not what was written")
        written = Video(temporary, data)
        written.verify()
        return written.sha256()


def _check_frame(frame: np.ndarray, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 2 or not frame.size or frame.shape != shape:
        raise ValueError(f"{frame.dtype} {frame.shape} are no grey frames of one size")


def read_avi(path: Path) -> np.ndarray:
    """Return all frames of an AVI that `write_avi` wrote: uint8 (T, H, W). OSError if it is damaged."""
    return np.stack(list(Video(path).read()))


class Video:
    """An AVI that `write_avi` wrote; any frame can be read by itself.

    `data`: the file's bytes where they are at hand; otherwise they are read.

    Attributes:
        fps: frames per second.
        fourcc: the codec, b"MJPG" or b"FFV1".
    """

    def __init__(self, path: Path, data: bytes | bytearray | None = None) -> None:
        self._data = memoryview(path.read_bytes() if data is None else data)
        self._name = path.name
        head = bytes(self._data[:4096])
        whole = len(self._data) > HEADER and len(self._data) == 8 + _size(head, 4)
        if head[:4] != b"RIFF" or head[8:12] != b"AVI " or not whole:
            raise OSError(f"{path.name}: not a whole AVI file")
        scale, rate = struct.unpack_from("<LL", head, RATE)
        self.fps = rate / scale if scale else 0.0
        self._places = self._find_frames(head)
        self.fourcc = head[FOURCC : FOURCC + 4]
        columns, rows = struct.unpack_from("<LL", head, FORMAT + 12)
        setup = head[FORMAT + 48 : FORMAT + 8 + _size(head, FORMAT + 4)]
        self._shape = (rows, columns)
        decoder = open_decoder(self.fourcc, self._shape, setup)
        if decoder is None:
            raise OSError(f"{path.name}: neither motion JPEG nor FFV1")
        self._decoder = decoder

    def _find_frames(self, head: bytes) -> list[tuple[int, int]]:
        start = head.find(MOVI)
        position, end = start + 4, start + _size(head, start - 4)
        places: list[tuple[int, int]] = []
        while start > 0 and position + 8 <= end:
            size = _size(self._data, position + 4)
            whole = size and position + 8 + size <= len(self._data)
            if self._data[position : position + 4] != FRAME or not whole:
                raise OSError(f"{self._name}: damaged at frame {len(places)}")
            places.append((position + 8, size))
            position += 8 + size + size % 2
        if len(places) != _size(head, 48):
            raise OSError(f"{self._name}: {len(places)} frames instead of {_size(head, 48)}")
        return places

    def __len__(self) -> int:
        return len(self._places)

    def streams(self) -> Iterator[bytes]:
        """Yield every frame as it is stored: a JPEG, or FFV1's."""
        for start, size in self._places:
            yield bytes(self._data[start : start + size])

    def read(self, frames: Sequence[int] | None = None) -> Iterable[np.ndarray]:
        """Yield the chosen frames, or all, as uint8 (H, W); OSError for one that does not decode."""
        for index in range(len(self)) if frames is None else frames:
            start, size = self._places[index]
            frame = self._decoder.decode(self._data[start : start + size])
            if frame is None:
                raise OSError(f"{self._name}: frame {index} is damaged")
            yield frame

    def verify(self) -> None:
        """Raise OSError unless every frame is whole and of the size that the header says, and some decode."""
        for index, (start, size) in enumerate(self._places):
            if not self._decoder.is_whole(self._data[start : start + size]):
                raise OSError(f"{self._name}: frame {index} is damaged")
        numbers = np.linspace(0, len(self) - 1, VERIFIED).round().astype(int)
        if any(frame.shape != self._shape for frame in self.read(np.unique(numbers).tolist())):
            raise OSError(f"{self._name}: header and frames disagree")

    def sha256(self) -> str:
        """Return the SHA-256 of the file as 64 hexadecimal digits."""
        return hashlib.sha256(self._data).hexdigest()


def _size(data: bytes | memoryview, position: int) -> int:
    return int(struct.unpack_from("<L", data, position)[0])


@dataclass(frozen=True)
class _Facts:
    """What the header says: sizes in pixels, and in bytes of each frame as it is stored."""

    rows: int
    columns: int
    fps: float
    sizes: list[int]


def _assemble(
    frames: Iterable[np.ndarray], shape: tuple[int, ...], fps: float, encoder: Encoder
) -> bytearray:
    """Return the bytes of the whole file."""
    setup = len(encoder.setup)
    data = bytearray(HEADER + setup + setup % 2)  # the header is known when the sizes of the frames are
    sizes = []
    for frame in frames:
        _check_frame(frame, shape)
        stream = encoder.encode(frame)
        sizes.append(len(stream))
        if len(data) + len(stream) > LARGEST:
            raise ValueError("too long for one AVI file")
        data += _chunk(FRAME, stream)
    data += _index(sizes)
    header = _header(_Facts(shape[0], shape[1], fps, sizes), encoder)
    data[: len(header)] = header
    return data


def _chunk(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return name + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)


def _index(sizes: list[int]) -> bytes:
    entries, position = [], 4
    for size in sizes:
        entries.append(struct.pack("<4sLLL", FRAME, KEY_FRAME, position, size))
        position += 8 + size + size % 2
    return _chunk(b"idx1", *entries)


def _header(facts: _Facts, encoder: Encoder) -> bytes:
    """Return what precedes the frames; field by field after Microsoft's AVI RIFF File Reference."""
    rate, scale = Fraction(facts.fps).limit_denominator(100_000).as_integer_ratio()
    width, height, count, largest = facts.columns, facts.rows, len(facts.sizes), max(facts.sizes)
    microseconds = round(1e6 / facts.fps)
    avih = struct.pack("<14L", microseconds, 0, 0, HAS_INDEX, count, 0, 1, largest, width, height, 0, 0, 0, 0)
    strh = struct.pack(
        "<4s4sLHHLLLLLLLL4H",
        *(b"vids", encoder.fourcc, 0, 0, 0, 0, scale, rate, 0, count, largest, 0xFFFFFFFF, 0),
        *(0, 0, width, height),
    )
    setup = encoder.setup
    strf = struct.pack(
        "<LLLHH4sLLLLL", 40 + len(setup), width, height, 1, 24, encoder.fourcc, width * height * 3, 0, 0, 0, 0
    )
    stream = _chunk(b"LIST", b"strl", _chunk(b"strh", strh), _chunk(b"strf", strf + setup))
    header = _chunk(b"LIST", b"hdrl", _chunk(b"avih", avih), stream)
    frames = 4 + sum(8 + size + size % 2 for size in facts.sizes)
    movi = b"LIST" + struct.pack("<L", frames) + MOVI
    total = 4 + len(header) + 8 + frames + 8 + 16 * len(facts.sizes)
    return b"RIFF" + struct.pack("<L", total) + b"AVI " + header + movi
