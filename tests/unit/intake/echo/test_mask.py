import cv2
import numpy as np
import pytest
from intake_files import BOX, COLUMNS, ROWS, draw_sector

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.colour import has_colour
from cineclr.intake.echo.mask import apply_mask, choose_region, find_sector
from cineclr.intake.headers import Region

SETTINGS = Deidentify()


def fan(clip):
    return clip.max(axis=0)[66:] > 0  # below the text


def test_the_sector_stays_and_text_goes():
    clip = draw_sector()
    mask = find_sector(clip, SETTINGS)
    inside = fan(clip)
    assert (mask[66:][inside] > 0).mean() > 0.93
    assert (mask[66:][~inside] > 0).mean() < 0.02
    apply_mask(clip, mask)
    assert clip[:, :20].max() == 0
    assert clip[:, :66, :60].max() == 0


@pytest.mark.parametrize("gap", [-3, 0, 2, 6])
def test_text_that_touches_the_sector_is_not_drawn_into_it(gap):
    """JPEG at a low quality spreads both: pixels of text beyond the sector's rim (4 pixels) must be blank."""
    clip, text = draw_sector(1), np.zeros((ROWS, COLUMNS), np.uint8)
    left = int(np.flatnonzero(clip[:, 104].max(axis=0))[0])
    width = cv2.getTextSize("1950-02", cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0]
    cv2.putText(text, "1950-02", (left - gap - width, 108), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    coded = []
    for frame in clip:
        stream = cv2.imencode(".jpg", np.maximum(frame, text), [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
        coded.append(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE))
    mask = find_sector(np.stack(coded), SETTINGS)
    rim = cv2.dilate(clip.max(axis=0), np.ones((9, 9), np.uint8)) > 0
    outside = (text > 0) & ~rim
    assert outside.sum() > 40
    assert (mask[outside] > 0).sum() == 0


def test_a_moving_trace_and_a_running_clock_stay_outside():
    clip = draw_sector(2)
    x = np.arange(COLUMNS)
    for t, frame in enumerate(clip):
        y = 137 - (12 * (np.abs((x + 7 * t) % 60 - 30) < 3)).astype(int)
        frame[y, x] = 255
        cv2.putText(frame, f"00:{t:02d}", (140, 44), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255)
    mask = find_sector(clip, SETTINGS)
    assert mask[:46, 140:].max() == 0
    assert (mask[133:, :30].max(), mask[133:, 165:].max()) == (0, 0)


def test_a_still_repeated_has_no_mask():
    assert find_sector(np.repeat(draw_sector()[:1], 20, axis=0), SETTINGS) is None
    assert find_sector(np.zeros((20, 60, 80), np.uint8), SETTINGS) is None


def test_noise_everywhere_has_no_mask():
    """A screen filmed or digitised: its text would be inside the hull of what changes."""
    noise = np.random.default_rng(0).integers(0, 12, (20, ROWS, COLUMNS)).astype(np.uint8)
    assert find_sector(np.maximum(draw_sector(6, 20), noise), SETTINGS) is None


def test_a_clip_shown_at_twice_its_rate_keeps_its_sector():
    clip = draw_sector(3)
    twice = np.repeat(clip, 2, axis=0)
    once, doubled = find_sector(clip, SETTINGS) > 0, find_sector(twice, SETTINGS) > 0
    assert (once & doubled).sum() > 0.97 * once.sum()


def test_the_papers_threshold_counts_bright_pixels_only():
    clip = draw_sector(4)
    clip[:, 100:110, 90:100] = np.where(clip[:, 100:110, 90:100] > 80, 250, 20)
    mask = find_sector(clip, Deidentify(mask="threshold"))
    assert mask is not None
    rows, columns = np.nonzero(mask)
    assert rows.min() >= 96
    assert rows.max() <= 114
    assert columns.min() >= 86
    assert columns.max() <= 104


def region(x0, y0, x1, y1, space=1, kind=1):
    return Region(x0, y0, x1, y1, space, kind)


def test_the_largest_flat_region_is_chosen_and_cut_to_the_frame():
    regions = [region(0, 0, 20, 20), region(*BOX), region(0, 0, 191, 143, space=3)]
    assert choose_region(regions, ROWS, COLUMNS) == region(*BOX)
    assert choose_region([region(0, 0, 192, 144)], ROWS, COLUMNS) == region(0, 0, 191, 143)


def test_regions_of_a_larger_frame_shrink_with_it():
    assert choose_region([region(84, 31, 595, 414)], 240, 320) == region(42, 15, 297, 207)


@pytest.mark.parametrize("regions", [[], [region(0, 0, 9, 9, space=2)], [region(0, 0, 8000, 8000)]])
def test_without_a_usable_region_there_is_none(regions):
    assert choose_region(regions, ROWS, COLUMNS) is None


def test_flow_is_colour_and_a_tinted_grey_scale_is_not():
    clip = draw_sector(5)
    mask = find_sector(clip, SETTINGS)
    grey = np.repeat(clip[0][..., None], 3, axis=2)
    sepia = (grey * (1.0, 0.85, 0.6)).astype(np.uint8)
    assert not has_colour(grey, mask)
    assert not has_colour(sepia, mask)
    for frame in (grey, sepia):
        flow = frame.copy()
        flow[80:95, 85:95] = (220, 40, 20)
        flow[80:95, 95:105] = (30, 60, 210)
        assert has_colour(flow, mask)
    marked = grey.copy()
    marked[:40] = (0, 255, 0)
    assert not has_colour(np.where(mask[..., None] > 0, grey, marked), mask)
