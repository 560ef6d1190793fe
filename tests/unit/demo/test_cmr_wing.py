"""The synthetic hospital's MRI wing: what is written, the same every time, and a truth that is complete."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from cineclr.config import DemoCmr
from cineclr.config.cmr import VIEWS
from cineclr.demo.cmr import wing
from cineclr.demo.cmr.dicom import MAKERS, SYNTAXES
from cineclr.demo.cmr.findings import VISIBLE
from cineclr.demo.cmr.patients import EXTERNAL_SHARE, draw_studies
from cineclr.demo.cmr.series import DISTRACTORS, NAMES, plan_series
from cineclr.demo.cmr.wing import make_cmr_wing
from cineclr.ledger import USED, Code
from cineclr.private import CmrSources
from cineclr.views.series_names import view_of_name

SMALL = DemoCmr(frames=10, size=48, slices=(3, 4)).model_copy(update={"patients": 3})


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("side")
    make_cmr_wing(root, SMALL, seed=2)
    return root


@pytest.fixture(scope="module")
def files(private: Path) -> pd.DataFrame:
    return pd.read_parquet(private / "truth/cmr_files.parquet")


@pytest.fixture(scope="module")
def series(private: Path) -> pd.DataFrame:
    return pd.read_parquet(private / "truth/cmr_series.parquet").set_index("series_uid")


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_gives_same_bytes_also_with_workers(private, tmp_path, monkeypatch):
    monkeypatch.setattr(wing, "IN_PROCESS", 0)
    make_cmr_wing(tmp_path, SMALL, seed=2)
    assert digests(tmp_path) == digests(private)


def test_truth_covers_every_file_once(private, files):
    folder = private / "hospital/cmr/dicom"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files["path"].tolist() == found


def test_headers_tell_the_place_and_time_that_the_truth_knows(private, files, series):
    for row in files[files["series_uid"].ne("")].itertuples():
        dataset = pydicom.dcmread(private / "hospital/cmr/dicom" / row.path, stop_before_pixels=True)
        truth = series.loc[row.series_uid]
        assert dataset.SeriesInstanceUID == row.series_uid
        assert dataset.SeriesDescription == truth.description
        if "PerFrameFunctionalGroupsSequence" in dataset:
            groups = dataset.PerFrameFunctionalGroupsSequence
            assert len(groups) == dataset.NumberOfFrames == truth.slices * truth.frames
            place = groups[0].PlanePositionSequence[0].ImagePositionPatient
            orientation = groups[0].PlaneOrientationSequence[0].ImageOrientationPatient
            assert "RescaleSlope" not in dataset
        else:
            place, orientation = dataset.ImagePositionPatient, dataset.ImageOrientationPatient
        normal = np.cross(orientation[:3], orientation[3:])
        assert np.dot(normal, place) == pytest.approx(truth.positions[row.slice], abs=2e-3)
        if "TriggerTime" in dataset:
            assert 0 <= float(dataset.TriggerTime) < 900


def test_canaries_are_in_the_archive_and_reports(private):
    folder = private / "hospital/cmr"
    paths = [path for path in folder.rglob("*") if path.is_file()]
    archive = b"\0".join(path.read_bytes() + str(path.relative_to(folder)).encode() for path in paths)
    canaries = (private / "truth/cmr_canaries.txt").read_text().splitlines()
    assert min(map(len, canaries)) >= 6
    assert len(canaries) > 30
    names = [word for word in canaries if "^" in word or word.startswith("1.2.")]
    assert [word for word in names if word.encode() not in archive] == []


def test_sheet_and_reports_belong_to_the_studies(private, files):
    sheet = pd.read_csv(private / "hospital/cmr/studies.csv", dtype=str)
    reports = pd.read_csv(private / "hospital/cmr/reports.csv", dtype=str)
    studies = pd.read_parquet(private / "truth/cmr_studies.parquet").set_index("study_uid")
    assert set(reports["study_id"]) == set(studies.index) == set(files["study_uid"])
    assert set(sheet["study_id"]) == set(studies.index[studies["in_sheet"]])
    known = sheet.dropna(subset="lvef").set_index("study_id")["lvef"].astype(float)
    np.testing.assert_allclose(known, studies.loc[known.index, "lvef"], atol=0.051)
    ejection = 100 * (1 - studies["esv"] / studies["edv"])
    np.testing.assert_allclose(ejection, studies["lvef"])
    assert set(studies[list(VISIBLE)].to_numpy().ravel()) == {0, 1}


def test_sources_name_what_was_written(private):
    sources = make_sources(private)
    assert sources.sheet.is_file()
    assert sources.reports.is_file()
    assert sources.dicom[0].is_dir()


def make_sources(private: Path) -> CmrSources:
    place = private / "hospital/cmr"
    return CmrSources(dicom=[place / "dicom"], sheet=place / "studies.csv", reports=place / "reports.csv")


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_study_occurs(seed):
    settings = DemoCmr(patients=60)
    studies = draw_studies(settings, seed)
    plans = [plan_series(study, settings, np.random.default_rng(study.index)) for study in studies]
    cines = [series for plan in plans for series in plan if series.view]
    assert {series.form for series in cines} == {"single", "classic", "enhanced"}
    assert {series.view for series in cines} == set(VIEWS)
    assert any(series.odd_slice >= 0 for series in cines)
    assert any(series.again for series in cines)
    assert {series.name for plan in plans for series in plan if not series.view} == set(DISTRACTORS)
    assert {study.vendor for study in studies} == set(MAKERS)
    assert len({study.identity.number for study in studies}) < len(studies)  # some come twice
    cohorts = pd.Series([study.cohort for study in studies]).value_counts()
    assert cohorts["northern"] / cohorts["clinical"] == pytest.approx(EXTERNAL_SHARE, rel=0.3)
    assert len(studies) > len(SYNTAXES)


def test_studies_of_the_two_hospitals_share_no_patient():
    studies = draw_studies(DemoCmr(patients=60), 0)
    clinical, northern = (
        {study.identity.number for study in studies if study.cohort == name}
        for name in ("clinical", "northern")
    )
    assert not clinical & northern


def test_another_seed_shares_no_identifier():
    first, second = ({study.uid for study in draw_studies(DemoCmr(patients=30), seed)} for seed in (3, 4))
    assert not first & second


def test_names_of_cines_tell_their_view_and_those_of_others_do_not():
    for names in NAMES.values():
        for view, of_view in names.items():
            assert {view_of_name(name)[0] for name in of_view} == {view}
    assert {view_of_name(name)[0] for name in DISTRACTORS} == {None}


def test_buckets_are_known_codes(files):
    assert set(files["bucket"]) <= {USED, *map(str, Code)}
    faulty = files[files["fault"].ne("")]
    assert set(faulty["bucket"]) >= {str(Code.DUPLICATE_PIXELS), str(Code.NOT_DICOM), str(Code.NO_PIXEL_DATA)}
    assert USED not in set(faulty["bucket"])
