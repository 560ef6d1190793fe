"""Pixels: each syntax decodes to what was drawn; the clip moves; text lies outside the sector."""

import io
import time
from dataclasses import replace

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from cineclr.config import Demo
from cineclr.demo.dicom import SYNTAXES
from cineclr.demo.plan import FULL_SCREENS, SCREENS, Shot, StudyPlan, plan_hospital
from cineclr.demo.screen import VENDORS, lay_out
from cineclr.demo.shoot import draw_screen, shoot
from cineclr.demo.ultrasound import Sector, draw_acquisition, draw_clip, draw_opening

PLAN = plan_hospital(Demo(studies=12, frames=8), seed=7)[0]


def pick(kind: str, syntax: str = "rgb") -> Shot:
    shot = next(shot for shot in PLAN.shots if shot.kind == "plax" and not shot.fault)
    return replace(shot, kind=kind, syntax=syntax, copies=())


def draw(plan: StudyPlan, shot: Shot) -> tuple[np.ndarray, list]:
    rng = np.random.default_rng(shot.seed)
    return draw_screen(plan, shot, lay_out(shot.screen, plan.vendor, *draw_opening(rng)), rng)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_syntax_decodes_to_what_was_drawn(syntax: str) -> None:
    shot = pick("plax", syntax)
    drawn, _ = draw(PLAN, shot)
    dataset = pydicom.dcmread(io.BytesIO(shoot(PLAN, shot)[shot.path]))
    assert dataset.file_meta.TransferSyntaxUID == SYNTAXES[syntax][0]
    assert dataset.PhotometricInterpretation == SYNTAXES[syntax][1]
    pixels = dataset.pixel_array
    if syntax.startswith("palette"):
        pixels = (apply_color_lut(pixels, dataset) >> 8).astype(np.uint8)
    if syntax == "grey":
        drawn = drawn.max(axis=-1)
    assert pixels.shape == drawn.shape
    error = np.abs(pixels.astype(int) - drawn)
    allowed = {"jpeg": 6.0, "palette": 1.0, "palette_rle": 1.0}.get(syntax, 0.0)
    assert error.mean() <= allowed
    if syntax != "jpeg":
        assert error.max() <= 2 * allowed


def test_regions_say_what_a_screen_shows() -> None:
    formats = {
        kind: [(r.format, r.type) for r in draw(PLAN, pick(kind))[1]]
        for kind in ("plax", "colour", "doppler", "mmode")
    }
    assert formats["plax"] == [(1, 1)]
    assert formats["colour"] == [(1, 1), (1, 2)]
    assert [code for code, _ in formats["doppler"] + formats["mmode"]] == [3, 2]


@pytest.mark.parametrize("screen", SCREENS + FULL_SCREENS)
@pytest.mark.parametrize("vendor", range(len(VENDORS)))
def test_text_is_inside_and_outside_the_region_but_not_near_the_sector(
    screen: tuple[int, int], vendor: int
) -> None:
    plan = replace(PLAN, vendor=vendor)
    shot = replace(pick("plax"), screen=screen, frames=2)
    rng = np.random.default_rng(shot.seed)
    layout = lay_out(screen, vendor, *draw_opening(rng))
    frames, regions = draw_screen(plan, shot, layout, rng)
    height, width = layout.extent
    fan = np.zeros(screen, np.uint8)
    sector = layout.sector.inside().astype(np.uint8)
    fan[layout.top : layout.top + height, layout.left : layout.left + width] = cv2.resize(
        sector, (width, height)
    )
    blur = 3 if layout.zoom == 1 else 9  # enlarging softens the edge
    edge = cv2.dilate(fan, np.ones((blur, blur))) > 0
    near = cv2.dilate(fan, np.ones((15, 15))) > 0
    lit = frames.max(axis=(0, 3)) > 0
    region = np.zeros(screen, bool)
    region[regions[0].y0 : regions[0].y1 + 1, regions[0].x0 : regions[0].x1 + 1] = True
    assert not (lit & near & ~edge).any()
    assert (lit & region & ~near).sum() > 20
    assert (lit & ~region).sum() > 100


def test_colour_boxes_are_coloured_and_grey_clips_are_not() -> None:
    grey, regions = draw(PLAN, pick("plax"))
    box = regions[0]
    centre = (slice(None), slice(box.y0 + 30, box.y1 - 30), slice(box.x0 + 40, box.x1 - 40))
    assert np.ptp(grey[centre], axis=-1).max() == 0
    coloured, _ = draw(PLAN, pick("colour"))
    assert (np.ptp(coloured[centre].astype(int), axis=-1) > 60).mean() > 0.01


def test_the_heart_beats_and_a_small_clip_is_fast() -> None:
    rng = np.random.default_rng(0)
    sector = Sector(96, *draw_opening(rng))
    start = time.perf_counter()
    clips = [
        draw_clip(PLAN.study.heart, view, sector, 20, 0.05, draw_acquisition(rng), rng)
        for view in ("plax", "a4c")
    ]
    assert time.perf_counter() - start < 3
    for clip in clips:
        assert clip.shape == (20, 96, sector.width)
        assert clip.dtype == np.uint8
        far, near = (
            np.abs(clip[0].astype(int) - clip[10]).mean(),
            np.abs(clip[0].astype(int) - clip[0]).mean(),
        )
        assert far > near
        assert (clip[:, ~sector.inside()] == 0).all()
