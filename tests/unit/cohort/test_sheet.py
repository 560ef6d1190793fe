from pathlib import Path

import pandas as pd
import pytest
import yaml

from cineclr.cohort.sheet import RESERVED, import_sheet, read_sheet
from cineclr.errors import InputError
from cineclr.private import Pseudonymizer, Sources

HEADER = "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index"
GOOD = "1.2.840.{n},MRN-{n},2018-03-0{n},F,71,severe,0,98.5"
KEY = bytes(range(32))


def rows(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def good(n: int = 1, **changes: str) -> str:
    return ",".join(
        {**dict(zip(HEADER.split(","), GOOD.format(n=n).split(","), strict=True)), **changes}.values()
    )


def make_sources(folder: Path, text: str | bytes, **settings: object) -> Sources:
    sheet = folder / "Doe_Jane_export.csv"
    sheet.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Sources.model_validate({"dicom": [folder], "sheet": sheet, **settings})


def read_echo(sources: Sources) -> pd.DataFrame:
    return read_sheet(sources.echo_sheet, sources, RESERVED)


def errors_of(sources: Sources) -> list[str]:
    with pytest.raises(InputError) as error:
        read_echo(sources)
    return str(error.value).splitlines()


def test_a_good_sheet_is_typed_and_keeps_its_row_numbers(tmp_path: Path) -> None:
    sheet = read_echo(
        make_sources(tmp_path, rows(good(1), "", ",,,,,,,", good(2, lv_mass_index="", age="93")))
    )
    assert sheet.index.tolist() == [2, 5]
    assert sheet["study_date"].map(str).tolist() == ["2018-03-01", "2018-03-02"]
    assert sheet["age"].tolist() == [71, 93]
    assert sheet["lv_mass_index"].isna().tolist() == [False, True]
    assert sheet["low_flow_low_gradient"].dtype == "int64"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(tmp_path: Path, encoding: str, separator: str) -> None:
    text = rows(good(1), good(2)).replace("MRN-1", "MÜLLER-1").replace(",", separator)
    if separator == ";":
        text = text.replace("98.5", "98,5")
    sheet = read_echo(make_sources(tmp_path, text.replace("\n", "\r\n").encode(encoding)))
    assert sheet["patient_id"].tolist() == ["MÜLLER-1", "MRN-2"]
    assert sheet["lv_mass_index"].tolist() == [98.5, 98.5]


def test_columns_and_values_are_mapped(tmp_path: Path) -> None:
    text = rows(
        good(1, sex="2", as_severity="schwer", study_date="20180301"), good(2, sex="1", as_severity="mild")
    )
    sources = make_sources(
        tmp_path,
        text.replace("as_severity", "Aortenstenose"),
        columns={"as_severity": "Aortenstenose"},
        values={"sex": {"1": "M", "2": "F"}, "as_severity": {"schwer": "severe"}},
    )
    sheet = read_echo(sources)
    assert sheet["sex"].tolist() == ["F", "M"]
    assert sheet["as_severity"].tolist() == ["severe", "mild"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study_id": ""}, "column 'study_id': must not be empty"),
        ({"study_id": "ACC-7731"}, "column 'study_id': must be a StudyInstanceUID"),
        ({"patient_id": " "}, "column 'patient_id': must not be empty"),
        ({"patient_id": "4.56E+09"}, "column 'patient_id': was rounded by a spreadsheet program"),
        ({"study_date": "03/04/2018"}, "column 'study_date': must be a date, written YYYY-MM-DD or YYYYMMDD"),
        ({"study_date": "2018-02-30"}, "column 'study_date': must be a date"),
        ({"study_date": "2018-3-4"}, "column 'study_date': must be a date"),
        ({"study_date": ""}, "column 'study_date': must be a date"),
        ({"sex": "female"}, "column 'sex': must be F or M"),
        ({"age": "071Y"}, "column 'age': must be a number of years between 0 and 120"),
        ({"age": "-3"}, "column 'age': must be a number of years"),
        ({"age": "nan"}, "column 'age': must be a number of years"),
        ({"as_severity": ""}, "column 'as_severity': must be one of none, mild, moderate, severe"),
        ({"as_severity": "Severe"}, "column 'as_severity': must be one of none, mild, moderate, severe"),
        ({"low_flow_low_gradient": "yes"}, "column 'low_flow_low_gradient': must be 0 or 1"),
        (
            {"lv_mass_index": "n/a"},
            "column 'lv_mass_index': must be a number of g/m2 between 10 and 500, or empty",
        ),
        ({"lv_mass_index": "1.1"}, "column 'lv_mass_index': must be a number of g/m2"),
    ],
)
def test_each_wrong_cell_is_one_line_without_its_content(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    lines = errors_of(make_sources(tmp_path, rows(good(1), good(2, **changes), good(3))))
    assert len(lines) == 1
    assert lines[0].startswith(f"sheet, row 3, {message}")
    hidden = ["MRN", "1.2.840", "Doe", *(value for value in changes.values() if len(value) > 1)]
    assert not [text for text in hidden if text.strip() and text in lines[0]]


def test_repeated_studies_are_named_by_their_rows(tmp_path: Path) -> None:
    lines = errors_of(make_sources(tmp_path, rows(good(1), good(2), good(1), good(1, age="300"))))
    assert lines == [
        "sheet, rows 2, 4, 5, column 'study_id': the same study twice",
        "sheet, row 5, column 'age': must be a number of years between 0 and 120",
    ]


def test_accessions_repeat_whatever_their_case(tmp_path: Path) -> None:
    text = rows(good(1, study_id="acc1"), good(2, study_id="ACC1"))
    assert "rows 2, 3" in errors_of(make_sources(tmp_path, text, link="accession"))[0]


def test_all_mistakes_are_listed_up_to_twenty(tmp_path: Path) -> None:
    lines = errors_of(
        make_sources(tmp_path, rows(*[good(1, study_id=f"1.2.{n}", age="x") for n in range(31)]))
    )
    assert len(lines) == 21
    assert lines[0].startswith("sheet, row 2, ")
    assert lines[19].startswith("sheet, row 21, ")
    assert lines[20] == "and 11 more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "row 1 is empty"),
        ("\n" + rows(good(1)), "row 1 is empty"),
        (rows(), "no study below the header"),
        (rows(good(1) + ",Jane Doe"), "row 2: 9 cells, but the header has 8 columns"),
        (rows("1.2.840.1,MRN-1"), "row 2: 2 cells, but the header has 8 columns"),
        (rows('"' + good(1)), "quotation marks do not match"),
        (rows(good(1)).replace("sex", "age"), "row 1: columns 4 and 5 have the same name"),
        (rows(good(1)).replace("sex", ""), "row 1: column 4 has no name"),
        (rows(good(1)).replace("sex", "gender"), "row 1: no column 'sex'; add it, or correct `columns.sex`"),
        (good(1) + "\n" + good(2) + "\n", "row 1: no column 'study_id'"),
        (rows(good(1)).encode("utf-16"), "not a CSV file"),
    ],
)
def test_files_that_are_no_sheet(tmp_path: Path, content: str | bytes, message: str) -> None:
    text = "\n".join(errors_of(make_sources(tmp_path, content)))
    assert message in text
    assert "Doe" not in text
    assert "MRN" not in text


def test_a_missing_file_is_not_named(tmp_path: Path) -> None:
    sources = make_sources(tmp_path, rows(good(1)))
    sources.sheet.unlink()
    assert errors_of(sources) == ["sheet: the file named in sources.yaml does not exist; correct the path"]


def test_excel_without_its_reader_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    sources = make_sources(tmp_path, "").model_copy(update={"sheet": tmp_path / "sheet.xlsx"})
    assert "save it as CSV" in errors_of(sources)[0]


def test_excel_is_read_where_its_reader_is_installed(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    workbook = openpyxl.Workbook()
    for line in rows(good(1), good(2, lv_mass_index="")).splitlines():
        workbook.active.append([cell or None for cell in line.split(",")])
    workbook.active["C2"] = pd.Timestamp("2018-03-01").to_pydatetime()
    workbook.active["E2"] = 71.0
    workbook.save(tmp_path / "sheet.xlsx")
    sheet = read_echo(make_sources(tmp_path, "").model_copy(update={"sheet": tmp_path / "sheet.xlsx"}))
    assert sheet["age"].tolist() == [71, 71]
    assert [date.day for date in sheet["study_date"]] == [1, 2]


def add_column(name: str, values: list[str]) -> str:
    header, *lines = rows(*[good(1, study_id=f"1.2.{n}") for n in range(len(values))]).splitlines()
    return "\n".join(
        [f"{header},{name}", *[f"{line},{value}" for line, value in zip(lines, values, strict=True)]]
    )


def test_further_columns_are_kept_with_their_kind(tmp_path: Path) -> None:
    text = add_column("bmi", ["24.5", "", "31"])
    assert read_echo(make_sources(tmp_path, text, further=["bmi"]))["bmi"].dropna().tolist() == [24.5, 31]
    text = add_column("site", ["A", "", "B"])
    assert read_echo(make_sources(tmp_path, text, further=["site"]))["site"].dropna().tolist() == ["A", "B"]


@pytest.mark.parametrize(
    "values",
    [
        *([f"name {n}" for n in range(21)], ["20180301", "20180302"], ["4711004711", "4711004712"]),
        *(["2018-03-01", ""], ["1.3.2018", "unknown"], ["03/01/18 10:15", ""]),
    ],
)
def test_further_columns_that_look_like_identity_are_refused(tmp_path: Path, values: list[str]) -> None:
    lines = errors_of(make_sources(tmp_path, add_column("extra", values), further=["extra"]))
    assert lines[0].startswith("sheet, column 'extra' holds ")
    assert values[0] not in lines[0]


def test_wrong_settings_of_the_sheet(tmp_path: Path) -> None:
    lines = errors_of(
        make_sources(tmp_path, rows(good(1)), further=["patient_id", "bmi"], values={"size": {}})
    )
    assert [line.split(";")[0] for line in lines] == [
        "sources.yaml: further: 'patient_id' has a meaning of its own",
        "sheet, row 1: no column 'bmi'",
        "sources.yaml: values.size: no such column",
    ]


def make_private(folder: Path, text: str, **settings: object) -> Path:
    sources = make_sources(folder, text, **settings)
    (folder / "key").write_text(KEY.hex())
    (folder / "key").chmod(0o600)
    (folder / "sources.yaml").write_text(yaml.safe_dump(sources.model_dump(mode="json")))
    return folder


def test_imported_sheet_carries_pseudonyms_and_years_only(tmp_path: Path) -> None:
    private = make_private(tmp_path, rows(good(2, age="97"), good(1, lv_mass_index="")))
    import_sheet(private, tmp_path / "out.parquet")
    frame = pd.read_parquet(tmp_path / "out.parquet").set_index("study")
    names = Pseudonymizer(KEY)
    first = frame.loc[names.pseudonym("study", "1.2.840.1")]
    assert first["patient"] == names.pseudonym("patient", "MRN-1", "local")
    assert (first["year"], first["age"]) == (2018, 71)
    assert frame.loc[names.pseudonym("study", "1.2.840.2"), "age"] == 90
    assert list(frame.columns) == [
        "patient", "year", "sex", "age", "as_severity", "low_flow_low_gradient", "lv_mass_index"
    ]  # fmt: skip
    content = (tmp_path / "out.parquet").read_bytes()
    assert b"MRN" not in content
    assert b"1.2.840" not in content


def test_accessions_are_pseudonymised_with_their_issuer(tmp_path: Path) -> None:
    private = make_private(tmp_path, rows(good(1, study_id="ACC1")), link="accession", issuer="clinic")
    import_sheet(private, tmp_path / "out.parquet")
    study = pd.read_parquet(tmp_path / "out.parquet")["study"][0]
    assert study == Pseudonymizer(KEY).pseudonym("study", "ACC1", "clinic")
