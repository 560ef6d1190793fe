from pathlib import Path

import pandas as pd
import pytest
import yaml

from cineclr.cohort.cmr.sheet import import_cmr_sheet
from cineclr.errors import InputError
from cineclr.private import init

SHEET = (
    "study_id,patient_id,study_date,sex,age,cohort,lvef,vendor\n"
    "1.2.3,A1,2018-05-04,F,71,clinical,55.5,S\n"
    "1.2.4,A2,20210504,M,94,northern,,G\n"
)


def read(folder: Path, text: str, **changes: object) -> pd.DataFrame:
    (folder / "dicom").mkdir()
    (folder / "mri.csv").write_text(text)
    (folder / "reports.csv").write_text("study_id,report\n1.2.3,Normal.\n")
    private = folder / "private"
    init(
        private,
        cmr_dicom=[folder / "dicom"],
        cmr_sheet=folder / "mri.csv",
        cmr_reports=folder / "reports.csv",
    )
    sources = yaml.safe_load((private / "sources.yaml").read_text())
    sources["cmr"] |= changes
    (private / "sources.yaml").write_text(yaml.safe_dump(sources))
    import_cmr_sheet(private, private / "sheet.parquet")
    return pd.read_parquet(private / "sheet.parquet")


def test_pseudonyms_years_and_capped_ages(tmp_path: Path) -> None:
    sheet = read(tmp_path, SHEET, further=["vendor"])
    assert list(sheet.columns) == ["study", "patient", "year", "sex", "age", "cohort", "lvef", "vendor"]
    assert sheet["study"].str.fullmatch("S[0-9a-f]{16}").all()
    rows = sheet.set_index("cohort")
    assert rows.loc["clinical", ["year", "sex", "age", "lvef"]].tolist() == [2018, "F", 71, 55.5]
    assert rows.loc["northern", "age"] == 90
    assert pd.isna(rows.loc["northern", "lvef"])


def test_values_are_mapped_and_decimal_commas_read(tmp_path: Path) -> None:
    text = SHEET.replace("55.5", "55,5").replace("clinical", "Klinik A")
    lines = [line.replace(",", ";") for line in text.replace("55,5", "55#5").splitlines()]
    sheet = read(
        tmp_path, "\n".join(lines).replace("#", ",") + "\n", values={"cohort": {"Klinik A": "clinical"}}
    )
    assert sheet.set_index("cohort").loc["clinical", "lvef"] == 55.5


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("55.5", "0.555", "row 2, column 'lvef': must be a number of % between 1 and 99"),
        ("clinical", "Klinik A", "row 2, column 'cohort': must be a name of letters"),
        ("1.2.4", "1.2.3", "rows 2, 3, column 'study_id': the same study twice"),
        ("cohort,", "hospital,", "no column 'cohort'"),
    ],
)
def test_mistakes_are_named_by_row_and_column(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, SHEET.replace(old, new))
    assert words in str(error.value)


def test_a_diagnosis_is_no_further_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'amyloid' has a meaning of its own"):
        read(tmp_path, SHEET.replace("vendor", "amyloid"), further=["amyloid"])
