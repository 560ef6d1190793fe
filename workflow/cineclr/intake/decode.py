"""Decoding: the frames of a clip, one at a time, as 8-bit grey or as colour.

JPEG Baseline, which most echo files are, goes straight from fragment to Pillow, and for grey frames only the
luma is decoded: many times faster than pydicom's `pixel_array`, in the memory of one frame. Everything else
goes through pydicom's own decoders.
"""

import warnings
from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, iter_pixels
from pydicom.uid import JPEGBaseline8Bit


class DecodeError(Exception):
    """The pixel data do not give the frames that the header announces; the message names no value."""


class Clip:
    """A multi-frame file opened for decoding.

    Attributes:
        frames, rows, columns: as the header announces; every decoded frame is checked against them.
    """

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote header values
            self._dataset = pydicom.dcmread(path, force=True)
        self.frames = int(self._dataset.NumberOfFrames)
        self.rows, self.columns = int(self._dataset.Rows), int(self._dataset.Columns)
        self._photometric = str(self._dataset.PhotometricInterpretation)
        self._is_jpeg = self._dataset.file_meta.get("TransferSyntaxUID") == JPEGBaseline8Bit

    @property
    def has_colour(self) -> bool:
        """Whether frames may hold colour at all."""
        return not self._photometric.startswith("MONOCHROME")

    def grey(self) -> Iterator[np.ndarray]:
        """Yield every frame as uint8 (rows, columns); raise DecodeError if they do not fit the header."""
        count = 0
        for frame in self._decode(range(self.frames), colour=False):
            count += 1
            yield self._checked(frame, (self.rows, self.columns))
        if count != self.frames:
            raise DecodeError("fewer frames than announced")

    def colour(self, frames: list[int]) -> Iterator[np.ndarray]:
        """Yield the chosen frames as uint8 RGB (rows, columns, 3); raise DecodeError as `grey` does."""
        for frame in self._decode(frames, colour=True):
            yield self._checked(frame, (self.rows, self.columns, 3))

    def _checked(self, frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if frame.shape != shape or frame.dtype != np.uint8:
            raise DecodeError("frame and header disagree")
        return frame

    def _decode(self, frames: range | list[int], colour: bool) -> Iterator[np.ndarray]:
        if self._is_jpeg and self._photometric not in ("MONOCHROME1", "PALETTE COLOR"):
            for index in frames:
                yield self._decode_jpeg(self._streams[index], colour)
            return
        for frame in iter_pixels(self._dataset, indices=list(frames)):
            yield self._to_rgb(frame) if colour else self._to_grey(frame)

    @cached_property
    def _streams(self) -> list[bytes]:
        return list(generate_frames(self._dataset.PixelData, number_of_frames=self.frames))

    def _decode_jpeg(self, stream: bytes, colour: bool) -> np.ndarray:
        image = Image.open(BytesIO(stream), formats=["JPEG"])
        if not colour:
            image.draft("L", image.size)  # the luma alone: no colour is computed
            return np.asarray(image if image.mode == "L" else image.convert("L"))
        if self._photometric == "RGB" and not {"jfif", "adobe"} & set(image.info):
            return self._decode_unmarked(image)
        return np.asarray(image.convert("RGB"))

    def _decode_unmarked(self, image: Image.Image) -> np.ndarray:
        """Decode a frame called RGB that may be RGB or YCbCr: nothing in the file says which.

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

    def _to_rgb(self, frame: np.ndarray) -> np.ndarray:
        if self._photometric == "PALETTE COLOR":
            frame = apply_color_lut(frame, self._dataset)
            if frame.dtype == np.uint16:
                frame = self._narrow_palette(frame)
        elif frame.ndim == 2:
            frame = np.repeat(self._to_grey(frame)[..., None], 3, axis=2)
        return self._narrow(frame)

    def _to_grey(self, frame: np.ndarray) -> np.ndarray:
        if self.has_colour:
            return cv2.cvtColor(self._to_rgb(frame), cv2.COLOR_RGB2GRAY).astype(np.uint8)
        grey = self._narrow(frame)
        return 255 - grey if self._photometric == "MONOCHROME1" else grey

    def _narrow_palette(self, frame: np.ndarray) -> np.ndarray:
        """Return a 16-bit palette's colours in 8 bits (some scanners fill the low byte only)."""
        entries = np.frombuffer(self._dataset.RedPaletteColorLookupTableData, np.uint16)
        return (frame if entries.max() < 256 else frame >> 8).astype(np.uint8)

    def _narrow(self, frame: np.ndarray) -> np.ndarray:
        """Return the eight most significant of the bits stored; signed values are shifted to start at 0."""
        stored = int(self._dataset.get("BitsStored", 8))
        if frame.dtype == np.uint8:
            return frame if stored >= 8 else frame << (8 - stored)
        if frame.dtype.kind == "i":
            frame = frame.astype(np.int32) + (1 << (stored - 1))
        return np.clip(frame >> max(stored - 8, 0), 0, 255).astype(np.uint8)
