"""Withdrawn patients: found by the sheet and by the header, and nothing of theirs goes on."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from cineclr.cohort.sheet import import_sheet
from cineclr.cohort.withdrawn import find_withdrawn, read_withdrawn
from cineclr.errors import InputError
from cineclr.private import PrivateSide, Pseudonymizer, init

SHEET = (
    "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
    "1.2.3,A1,2018-05-04,F,71,severe,0,101\n"
    "1.2.4,a1,2018-06-04,F,71,severe,0,101\n"
    "1.2.5,B1,2018-05-04,M,64,none,0,\n"
)


@pytest.fixture
def side(tmp_path: Path) -> PrivateSide:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "echo.csv").write_text(SHEET)
    (tmp_path / "withdrawn.csv").write_text("patient_id,reason\nA1,asked\nZ9,asked\n")
    init(tmp_path / "private", [tmp_path / "dicom"], tmp_path / "echo.csv")
    return PrivateSide(tmp_path / "private")


def name_list(side: PrivateSide) -> None:
    path = side.root / "sources.yaml"
    sources = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(sources | {"withdrawn": str(side.root.parent / "withdrawn.csv")}))


def test_nobody_is_withdrawn_without_a_list(side: PrivateSide) -> None:
    found = find_withdrawn(side, "echo")
    assert (found.patients, found.studies) == (frozenset(), frozenset())


def test_studies_by_the_sheet_and_patients_by_their_number(side: PrivateSide) -> None:
    name_list(side)
    names = Pseudonymizer(side.key())
    table = pd.DataFrame(
        {
            "study": [names.pseudonym("study", study) for study in ("1.2.3", "1.2.4", "1.2.5", "1.2.9", "1")],
            "patient": [names.pseudonym("patient", who, "local") for who in ("X", "Y", "B1", "Z9", "W")],
        }
    )
    found = find_withdrawn(side, "echo")
    assert found.rows(table).tolist() == [True, True, False, True, False]
    assert found.rows(table[["study"]]).tolist() == [True, True, False, False, False]
    assert find_withdrawn(side, "cmr").patients == frozenset()


def test_the_imported_sheet_is_without_them(side: PrivateSide) -> None:
    import_sheet(side.root, side.root / "sheet.parquet")
    assert len(pd.read_parquet(side.root / "sheet.parquet")) == 3
    name_list(side)
    import_sheet(side.root, side.root / "sheet.parquet")
    assert pd.read_parquet(side.root / "sheet.parquet")["sex"].tolist() == ["M"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient\nA1\n", "withdrawn, row 1: no column 'patient_id'"),
        ("patient_id,x\nA1,\n,y\n", "withdrawn, row 3, column 'patient_id': must not be empty"),
    ],
)
def test_a_list_with_mistakes(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_withdrawn(tmp_path / "list.csv")
