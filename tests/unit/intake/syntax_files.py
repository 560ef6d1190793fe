"""The same small grey clip in every transfer syntax, and what each must decode to."""

import importlib.util
import io
from collections.abc import Callable
from functools import cache

import av
import imagecodecs
import numpy as np
from intake_files import compress, draw_sector, make_file, to_bytes
from pydicom import uid
from pydicom.encaps import encapsulate

FRAMES = 6
CLIP = draw_sector(0, FRAMES)
SPREAD = 16  # 12-bit pixels: grey times this


def native(syntax: uid.UID) -> bytes:
    dataset = make_file(CLIP)
    dataset.file_meta.TransferSyntaxUID = syntax
    return to_bytes(dataset)


def big_endian() -> bytes:
    """Return 12 bits of 16, each pixel's high byte first."""
    pixels = CLIP.astype(np.uint16) * SPREAD
    dataset = make_file(pixels, BitsStored=12, HighBit=11, PixelData=pixels.astype(">u2").tobytes())
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    dataset.set_original_encoding(False, False)
    return to_bytes(dataset)


def by_pydicom(syntax: uid.UID, **options: object) -> bytes:
    dataset = make_file(CLIP)
    dataset.compress(syntax, generate_instance_uid=False, **options)
    return to_bytes(dataset)


def encode_video(codec: str, container: str, options: dict[str, str]) -> bytes:
    """Return the clip as FFmpeg writes it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=50, options=options)
        stream.height, stream.width = CLIP.shape[1:]
        stream.pix_fmt = "yuv420p"
        for frame in CLIP:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        output.mux(stream.encode())
    return buffer.getvalue()


def video(syntax: uid.UID, codec: str, container: str, options: dict[str, str]) -> bytes:
    """Return a file whose frames are one stream, in fragments of 4,000 bytes."""
    data = encode_video(codec, container, options)
    parts = [data[start : start + 4000] for start in range(0, len(data), 4000)]
    dataset = make_file(np.repeat(CLIP[..., None], 3, axis=3), PhotometricInterpretation="YBR_PARTIAL_420")
    dataset.PixelData = encapsulate(parts, has_bot=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    return to_bytes(dataset)


def lossless_jpeg(syntax: uid.UID, predictor: int) -> bytes:
    dataset = make_file(CLIP)
    dataset.PixelData = encapsulate([encode_lossless(frame, predictor) for frame in CLIP])
    dataset.file_meta.TransferSyntaxUID = syntax
    return to_bytes(dataset)


def high_throughput(syntax: uid.UID, **options: object) -> bytes:
    """Return a file of HTJ2K, for which pydicom has no encoder."""
    dataset = make_file(CLIP)
    dataset.PixelData = encapsulate([imagecodecs.htj2k_encode(frame, **options) for frame in CLIP])
    dataset.file_meta.TransferSyntaxUID = syntax
    return to_bytes(dataset)


def encode_lossless(frame: np.ndarray, predictor: int) -> bytes:
    """Return an 8-bit grey frame as lossless JPEG (ITU T.81, Annex H); predictor 1 is left, 2 above.

    The Huffman table is plain: 4 bits for each of the categories 0 to 8.
    """
    pixels = frame.astype(int)
    predicted = np.empty_like(pixels)
    predicted[0, 0] = 128
    predicted[0, 1:] = pixels[0, :-1]
    predicted[1:, 0] = pixels[:-1, 0]
    predicted[1:, 1:] = pixels[1:, :-1] if predictor == 1 else pixels[:-1, 1:]
    difference = (pixels - predicted).ravel()
    category = np.ceil(np.log2(np.abs(difference) + 1)).astype(int)
    extra = np.where(difference < 0, difference + (1 << category) - 1, difference)
    code, length = (category << category) | extra, 4 + category
    place = np.arange(12)
    bits = (code[:, None] >> (length[:, None] - 1 - place).clip(0)) & 1
    packed = np.packbits(np.append(bits[place < length[:, None]], np.ones(7, int))).tobytes()
    rows, columns = frame.shape
    sof = b"\xff\xc3\0\x0b\x08" + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + b"\x01\x01\x11\0"
    dht = b"\xff\xc4\0\x1c\0" + bytes([0, 0, 0, 9, *[0] * 12]) + bytes(range(9))
    sos = b"\xff\xda\0\x08\x01\x01\0" + bytes([predictor]) + b"\0\0"
    return b"\xff\xd8" + sof + dht + sos + packed.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


MAKERS: dict[str, Callable[[], bytes]] = {
    "implicit": lambda: native(uid.ImplicitVRLittleEndian),
    "explicit": lambda: native(uid.ExplicitVRLittleEndian),
    "big endian": big_endian,
    "deflated": lambda: native(uid.DeflatedExplicitVRLittleEndian),
    "rle": lambda: by_pydicom(uid.RLELossless),
    "jpeg": lambda: to_bytes(compress(make_file(CLIP), 100)),
    "jpeg-ls": lambda: by_pydicom(uid.JPEGLSLossless),
    "jpeg-ls near lossless": lambda: by_pydicom(uid.JPEGLSNearLossless, jls_error=2),
    "jpeg 2000 lossless": lambda: by_pydicom(uid.JPEG2000Lossless),
    "jpeg 2000": lambda: by_pydicom(uid.JPEG2000, j2k_psnr=[60]),
    "htj2k lossless": lambda: high_throughput(uid.HTJ2KLossless, reversible=True),
    "htj2k": lambda: high_throughput(uid.HTJ2K, reversible=False, level=0.002),
    "mpeg-2": lambda: video(uid.MPEG2MPML, "mpeg2video", "mpeg2video", {"qmin": "1", "qmax": "1"}),
    "mpeg-4": lambda: video(uid.MPEG4HP41, "libx264", "h264", {"qp": "1", "preset": "ultrafast"}),
    "mpeg-4 in mp4": lambda: video(uid.MPEG4HP41, "libx264", "mp4", {"qp": "1", "preset": "veryfast"}),
    "hevc": lambda: video(uid.HEVCMP51, "libx265", "hevc", {"x265-params": "lossless=1:log-level=none"}),
}
if importlib.util.find_spec("libjpeg"):
    MAKERS["jpeg lossless"] = lambda: lossless_jpeg(uid.JPEGLossless, 2)
    MAKERS["jpeg lossless, first order"] = lambda: lossless_jpeg(uid.JPEGLosslessSV1, 1)


@cache
def file_of(syntax: str) -> bytes:
    """Return the file of a syntax in MAKERS."""
    return MAKERS[syntax]()
