"""AVI files of grey frames, each a JPEG (motion JPEG): small, readable everywhere, every frame by itself.

OpenCV's own writers cannot do this: the built-in one rounds the frame rate to a whole number and garbles
grey frames, the FFmpeg one knows no quality. The container (AVI 1.0) is simple enough to be written here,
and OpenCV encodes the frames. RIFF 'AVI ' holds LIST 'hdrl' (avih, LIST 'strl' (strh, strf)), LIST 'movi'
(00dc ...), idx1.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cineclr.files import publish

HAS_INDEX, KEY_FRAME = 0x10, 0x10
MOVI, FRAME = b"movi", b"00dc"
HEADER = 220  # bytes before the frames
LARGEST = 2**31  # bytes: beyond, AVI 1.0 readers stop


def write_avi(path: Path, clip: np.ndarray, fps: float, quality: int = 95) -> None:
    """Publish uint8 grey frames (T, H, W) as an AVI at `fps` frames per second; read back and counted.

    Raises ValueError for another shape, OSError when what reached the disk is not what was written.
    """
    if clip.dtype != np.uint8 or clip.ndim != 3 or not clip.size:
        raise ValueError(f"{clip.dtype} {clip.shape} are no grey frames")
    frames = [_encode(frame, quality) for frame in clip]
    with publish(path) as temporary:
        temporary.write_bytes(_container(frames, clip.shape[2], clip.shape[1], fps))
        written = Video(temporary)
        if len(written) != len(clip) or any(frame.shape != clip.shape[1:] for frame in written.read()):
            raise OSError(f"{path.name}: {len(written)} of {len(clip)} frames reached the disk")


def read_avi(path: Path) -> np.ndarray:
    """Return all frames of an AVI that `write_avi` wrote: uint8 (T, H, W). OSError if it is damaged."""
    return np.stack(list(Video(path).read()))


class Video:
    """An AVI that `write_avi` wrote; any frame can be read by itself.

    Attributes:
        fps: frames per second.
    """

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._name = path.name
        head = self._data[:12]
        whole = len(self._data) > HEADER and len(self._data) == 8 + _size(head, 4)
        if head[:4] != b"RIFF" or head[8:] != b"AVI " or not whole:
            raise OSError(f"{path.name}: not a whole AVI file")
        scale, rate = struct.unpack("<LL", self._data[128:136])
        self.fps = rate / scale if scale else 0.0
        self._places = self._find_frames()

    def _find_frames(self) -> list[tuple[int, int]]:
        start = self._data.find(MOVI, 0, 4096)
        position, end = start + 4, start + _size(self._data, start - 4)
        places: list[tuple[int, int]] = []
        while start > 0 and position + 8 <= end:
            size = _size(self._data, position + 4)
            whole = size and position + 8 + size <= len(self._data)
            if self._data[position : position + 4] != FRAME or not whole:
                raise OSError(f"{self._name}: damaged at frame {len(places)}")
            places.append((position + 8, size))
            position += 8 + size + size % 2
        if len(places) != _size(self._data, 48):
            raise OSError(f"{self._name}: {len(places)} frames instead of {_size(self._data, 48)}")
        return places

    def __len__(self) -> int:
        return len(self._places)

    def streams(self) -> Iterator[bytes]:
        """Yield every frame as it is stored, a JPEG."""
        for start, size in self._places:
            yield self._data[start : start + size]

    def read(self, frames: Sequence[int] | None = None) -> Iterable[np.ndarray]:
        """Yield the chosen frames, or all, as uint8 (H, W); OSError for one that does not decode."""
        for index in range(len(self)) if frames is None else frames:
            start, size = self._places[index]
            stream = np.frombuffer(self._data, np.uint8, size, start)
            frame = cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE)
            if frame is None:
                raise OSError(f"{self._name}: frame {index} is damaged")
            yield frame.astype(np.uint8, copy=False)


def _size(data: bytes, position: int) -> int:
    return struct.unpack("<L", data[position : position + 4])[0]


def _encode(frame: np.ndarray, quality: int) -> bytes:
    done, stream = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError("a frame could not be encoded")
    return stream.tobytes()


def _chunk(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return name + struct.pack("<L", len(data)) + data + b"\0" * (len(data) % 2)


def _container(frames: list[bytes], width: int, height: int, fps: float) -> bytes:
    """Return the whole file; field by field after Microsoft's AVI RIFF File Reference."""
    rate, scale = Fraction(fps).limit_denominator(100_000).as_integer_ratio()
    largest = max(map(len, frames))
    avih = struct.pack(
        "<14L", round(1e6 / fps), 0, 0, HAS_INDEX, len(frames), 0, 1, largest, width, height, 0, 0, 0, 0
    )
    strh = struct.pack(
        "<4s4sLHHLLLLLLLL4H",
        *(b"vids", b"MJPG", 0, 0, 0, 0, scale, rate, 0, len(frames), largest, 0xFFFFFFFF, 0),
        *(0, 0, width, height),
    )
    strf = struct.pack("<LLLHH4sLLLLL", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    stream = _chunk(b"LIST", b"strl", _chunk(b"strh", strh), _chunk(b"strf", strf))
    header = _chunk(b"LIST", b"hdrl", _chunk(b"avih", avih), stream)
    chunks, entries, position = [], [], 4
    for frame in frames:
        chunks.append(_chunk(FRAME, frame))
        entries.append(struct.pack("<4sLLL", FRAME, KEY_FRAME, position, len(frame)))
        position += len(chunks[-1])
    if position > LARGEST:
        raise ValueError("too long for one AVI file")
    return _chunk(b"RIFF", b"AVI ", header, _chunk(b"LIST", MOVI, *chunks), _chunk(b"idx1", *entries))
