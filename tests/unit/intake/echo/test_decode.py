from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from intake_files import FRAMES, compress, draw_sector, make_file, to_bytes
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.examples import get_path
from pydicom.pixels import iter_pixels
from pydicom.uid import RLELossless

from cineclr.intake.echo.decode import Clip
from cineclr.intake.failure import DecodeError

CLIP = draw_sector()


def coloured() -> np.ndarray:
    """Return an RGB clip (T, H, W, 3) with strong colours, so that a wrong conversion shows."""
    red = np.full_like(CLIP, 90)
    return np.stack([CLIP, red, 255 - CLIP], axis=-1)


def grey_of(rgb: np.ndarray) -> np.ndarray:
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb])


def palette_file(bits: int):
    dataset = make_file(CLIP, PhotometricInterpretation="PALETTE COLOR")
    ramp = np.arange(256)
    for colour, entries in (("Red", ramp), ("Green", 255 - ramp), ("Blue", ramp // 2)):
        stored = (entries if bits == 8 else entries * 257).astype(np.uint8 if bits == 8 else np.uint16)
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", stored.tobytes())
    table = np.stack([ramp, 255 - ramp, ramp // 2], axis=-1).astype(np.uint8)
    return dataset, grey_of(table[CLIP])


def segmented_palette_file(low_byte: bool):
    """Return a file whose 16-bit palette is told in segments (PS3.3 C.7.9.2): a point and a line.

    `low_byte`: the scanner fills the low bytes of its entries only.
    """
    dataset = make_file(CLIP, PhotometricInterpretation="PALETTE COLOR")
    ends = {"Red": (0, 255), "Green": (255, 0), "Blue": (0, 255)}
    for colour, (first, last) in ends.items():
        scale = 1 if low_byte else 257
        segments = np.array([0, 1, first * scale, 1, 255, last * scale], np.uint16)
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", segments.tobytes())
    ramp = np.arange(256)
    table = np.stack([ramp, 255 - ramp, ramp], axis=-1).astype(np.uint8)
    return dataset, grey_of(table[CLIP])


def rle_file():
    dataset = make_file(coloured())
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset, grey_of(coloured())


REFERENCES = {
    "native grey": lambda: (make_file(CLIP), CLIP),
    "native colour": lambda: (make_file(coloured()), grey_of(coloured())),
    "monochrome 1": lambda: (make_file(CLIP, PhotometricInterpretation="MONOCHROME1"), 255 - CLIP),
    "12 bits": lambda: (make_file(CLIP.astype(np.uint16) * 16, BitsStored=12, HighBit=11), CLIP),
    "signed": lambda: (
        make_file((CLIP.astype(np.int16) - 128) * 256, PixelRepresentation=1, BitsStored=16),
        CLIP,
    ),
    "palette of 8 bits": lambda: palette_file(8),
    "palette of 16 bits": lambda: palette_file(16),
    "palette in segments": lambda: segmented_palette_file(low_byte=False),
    "palette in segments, low bytes": lambda: segmented_palette_file(low_byte=True),
    "rle colour": rle_file,
    "jpeg grey": lambda: (compress(make_file(CLIP), 100), CLIP),
    "jpeg colour": lambda: (compress(make_file(coloured()), 100), grey_of(coloured())),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_grey_frames_equal_the_reference(name, tmp_path):
    """Cases 19 and 20: palettes, signed and 12-bit pixels, MONOCHROME1."""
    dataset, expected = REFERENCES[name]()
    path = tmp_path / "f"
    path.write_bytes(to_bytes(dataset))
    frames = np.stack(list(Clip(path).grey()))
    assert frames.shape == expected.shape
    assert np.abs(frames.astype(int) - expected).max() <= 3


def test_a_real_echo_equals_pydicom():
    path = get_path("ybr_color")
    expected = grey_of(np.stack(list(iter_pixels(path))))
    frames = np.stack(list(Clip(path).grey()))
    sector = np.s_[:, 30:208, 42:298]  # colours of the logo do not fit in RGB
    assert np.abs(frames.astype(int) - expected)[sector].max() <= 3


@pytest.mark.parametrize("stored", ["expb", "rle"])
def test_one_real_clip_in_several_syntaxes_is_one_clip(stored):
    """Case 19."""
    plain, other = (
        get_testdata_file(f"OBXXXX1A_{name}2frame.dcm", download=False) for name in ("", f"{stored}_")
    )
    if plain is None or other is None:
        pytest.skip("pydicom-data is not installed")
    np.testing.assert_array_equal(list(Clip(Path(plain)).grey()), list(Clip(Path(other)).grey()))


@pytest.mark.parametrize("truth", ["RGB", "YCbCr"])
def test_jpeg_called_rgb_without_a_marker_keeps_its_colours(truth, tmp_path):
    """Case 17: grey tissue with a little colour, stored as RGB or as YCbCr; the file says RGB and no more."""
    grey = np.repeat(CLIP[:, ::, :, None], 3, axis=3).copy()
    grey[:, 60:80, 60:80] = (200, 60, 40)
    dataset = make_file(grey)
    streams = []
    for frame in grey:
        parts = frame if truth == "RGB" else cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
        streams.append(unmarked_jpeg(parts))
    dataset.PixelData = encapsulate(streams)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    path = tmp_path / "f"
    path.write_bytes(to_bytes(dataset))
    (frame,) = Clip(path).colour([3])
    assert np.abs(frame[65:75, 65:75].astype(int).mean((0, 1)) - (200, 60, 40)).max() < 8
    outside = frame[100:].astype(int)
    assert np.abs(outside - outside[..., :1]).max() < 30


def unmarked_jpeg(parts: np.ndarray) -> bytes:
    """Return a JPEG whose three components are these, with neither JFIF nor Adobe marker."""

    buffer = BytesIO()
    Image.frombytes("YCbCr", parts.shape[1::-1], parts.tobytes()).save(
        buffer, "JPEG", quality=95, subsampling=0
    )
    data = buffer.getvalue()
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


def test_a_header_that_lies_is_an_error(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(to_bytes(compress(make_file(CLIP), 95)))
    clip = Clip(path)
    clip.rows += 1
    with pytest.raises(DecodeError):
        list(clip.grey())


def test_frames_can_be_chosen(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(to_bytes(make_file(coloured())))
    frames = list(Clip(path).colour([FRAMES - 1, 2]))
    np.testing.assert_array_equal(frames[0], coloured()[FRAMES - 1])
    np.testing.assert_array_equal(frames[1], coloured()[2])
