"""JPEG Baseline, which most echo files are: from the fragment straight to libjpeg, one frame at a time.

For grey frames only the luma is decoded, and for a look at the colours a frame of half the size: many times
faster than pydicom's `pixel_array`, in the memory of one frame.
"""

from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from cineclr.intake.failure import DecodeError

START, SCAN, END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
LUMA = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION


def decode_luma(stream: bytes) -> np.ndarray:
    """Return the luma of a frame, uint8 (rows, columns); no colour is computed."""
    frame = cv2.imdecode(np.frombuffer(_whole(stream), np.uint8), LUMA)
    if frame is None:
        raise DecodeError("a JPEG frame does not decode")
    return frame.astype(np.uint8, copy=False)


def decode_colour(stream: bytes, called_rgb: bool, halved: bool) -> np.ndarray:
    """Return a frame as uint8 RGB (rows, columns, 3), or of half the rows and columns, rounded up.

    `called_rgb`: whether the file says that the components are red, green and blue; then they may be.
    """
    image = Image.open(BytesIO(_whole(stream)), formats=["JPEG"])
    unmarked = called_rgb and not {"jfif", "adobe"} & set(image.info)
    size = image.size
    image.draft(
        "YCbCr" if unmarked else None, (max(size[0] // 2, 1), max(size[1] // 2, 1)) if halved else size
    )
    return _tell_components(image) if unmarked else np.asarray(image.convert("RGB"))


def _tell_components(image: Image.Image) -> np.ndarray:
    """Return RGB of a frame called RGB whose components may be RGB or YCbCr: nothing in the file says which.

    Grey tissue tells: its three components are equal in RGB, while in YCbCr two of them stay near 128.
    """
    parts = np.asarray(image)
    if image.mode == "YCbCr":
        as_rgb = np.abs(parts[..., 1:].astype(np.int16) - parts[..., :1]).mean()
        as_ycbcr = np.abs(parts[..., 1:].astype(np.int16) - 128).mean()
        if as_ycbcr < as_rgb:
            return cv2.cvtColor(parts[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB).astype(np.uint8)
    return parts


def _whole(stream: bytes) -> bytes:
    """Return the stream; raise DecodeError if it does not begin or end as a JPEG.

    A decoder fills what is missing with grey and says nothing. After the scan's header the two bytes of the
    end marker stand for nothing else (ITU T.81, B.1.1.5).
    """
    scan = stream.find(SCAN)
    if not stream.startswith(START) or scan < 0 or stream.rfind(END, scan) < 0:
        raise DecodeError("a JPEG frame is cut off")
    return stream
