import logging
from pathlib import Path

import pandas as pd
import pytest

from cineclr.cohort.overlap import find_same_patients, find_same_videos
from cineclr.files import write_parquet

SPLITS = ("train", "val", "internal", "external", "pretrain_train", "test")


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    """Another run's splits: a study and a patient of every split."""
    table = pd.DataFrame({"study": [f"S{n}" for n in range(6)], "patient": [f"P{n}" for n in range(6)]})
    write_parquet(table.assign(split=SPLITS), tmp_path / "splits.parquet", key_fingerprint="k")
    return tmp_path / "splits.parquet"


def make_sheet(patients: list[str], studies: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"study": studies, "patient": patients})


def test_patients_and_studies_that_trained_or_validated_are_found(learned: Path) -> None:
    sheet = make_sheet(["P0", "P1", "P2", "P3", "P4", "P5", "Pnew"], [f"T{n}" for n in range(7)])
    assert find_same_patients(sheet, "k", learned) == {"P0", "P1", "P4"}
    # The patient's number may have been written otherwise; the study is the same.
    assert find_same_patients(make_sheet(["Px", "Py"], ["S0", "S2"]), "k", learned) == {"Px"}


def test_where_the_key_is_another_the_log_says_that_nobody_can_be_recognised(
    learned: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        find_same_patients(make_sheet(["P0"], ["S0"]), "k", learned)
    assert not caplog.text
    with caplog.at_level(logging.WARNING):
        assert find_same_patients(make_sheet(["P9"], ["S9"]), "other", learned) == set()
    assert "another pseudonym key" in caplog.text
    assert "make sure by other means" in caplog.text


def test_a_video_is_known_again_by_its_pixels_whatever_the_key(learned: Path, tmp_path: Path) -> None:
    theirs = pd.DataFrame({"study": ["S0", "S2", "S1"], "sha256": ["a", "b", None]})
    write_parquet(theirs, tmp_path / "shard_0.parquet")
    sheet = make_sheet(["Pw", "Pw", "Px", "Py", "Pz"], ["T0", "T1", "T2", "T3", "T4"])
    ours = pd.DataFrame({"study": ["T0", "T1", "T2", "T3", "T4"], "sha256": ["a", "c", "b", None, "d"]})
    found = find_same_videos(sheet, ours, learned, [tmp_path / "shard_0.parquet"])
    assert found == {"Pw"}  # of whom a video trained; Px was only tested
