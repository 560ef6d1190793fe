"""JPEG Baseline, which most echo files are: from the fragment straight to libjpeg, one frame at a time.

For grey frames only the luma is decoded, and for a look at the colours a frame of half the size: many times
faster than pydicom's `pixel_array`, in the memory of one frame.
"""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from cineclr.intake.failure import DecodeError

START = b"\xff\xd8\xff"


def decode_luma(stream: bytes | memoryview) -> np.ndarray:
    """Return the luma of a frame, uint8 (rows, columns); no colour is computed."""
    return _decode(stream, cv2.IMREAD_GRAYSCALE)


def decode_colour(stream: bytes | memoryview, called_rgb: bool, halved: bool) -> np.ndarray:
    """Return a frame as uint8 RGB (rows, columns, 3), or of half the rows and columns, rounded up.

    `called_rgb`: whether the file says that the components are red, green and blue; then they may be.
    """
    if called_rgb:
        image = Image.open(BytesIO(_begun(stream)), formats=["JPEG"])
        if not {"jfif", "adobe"} & set(image.info):
            return _tell_components(image)[_every(halved)]
    frame = _decode(stream, cv2.IMREAD_REDUCED_COLOR_2 if halved else cv2.IMREAD_COLOR)
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def _decode(stream: bytes | memoryview, how: int) -> np.ndarray:
    frame = cv2.imdecode(np.frombuffer(_begun(stream), np.uint8), how | cv2.IMREAD_IGNORE_ORIENTATION)
    if frame is None:
        raise DecodeError("a JPEG frame is damaged or cut off")
    return frame.astype(np.uint8, copy=False)


def _every(halved: bool) -> tuple[slice, slice]:
    return np.s_[::2, ::2] if halved else np.s_[::1, ::1]


def _tell_components(image: Image.Image) -> np.ndarray:
    """Return RGB of a frame called RGB whose components may be RGB or YCbCr: nothing in the file says which.

    Grey tissue tells: its three components are equal in RGB, while in YCbCr two of them stay near 128.
    """
    image.draft("YCbCr", image.size)
    parts = np.asarray(image)
    if image.mode == "YCbCr":
        as_rgb = np.abs(parts[..., 1:].astype(np.int16) - parts[..., :1]).mean()
        as_ycbcr = np.abs(parts[..., 1:].astype(np.int16) - 128).mean()
        if as_ycbcr < as_rgb:
            return cv2.cvtColor(parts[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB).astype(np.uint8)
    return parts


def _begun(stream: bytes | memoryview) -> bytes | memoryview:
    """Return the stream; raise DecodeError if it begins as no JPEG, for which OpenCV has other decoders."""
    if stream[: len(START)] != START:
        raise DecodeError("a frame is no JPEG")
    return stream
