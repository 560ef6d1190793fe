"""Real MRI files: what the intake makes of headers that nobody of this project wrote."""

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from cmr_files import CmrArchive, decode_in_process

from cineclr.config.cmr import SeriesViews, Studies
from cineclr.files import write_parquet
from cineclr.intake.cmr.convert import convert_studies
from cineclr.intake.cmr.index import index_cmr
from cineclr.intake.cmr.scan import scan_cmr
from cineclr.intake.files.listing import list_files
from cineclr.ledger import PASSED
from cineclr.views.series import map_series

SAMPLES = Path(__file__).parents[5] / "shared/samples"
CINE, STACK = "cmr_3ch_multiframe_16f.dcm", "enhanced_mr_10f.dcm"

pytestmark = pytest.mark.skipif(not (SAMPLES / CINE).is_file(), reason="the samples are not here")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    decode_in_process(monkeypatch)
    return CmrArchive(tmp_path)


def convert_as(archive: CmrArchive, view: str) -> pd.Series:
    """Run the intake with every series mapped to one view, as the user's sheet would."""
    work = archive.private / "cmr"
    list_files(archive.private, 1, work / "files.parquet", wing="cmr")
    scan_cmr(archive.private, work / "files.parquet", 0, work / "scan.parquet")
    index, series, views = (work / f"{name}.parquet" for name in ("index", "series", "views"))
    index_cmr(archive.private, [work / "scan.parquet"], [index], series, archive.results / "scan.parquet")
    map_series(archive.private, series, SeriesViews(), [views], work / "unmapped.csv")
    table = pd.read_parquet(views)
    write_parquet(table.assign(view=view, confidence=1.0), views)
    convert_studies(
        archive.private,
        index,
        views,
        0,
        Studies(white_percentile=100),
        0.5,
        archive.studies,
        archive.manifest,
    )
    return archive.codes()


def test_a_multi_frame_cine_without_place(archive):
    archive.add("cine", (SAMPLES / CINE).read_bytes())
    assert set(convert_as(archive, "3CH")) == {PASSED}
    pixels, attributes = archive.view("3CH")
    assert pixels.shape == (1, 16, 256, 256)
    np.testing.assert_allclose(attributes["frame_time_ms"], 69.47)
    assert attributes["order"] == "instance"
    written = pydicom.dcmread(SAMPLES / CINE).pixel_array
    for frame, stored in zip(written, pixels[0], strict=True):
        assert np.corrcoef(frame.ravel(), stored.ravel())[0, 1] > 0.999


def test_an_enhanced_object_without_functional_groups(archive):
    archive.add("stack", (SAMPLES / STACK).read_bytes())
    assert set(convert_as(archive, "SAX")) == {PASSED}
    pixels, attributes = archive.view("SAX")
    assert pixels.shape == (1, 10, 64, 64)
    assert np.isnan(attributes["position_mm"]).all()


def test_what_is_no_mri_is_set_aside(archive):
    archive.add("cine", (SAMPLES / CINE).read_bytes())
    others = {"neg_XA_96f_jpeg.dcm": "other_modality", "plax_palette_rle_10f.dcm": "other_modality"}
    for name in others:
        archive.add(name, (SAMPLES / name).read_bytes())
    codes = archive.run()
    assert {name: codes[name] for name in others} == others
