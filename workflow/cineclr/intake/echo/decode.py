"""Decoding: the frames of a clip, one at a time, as 8-bit grey or as colour.

JPEG Baseline goes straight to libjpeg, video streams go to FFmpeg, everything else through pydicom's own
decoders.
"""

import struct
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pydicom
from pydicom.encaps import generate_frames, parse_fragments
from pydicom.pixels import apply_color_lut, iter_pixels
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from cineclr.intake.echo.jpeg import decode_colour, decode_luma
from cineclr.intake.failure import DecodeError
from cineclr.intake.syntaxes import VIDEO

# What of a file is read to decode it.
KEYWORDS = [
    *("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *(
        f"{part}{colour}PaletteColorLookupTable{what}"
        for colour in ("Red", "Green", "Blue")
        for part, what in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
    ),
]
# (implicit, little) -> syntax of a file that does not name its own, as files from before Part 10 are.
UNNAMED: dict[tuple[bool | None, bool | None], UID] = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


class Clip:
    """A multi-frame file opened for decoding.

    Attributes:
        frames, rows, columns: as the header announces; every decoded frame is checked against them.
    """

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote header values
            self._dataset = pydicom.dcmread(path, force=True, specific_tags=KEYWORDS)
        meta = self._dataset.file_meta
        if "TransferSyntaxUID" not in meta:
            meta.TransferSyntaxUID = UNNAMED[self._dataset.original_encoding]
        self._syntax = meta.TransferSyntaxUID
        self.frames = int(self._dataset.NumberOfFrames)
        self.rows, self.columns = int(self._dataset.Rows), int(self._dataset.Columns)
        self._photometric = str(self._dataset.PhotometricInterpretation)

    @property
    def has_colour(self) -> bool:
        """Whether frames may hold colour at all."""
        return not self._photometric.startswith("MONOCHROME")

    def grey(self, frames: Sequence[int] | None = None) -> Iterator[np.ndarray]:
        """Yield the chosen frames, or all, in ascending order as uint8 (rows, columns).

        Raises DecodeError if they do not fit the header.
        """
        wanted = range(self.frames) if frames is None else frames
        count = 0
        for frame in self._decode(wanted, colour=False, halved=False):
            count += 1
            yield self._checked(frame, (self.rows, self.columns))
        if count != len(wanted):
            raise DecodeError("fewer frames than announced")

    def colour(self, frames: Sequence[int], halved: bool = False) -> Iterator[np.ndarray]:
        """Yield the chosen frames as uint8 RGB (rows, columns, 3); raise DecodeError as `grey` does.

        With `halved` they have half the rows and columns, rounded up: quicker, and enough to see colours.
        """
        step = 2 if halved else 1
        shape = (-(-self.rows // step), -(-self.columns // step), 3)
        for frame in self._decode(frames, colour=True, halved=halved):
            yield self._checked(frame, shape)

    def _checked(self, frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if frame.shape != shape or frame.dtype != np.uint8:
            raise DecodeError("frame and header disagree")
        return frame

    def _decode(self, frames: Sequence[int], colour: bool, halved: bool) -> Iterator[np.ndarray]:
        if self._syntax == JPEGBaseline8Bit and self._photometric not in ("MONOCHROME1", "PALETTE COLOR"):
            streams = (self._streams[number] for number in frames)
            called_rgb = self._photometric == "RGB"
            return (
                decode_colour(stream, called_rgb, halved) if colour else decode_luma(stream)
                for stream in streams
            )
        step = np.s_[::2, ::2] if halved else np.s_[:]
        if self._syntax in VIDEO:
            return (frame[step] for frame in self._decode_video(frames, colour))
        decoded = iter_pixels(self._dataset, indices=list(frames))
        return ((self._to_rgb(frame) if colour else self._to_grey(frame))[step] for frame in decoded)

    @cached_property
    def _streams(self) -> Sequence[bytes | memoryview]:
        data = self._dataset.PixelData
        _, items = parse_fragments(data)  # the first is the Basic Offset Table
        if len(items) - 1 == self.frames:
            return [_content(data, item) for item in items[1:]]
        streams = list(generate_frames(data, number_of_frames=self.frames))
        if len(streams) != self.frames:
            raise DecodeError("not as many frames as announced")
        return streams

    def _decode_video(self, frames: Sequence[int], colour: bool) -> Iterator[np.ndarray]:
        """Yield the chosen frames, which build on those before: all are decoded, and counted."""
        from cineclr.intake.echo.mpeg import decode_video  # FFmpeg takes memory that few workers need

        (stream,) = generate_frames(self._dataset.PixelData, number_of_frames=1)
        wanted, number = set(frames), -1
        for number, frame in enumerate(decode_video(stream, "rgb24" if colour else "gray")):
            if number >= self.frames:
                break
            if number in wanted:
                yield frame
        if number + 1 != self.frames:
            raise DecodeError("not as many frames as announced")

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
        return (frame >> 8 if self._fills_high_bytes else frame).astype(np.uint8)

    @cached_property
    def _fills_high_bytes(self) -> bool:
        """Whether any entry of the palette, whole or in segments, needs more than eight bits."""
        entries, first, _ = self._dataset.RedPaletteColorLookupTableDescriptor
        ramp = first + np.arange(entries or 1 << 16)  # 0 stands for 65,536 (PS3.3 C.7.6.3.1.5)
        return bool(apply_color_lut(ramp, self._dataset).max() > 255)

    def _narrow(self, frame: np.ndarray) -> np.ndarray:
        """Return the eight most significant of the bits stored; signed values are shifted to start at 0."""
        stored = int(self._dataset.get("BitsStored", 8))
        if frame.dtype == np.uint8:
            return frame if stored >= 8 else frame << (8 - stored)
        if frame.dtype.kind == "i":
            frame = frame.astype(np.int32) + (1 << (stored - 1))
        return np.clip(frame >> max(stored - 8, 0), 0, 255).astype(np.uint8)


def _content(data: bytes, item: int) -> memoryview:
    """Return what an item holds (PS3.5 A.4): its tag and length, four bytes each, stand before it."""
    (length,) = struct.unpack_from("<L", data, item + 4)
    return memoryview(data)[item + 8 : item + 8 + length]
