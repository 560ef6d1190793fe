"""Reports: imported under pseudonyms, and mistakes named by row and column without a word of text."""

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.files import read_fact
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.text.reports import import_reports, read_reports

SECRET = "Large effusion"
HEADER = ("study_id", "report")


def write(path: Path, *rows: tuple[str, ...]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def names(private: Path) -> Pseudonymizer:
    return Pseudonymizer(PrivateSide(private).key())


def test_reports_stand_under_pseudonyms_and_scrubbed(
    private: Path, tmp_path: Path, names: Pseudonymizer
) -> None:
    write(
        tmp_path / "reports.csv",
        HEADER,
        ("1.2.3.44", "FINDINGS:\nNo thrombus, says Dr. Smith.\n\nQX74-B came late."),
        ("1.2.3.55", "LVEF 45 %, \u201cnormal\u201d."),
    )
    write(tmp_path / "sheet.csv", ("study_id", "patient_id"), ("1.2.3.44", "QX74-B"), ("1.2.3.55", "QX75-C"))
    output = private / "reports.parquet"
    import_reports(private, output)
    table = pd.read_parquet(output)
    assert table.columns.tolist() == ["study", "report", "replaced"]
    assert table["study"].is_monotonic_increasing
    found = table.set_index("study")
    first, second = (names.pseudonym("study", uid) for uid in ("1.2.3.44", "1.2.3.55"))
    assert found.loc[first, "report"] == "FINDINGS:\nNo thrombus, says [NAME].\n\n[NAME] came late."
    assert found.loc[second, "report"] == "LVEF 45 %, \u201cnormal\u201d."
    assert found["replaced"].to_dict() == {first: 2, second: 0}
    assert read_fact(output, "key_fingerprint") == names.fingerprint()
    assert [uid for uid in (b"1.2.3.44", b"1.2.3.55", b"QX74", b"Smith") if uid in output.read_bytes()] == []


def test_a_patient_s_number_is_taken_out_of_no_other_report(private: Path, tmp_path: Path) -> None:
    write(tmp_path / "reports.csv", HEADER, ("1.2.3.44", "QX75-C"), ("1.2.3.55", "QX75-C"))
    write(tmp_path / "sheet.csv", ("study_id", "patient_id"), ("1.2.3.44", "QX74-B"), ("1.2.3.55", "QX75-C"))
    import_reports(private, private / "reports.parquet")
    assert sorted(pd.read_parquet(private / "reports.parquet")["report"]) == ["QX75-C", "[NAME]"]


def test_an_accession_number_belongs_to_its_issuer(
    private: Path, tmp_path: Path, names: Pseudonymizer, name_in_sources: Callable[..., None]
) -> None:
    write(tmp_path / "reports.csv", HEADER, ("A100", SECRET))
    write(tmp_path / "sheet.csv", ("nothing", "known"), ("a", "b"))
    name_in_sources(link="accession", issuer="north")
    import_reports(private, private / "reports.parquet")
    study = pd.read_parquet(private / "reports.parquet")["study"].item()
    assert study == names.pseudonym("study", "A100", "north") != names.pseudonym("study", "A100")


def test_empty_reports_are_counted_and_left_out(
    private: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "reports.csv", HEADER, ("a", ""), ("b", SECRET), ("c", "  "))
    assert read_reports(PrivateSide(private).cmr_sources()) == {"b": SECRET}
    assert "2 of 3 studies have an empty report" in caplog.text


def test_columns_have_the_names_that_sources_give(
    private: Path, tmp_path: Path, name_in_sources: Callable[..., None]
) -> None:
    write(tmp_path / "reports.csv", ("text", "uid", "reader"), (SECRET, "a", "x"))
    name_in_sources(report_columns={"study_id": "uid", "report": "text"})
    assert read_reports(PrivateSide(private).cmr_sources()) == {"a": SECRET}


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        (
            [("study", "text"), ("a", SECRET)],
            ["reports, row 1: no column study_id, report; name the columns under cmr.report_columns"],
        ),
        ([("study_id", "text"), ("a", SECRET)], ["reports, row 1: no column report; "]),
        (
            [HEADER, ("uid-7", SECRET), ("uid-8", SECRET), ("uid-7", f"{SECRET}.\nIt is new.")],
            ["reports, row 4: a report of this study stands in an earlier row; keep one"],
        ),
        (
            [HEADER, ("", SECRET), ("uid-7", "a\nb"), ("", SECRET), ("uid-7", "")],
            ["row 2: study_id is empty", "row 4: study_id is empty", "row 5: a report of this study"],
        ),
        ([HEADER, ("uid-7", ""), ("uid-8", "")], ["reports: column report is empty in all 2 rows"]),
    ],
)
def test_mistakes_are_named_and_never_quoted(
    private: Path, tmp_path: Path, rows: list[tuple[str, ...]], errors: list[str]
) -> None:
    write(tmp_path / "reports.csv", *rows)
    with pytest.raises(InputError) as caught:
        import_reports(private, private / "reports.parquet")
    told = str(caught.value)
    assert [error for error in errors if error not in told] == []
    assert len(told.splitlines()) == len(errors)
    assert [word for word in (SECRET, "uid-", "It is new") if word in told] == []
    assert not (private / "reports.parquet").exists()
