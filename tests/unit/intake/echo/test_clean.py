"""One clip to AVI: frame by frame gives what the whole clip at once would give."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from intake_files import BOX, compress, draw_sector, make_file, to_bytes
from pydicom.examples import get_path
from syntax_files import file_of

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.clean import Cleaned, Job, clean_clip
from cineclr.intake.echo.decode import Clip
from cineclr.intake.echo.mask import apply_mask, choose_region, find_sector
from cineclr.intake.headers import Region
from cineclr.intake.triage import examine
from cineclr.publishing import sha256_file
from cineclr.video.avi import Video, read_avi

REGION = Region(*BOX, 1, 1)
SOURCES = {
    "jpeg of many frames": lambda: to_bytes(compress(make_file(draw_sector(1, 60)))),
    "jpeg of few frames": lambda: to_bytes(compress(make_file(draw_sector(1, 9)))),
    "native of many frames": lambda: to_bytes(make_file(draw_sector(2, 40))),
    "video stream": lambda: file_of("mpeg-4"),
    "real": lambda: Path(get_path("ybr_color")).read_bytes(),
}


def mask_at_once(path: Path, region: Region) -> tuple[np.ndarray, float]:
    """Return the masked clip, uint8 (T, H, W), and the share kept: all frames in memory, the plain way."""
    frames = np.stack(list(Clip(path).grey()))
    clip = frames[:, region.y0 : region.y1 + 1, region.x0 : region.x1 + 1].copy()
    mask = find_sector(clip, Deidentify())
    assert mask is not None
    apply_mask(clip, mask)
    return clip, float((mask > 0).mean())


def clean(path: Path, **settings: object) -> tuple[Cleaned, Region]:
    header = examine(path, by_accession=False).header
    assert header is not None
    region = choose_region(header.regions, header.rows or 0, header.columns or 0)
    assert region is not None
    avi = path.with_suffix(".avi")
    job = Job(path, region, header.frames or 0, 40, avi, Deidentify(**settings))
    return clean_clip(job), region


@pytest.mark.parametrize("source", SOURCES)
def test_frame_by_frame_is_the_whole_clip_masked(source, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(SOURCES[source]())
    done, region = clean(path, codec="ffv1")
    expected, kept = mask_at_once(path, region)
    np.testing.assert_array_equal(read_avi(path.with_suffix(".avi")), expected)
    assert done == Cleaned("passed", *expected.shape[1:], kept, sha256_file(path.with_suffix(".avi")))


def test_motion_jpeg_keeps_the_pixels_but_for_rounding(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(SOURCES["real"]())
    _, region = clean(path)
    written = read_avi(path.with_suffix(".avi"))
    expected, _ = mask_at_once(path, region)
    away = np.abs(written.astype(int) - expected)
    assert away.mean() < 1
    assert np.percentile(away, 99) <= 4
    assert Video(path.with_suffix(".avi")).fps == pytest.approx(40)


def test_a_clip_is_not_held_whole(tmp_path):
    path, clip = tmp_path / "f", np.concatenate([draw_sector(3, 40)] * 10)
    path.write_bytes(to_bytes(compress(make_file(clip), 20)))
    clean(path)  # what is imported and kept at first use does not count
    tracemalloc.start()
    clean(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    held, stored = 400 * 116 * 152, path.stat().st_size  # bytes
    assert peak < held / 2 + 2 * stored < held
