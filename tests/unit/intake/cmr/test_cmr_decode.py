"""Pixels of MRI frames: intensities, the rule to 8 bits, sizes, damaged frames, and the child's limits."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from cmr_files import PHASES, Cine, CmrArchive, change, decode_in_process, draw_frame, make_enhanced, rising
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cineclr.intake.cmr import convert
from cineclr.intake.cmr.assemble import Acquired, assemble, find_windows
from cineclr.intake.cmr.decode import Decoded, Job, decode_slice
from cineclr.intake.cmr.slices import Slice
from cineclr.ledger import PASSED


@pytest.fixture
def archive(tmp_path, monkeypatch):
    decode_in_process(monkeypatch)
    return CmrArchive(tmp_path)


def decode(folder: Path, **changes: object) -> Decoded:
    """Return what a file of one frame decodes to."""
    (_, _, dataset), *_ = Cine().files()
    change(dataset, **changes).save_as(folder / "file", enforce_file_format=True)
    return decode_slice(Job(((folder / "file", 0),)))


def test_slope_and_intercept_give_real_intensities(tmp_path):
    """Case 20: 16 bits."""
    (frame,) = decode(tmp_path, RescaleSlope="0.5", RescaleIntercept="-10").frames
    np.testing.assert_allclose(frame, draw_frame(0, 0) * 0.5 - 10)


@pytest.mark.parametrize("slope", ["0", "1e300", ""])
def test_an_impossible_slope_is_as_if_absent(tmp_path, slope):
    (frame,) = decode(tmp_path, RescaleSlope=slope).frames
    np.testing.assert_array_equal(frame, draw_frame(0, 0))


def test_monochrome1_is_inverted(tmp_path):
    """Case 20."""
    (frame,) = decode(tmp_path, PhotometricInterpretation="MONOCHROME1").frames
    np.testing.assert_array_equal(frame, -1.0 * draw_frame(0, 0))


def test_signed_pixels_keep_their_sign(tmp_path):
    values = draw_frame(0, 0).astype("<i2") - 100
    (frame,) = decode(tmp_path, PixelRepresentation=1, PixelData=values.tobytes()).frames
    np.testing.assert_array_equal(frame, values)


def test_eight_bits(tmp_path):
    values = draw_frame(0, 0, dtype="u1")
    (frame,) = decode(tmp_path, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=values.tobytes()).frames
    np.testing.assert_array_equal(frame, values)


def test_an_overlay_in_unused_bits_is_no_intensity(tmp_path):
    values = draw_frame(0, 0) | np.uint16(1 << 15)
    (frame,) = decode(tmp_path, BitsStored=12, HighBit=11, PixelData=values.tobytes()).frames
    np.testing.assert_array_equal(frame, draw_frame(0, 0))


@pytest.mark.parametrize("photometric", ["RGB", "PALETTE COLOR"])
def test_colours_are_no_intensities(tmp_path, photometric):
    (_, _, dataset), *_ = Cine().files()
    samples = 3 if photometric == "RGB" else 1
    changes = {"SamplesPerPixel": samples, "PixelData": dataset.PixelData * samples, "PlanarConfiguration": 0}
    decoded = decode(tmp_path, PhotometricInterpretation=photometric, **changes)
    assert decoded.failed == (0,)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
)
def test_syntaxes_lose_nothing(archive, syntax):
    """Case 19."""
    for number, phase, dataset in Cine(slices=1).files():
        if syntax.is_encapsulated:
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.file_meta.TransferSyntaxUID = syntax
        archive.add(f"{number}_{phase}", dataset)
    assert set(archive.run()) == {PASSED}
    np.testing.assert_array_equal(archive.view()[0][0, 3], draw_frame(0, 3))


@pytest.mark.parametrize("stored", ["RLE", "big_endian", "jpeg_2k_lossless", "jpeg_ls_lossless"])
def test_a_real_enhanced_object_is_the_same_in_every_syntax(stored):
    """Cases 19 and 21."""
    names = ("emri_small.dcm", f"emri_small_{stored}.dcm")
    plain, other = (get_testdata_file(name, download=False) for name in names)
    if plain is None or other is None:
        pytest.skip("pydicom-data is not installed")
    whole, again = (decode_slice(Job(tuple((Path(one), at) for at in range(10)))) for one in (plain, other))
    assert whole.failed == ()
    assert whole.frames.shape == (10, 64, 64)
    np.testing.assert_array_equal(again.frames, whole.frames)


def test_a_damaged_frame_of_a_file_leaves_the_others(archive):
    order = [one for frames in rising(2) for one in frames]
    dataset = make_enhanced(Cine(slices=2), order)
    dataset.compress(RLELossless, generate_instance_uid=False)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=len(order)))
    frames[PHASES + 2] = bytes(64)  # run lengths of no segment
    dataset.PixelData = encapsulate(frames)
    archive.add("stack", dataset)
    assert set(archive.run()) == {PASSED}
    assert archive.order() == [rising(2)[0], [one for one in rising(2)[1] if one != (1, 2)]]


def test_a_damaged_file_costs_its_frame_and_a_slice_of_few_is_lost(archive):
    for number, phase, dataset in Cine(slices=2).files():
        if (number, phase) in ((0, 4), (1, 1), (1, 2), (1, 3)):
            dataset.file_meta.TransferSyntaxUID = RLELossless
            dataset.PixelData = encapsulate([bytes(64)])
            dataset["PixelData"].is_undefined_length = True
        archive.add(f"{number}_{phase}", dataset)
    codes = archive.run(min_frames=8)
    assert archive.order() == [[(0, phase) for phase in range(PHASES) if phase != 4]]
    assert codes["0_4"] == "decode_failed"
    assert codes.value_counts().to_dict() == {"decode_failed": PHASES + 1, PASSED: PHASES - 1}


def test_frames_of_another_size_in_a_slice_are_left_out(archive):
    """Case 21."""
    odd = Cine(slices=1, size=64)
    for _, phase, dataset in Cine(slices=1).files():
        if phase == 0:
            dataset.Rows = dataset.Columns = odd.size
            dataset.PixelData = draw_frame(0, 0, odd.size).tobytes()
        archive.add(f"{phase}", dataset)
    codes = archive.run()
    assert codes["0"] == "decode_failed"
    assert archive.order() == [rising(1)[0][1:]]


def test_slices_of_another_size_are_resized_to_that_of_most(archive):
    """Case 21."""
    archive.add_cine(Cine(slices=2))
    archive.add_cine(Cine(slices=1, size=64, number=2, start=50), PixelSpacing=["0.75", "0.75"])
    archive.run()
    pixels, attributes = archive.view()
    assert pixels.shape[2:] == (32, 32)
    assert attributes["acquired_size"].tolist() == [[32, 32], [32, 32], [64, 64]]
    np.testing.assert_allclose(attributes["pixel_spacing_mm"], 1.5)


def test_size_as_set(archive):
    archive.add_cine(Cine(slices=2))
    archive.run(size=64)
    pixels, attributes = archive.view()
    assert pixels.shape[2:] == (64, 64)
    np.testing.assert_allclose(attributes["pixel_spacing_mm"], 0.75)
    assert archive.order() == rising(2)


def make_acquired(values: np.ndarray, series: str = "C1", position: float = 0.0) -> Acquired:
    place = Slice(tuple(range(len(values))), (0,) * len(values), position, (0.0, 0.0, 1.0), 30.0)
    return Acquired(values.astype(np.float32), place, series, (1.0, 2.0))


def test_eight_bits_follow_the_window_of_the_series():
    rng = np.random.default_rng(0)
    first, second = rng.gamma(2, 100, (4, 20, 30)), rng.normal(0, 9, (3, 20, 30))
    parts = [make_acquired(first, "C1"), make_acquired(second, "C2")]
    windows = find_windows(parts, 99.0)
    view = assemble(parts, windows, None)
    for number, part in enumerate(parts):
        low, high = part.frames.min(), np.percentile(part.frames, 99)
        stored_window = view.intensity_low[number], view.intensity_high[number]
        np.testing.assert_allclose(stored_window, (low, high), rtol=1e-5)
        expected = np.clip((part.frames - low) / (high - low) * 255, 0, 255)
        stored = view.pixels[number, : len(part.frames)]
        assert np.abs(stored - expected).max() <= 0.51
    assert not view.pixels[1, 3].any()  # behind the last frame
    assert view.frames.tolist() == [4, 3]


def test_a_series_of_one_grey_is_black():
    part = make_acquired(np.full((3, 16, 16), 700.0))
    view = assemble([part], find_windows([part], 99.9), None)
    assert not view.pixels.any()


def obstruct(job: Job) -> Decoded:
    """Do to the decoder's process what a hostile file may do; the rest is decoded."""
    name = job.frames[0][0].name
    if name.startswith("0"):
        os._exit(9)
    if name.startswith("1"):
        time.sleep(600)
    return decode_slice(job)


def test_a_decoder_that_dies_or_hangs_costs_its_slice_alone(tmp_path, monkeypatch):
    """Case 22."""
    archive = CmrArchive(tmp_path)
    monkeypatch.setattr(convert, "decode_slice", obstruct)
    archive.add_cine(Cine(slices=4))
    codes = archive.run(seconds=2)
    by_slice = codes.groupby(codes.index.str[2]).agg(set).to_dict()
    assert by_slice == {"0": {"decode_failed"}, "1": {"decode_failed"}, "2": {PASSED}, "3": {PASSED}}
    assert archive.order() == rising(4)[2:]
