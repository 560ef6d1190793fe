"""The synthetic hospital: what is written, that it is the same every time, and that the truth is complete."""

import hashlib
import stat
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from cineclr.config import Demo
from cineclr.demo import hospital
from cineclr.demo.dicom import SYNTAXES
from cineclr.demo.faults import FAULTS
from cineclr.demo.hospital import make_demo_hospital
from cineclr.demo.plan import BUCKETS, plan_hospital, truth_rows
from cineclr.errors import InputError
from cineclr.ledger import USED, Code
from cineclr.private import PrivateSide

SMALL = Demo(studies=12, frames=8)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("side") / "demo"
    make_demo_hospital(root, SMALL, seed=3)
    return root


@pytest.fixture(scope="module")
def truth(private: Path) -> pd.DataFrame:
    return pd.read_parquet(private / "truth/files.parquet")


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != "sources.yaml"  # names the folder
    }


def test_same_seed_gives_same_bytes_over_leftovers_and_with_workers(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stray in ("truth", "hospital/dicom"):
        (tmp_path / "demo" / stray).mkdir(parents=True)
        (tmp_path / "demo" / stray / "stray").write_text("left over by an earlier demo")
    monkeypatch.setattr(hospital, "IN_PROCESS", 0)
    make_demo_hospital(tmp_path / "demo", SMALL, seed=3)
    assert digests(tmp_path / "demo") == digests(private)


def test_another_seed_shares_no_identifier() -> None:
    uids = [
        {row["video_uid"] for p in plan_hospital(SMALL, seed) for row in truth_rows(p)} for seed in (3, 4)
    ]
    assert uids[0] & uids[1] <= {""}


def test_truth_covers_every_file_once(private: Path, truth: pd.DataFrame) -> None:
    folder = private / "hospital/dicom"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert truth.path.tolist() == found


def test_only_the_owner_may_read(private: Path) -> None:
    for path in [private, *private.rglob("*")]:
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path.name


def test_sources_and_key_are_valid(private: Path) -> None:
    sources = PrivateSide(private).sources()
    assert sources.sheet.is_file()
    assert sources.view_labels
    assert sources.dicom[0].is_dir()
    assert len(PrivateSide(private).key()) == 32


def test_a_real_private_side_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("precious")
    with pytest.raises(InputError, match="key of real data"):
        make_demo_hospital(tmp_path, SMALL, seed=1)
    assert (tmp_path / "key").read_text() == "precious"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("studies", [12, 33])
def test_every_kind_of_file_and_fault_occurs(studies: int, seed: int) -> None:
    plans = plan_hospital(Demo(studies=studies), seed)
    shots = [shot for plan in plans for shot in plan.shots]
    assert {shot.kind for shot in shots} - {""} == set(BUCKETS)
    assert {shot.fault for shot in shots} - {""} == set(FAULTS)
    assert {copy.fault for shot in shots for copy in shot.copies} == {"copy", "same_pixels"}
    assert {shot.syntax for shot in shots if shot.kind == "plax" and not shot.fault} == set(SYNTAXES)
    rows = pd.DataFrame([row for plan in plans for row in truth_rows(plan)])
    assert rows.path.is_unique
    of_mri = {Code.NO_VIEW, Code.NOT_CINE, Code.REPEATED, Code.NO_REPORT, Code.NOT_HDF5}
    of_users = {Code.WITHDRAWN, Code.NOT_A_VIDEO, Code.LEARNED_FROM, Code.REJECTED_BY_REVIEWER}
    of_archives = {Code.UNSAFE_MEMBER, Code.ENCRYPTED_MEMBER, Code.NESTED_ARCHIVE}
    of_archives |= {Code.ARCHIVE_LIMIT, Code.UNREADABLE_ARCHIVE}
    assert set(rows.bucket) == {USED, *Code} - {Code.DECODE_FAILED} - of_mri - of_users - of_archives
    sizes = [len(plan.shots) for plan in plans]
    assert min(sizes) == 1
    assert 6 < np.mean(sizes) < 9.5


def test_damaged_files_are_what_the_truth_says(private: Path, truth: pd.DataFrame) -> None:
    for row in truth[truth.bucket.isin(["not_dicom", "unreadable_header", "missing_study"])].itertuples():
        path = private / "hospital/dicom" / row.path
        marked = path.read_bytes()[128:132] == b"DICM"
        assert marked == (row.bucket != "not_dicom")
        try:
            with warnings.catch_warnings(action="ignore"):
                header = pydicom.dcmread(path, stop_before_pixels=True)
        except Exception:
            assert row.bucket != "missing_study"
        else:
            assert row.bucket == "missing_study"
            assert "StudyInstanceUID" not in header


def test_canaries_are_in_the_archive(private: Path) -> None:
    folder = private / "hospital/dicom"
    files = [path for path in folder.rglob("*") if path.is_file()]
    archive = b"\0".join(path.read_bytes() + str(path.relative_to(folder)).encode() for path in files)
    canaries = (private / "truth/canaries.txt").read_text().splitlines()
    assert len(canaries) > 150
    assert min(map(len, canaries)) >= 6
    sheet = (private / "hospital/echo.csv").read_bytes()
    missing = [text for text in canaries if text.encode() not in archive + sheet]
    assert missing == []
