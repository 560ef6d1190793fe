"""How a grey frame becomes bytes in an AVI and comes back: motion JPEG, or FFV1, which loses nothing.

In both every frame stands by itself, so that any one can be read.
"""

import struct
from fractions import Fraction
from typing import Any, Literal, Protocol

import cv2
import numpy as np

CodecName = Literal["mjpg", "ffv1"]
MJPG, FFV1 = b"MJPG", b"FFV1"
# Of a JPEG (ITU T.81, B.1.1.3): its first and last marker, the bytes among which its size stands.
SOI, SOF0, EOI = b"\xff\xd8", b"\xff\xc0", b"\xff\xd9"
BEFORE_SCAN = 1024


class Encoder(Protocol):
    """Encodes the frames of one video; `setup` is what a decoder must know beside the frames."""

    fourcc: bytes
    setup: bytes

    def encode(self, frame: np.ndarray) -> bytes:
        """Return a frame (H, W) as bytes; raise OSError if it cannot be encoded."""


class Decoder(Protocol):
    """Decodes the frames of one video."""

    def decode(self, stream: bytes | memoryview) -> np.ndarray | None:
        """Return a frame, uint8 (H, W), or None if it is damaged."""

    def is_whole(self, stream: bytes | memoryview) -> bool:
        """Return whether a frame of the right size begins and ends here, at the least cost that tells."""


def open_encoder(codec: CodecName, shape: tuple[int, ...], quality: int) -> Encoder:
    """Return an encoder of frames of this shape (H, W); only motion JPEG has a quality, 0 to 100."""
    return JpegEncoder(quality) if codec == "mjpg" else Ffv1Encoder(*shape)


def open_decoder(fourcc: bytes, shape: tuple[int, int], setup: bytes) -> Decoder | None:
    """Return a decoder for the code in a video's header, None for another codec."""
    if fourcc == MJPG:
        return JpegDecoder(shape)
    return Ffv1Decoder(shape, setup) if fourcc == FFV1 else None


class JpegEncoder:
    """Each frame a JPEG, by OpenCV."""

    fourcc, setup = MJPG, b""

    def __init__(self, quality: int) -> None:
        self._options = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def encode(self, frame: np.ndarray) -> bytes:
        """Return a frame (H, W) as a JPEG; raise OSError if it cannot be encoded."""
        done, stream = cv2.imencode(".jpg", frame, self._options)
        if not done:
            raise OSError("a frame could not be encoded")
        return stream.tobytes()


class JpegDecoder:
    """Reads what JpegEncoder wrote."""

    def __init__(self, shape: tuple[int, int]) -> None:
        # The segment SOF0 (ITU T.81, B.2.2): its length, 8 bits a sample, rows and columns, one component.
        self._size = SOF0 + struct.pack(">HBHHB", 11, 8, *shape, 1)

    def decode(self, stream: bytes | memoryview) -> np.ndarray | None:
        """Return a frame, uint8 (H, W), or None if it is damaged."""
        frame = cv2.imdecode(np.frombuffer(stream, np.uint8), cv2.IMREAD_GRAYSCALE)
        return None if frame is None else frame.astype(np.uint8, copy=False)

    def is_whole(self, stream: bytes | memoryview) -> bool:
        """Return whether a grey JPEG of the right size begins and ends here; nothing is decoded."""
        head = bytes(stream[:BEFORE_SCAN])
        return head.startswith(SOI) and self._size in head and stream[-2:] == EOI


class Ffv1Encoder:
    """FFV1, version 3 (RFC 9043), by FFmpeg: lossless; frames carry checksums, for readers that heed them."""

    fourcc = FFV1

    def __init__(self, rows: int, columns: int) -> None:
        self._codec = _ffmpeg("w", rows, columns)
        self._codec.gop_size = 1  # no frame needs another
        self._codec.time_base = Fraction(1, 1000)  # unused: the container says when a frame is shown
        self._codec.options = {"level": "3", "slicecrc": "1"}
        self._codec.open()
        self.setup = bytes(self._codec.extradata)
        self._frames = 0

    def encode(self, frame: np.ndarray) -> bytes:
        """Return a frame (H, W) as FFV1; raise OSError if it cannot be encoded."""
        import av

        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="gray")
        picture.pts = self._frames
        self._frames += 1
        packets = self._codec.encode(picture)
        if len(packets) != 1:
            raise OSError("a frame could not be encoded")
        return bytes(packets[0])


class Ffv1Decoder:
    """Reads what Ffv1Encoder wrote.

    FFmpeg mends a frame whose checksum does not fit and says nothing: the file's own tells, in the manifest.
    """

    def __init__(self, shape: tuple[int, int], setup: bytes) -> None:
        self._shape = shape
        self._codec = _ffmpeg("r", *shape)
        self._codec.extradata = setup

    def decode(self, stream: bytes | memoryview) -> np.ndarray | None:
        """Return a frame, uint8 (H, W), or None if it is damaged."""
        import av

        try:
            frames = self._codec.decode(av.Packet(bytes(stream)))
        except av.FFmpegError:
            return None
        if len(frames) != 1 or frames[0].format.name != "gray":
            return None
        return frames[0].to_ndarray()

    def is_whole(self, stream: bytes | memoryview) -> bool:
        """Return whether a frame of the right size decodes."""
        frame = self.decode(stream)
        return frame is not None and frame.shape == self._shape


def _ffmpeg(mode: Literal["r", "w"], rows: int, columns: int) -> Any:
    import av  # takes memory that a reader or writer of motion JPEG does not need

    codec = av.CodecContext.create("ffv1", mode)
    codec.width, codec.height, codec.pix_fmt = columns, rows, "gray"
    codec.thread_count = 1  # the bytes do not depend on the machine
    return codec
