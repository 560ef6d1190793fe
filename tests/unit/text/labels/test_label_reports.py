"""Labels of studies: from a sheet with its mistakes named, and by rules from sentences to table."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cineclr.config.cmr import DIAGNOSES, Labels, Text
from cineclr.errors import InputError
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.text.labels.label import label_reports

TASKS = ["normal", "cardiac_thrombus", "left_atrial_dilation"]
SHEET = Text(labels=Labels(source="sheet"))
RULES = Text(labels=Labels(source="rules"))
NAN = float("nan")


def same(table: pd.DataFrame, expected: dict[str, list[float]]) -> bool:
    """Return whether a table of labels has these rows, missing ones alike."""
    wanted = pd.DataFrame.from_dict(expected, orient="index", columns=TASKS, dtype=float)
    return table.set_index("study").equals(wanted.rename_axis("study").sort_index())


@pytest.fixture
def label(private: Path, tmp_path: Path, name_in_sources: Callable[..., None]) -> Callable[..., pd.DataFrame]:
    """Return what labels by a sheet of this text, and gives the table of labels."""

    def label(text: str) -> pd.DataFrame:
        (tmp_path / "labels.csv").write_text(text)
        name_in_sources(labels=str(tmp_path / "labels.csv"))
        output, evidence = private / "labels.parquet", private / "evidence.parquet"
        label_reports(private, tmp_path / "none", tmp_path / "none", SHEET, TASKS, output, evidence)
        assert pd.read_parquet(evidence).empty
        return pd.read_parquet(output)

    return label


def test_a_sheet_s_cells_are_the_labels(private: Path, label: Callable[..., pd.DataFrame]) -> None:
    table = label(
        "cardiac_thrombus,study_id,left_atrial_dilation,normal,remark\n"
        "1,1.2.3.44,0,0,large\n,1.2.3.55,1,,\n0,1.2.3.66,0,1,\n"
    )
    names = Pseudonymizer(PrivateSide(private).key())
    first, second, third = (names.pseudonym("study", f"1.2.3.{n}") for n in (44, 55, 66))
    assert table.columns.tolist() == ["study", *TASKS]
    assert same(table, {first: [0, 1, 0], second: [NAN, NAN, 1], third: [1, 0, 0]})
    assert b"1.2.3.44" not in (private / "labels.parquet").read_bytes()


HEADER = "study_id,normal,cardiac_thrombus,left_atrial_dilation\n"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            HEADER + "uid-7,0,maybe,1\nuid-8,2,0,1.5\n",
            [
                "labels, row 3, column 'normal': must be 1, 0 or empty",
                "labels, row 2, column 'cardiac_thrombus': must be 1, 0 or empty",
                "labels, row 3, column 'left_atrial_dilation': must be 1, 0 or empty",
            ],
        ),
        (HEADER + ",0,0,0\nuid-7,0,0,0\n", ["labels, row 2: study_id is empty"]),
        (
            HEADER + "uid-7,0,0,0\nuid-8,0,0,0\nUID-7,1,0,0\n",
            ["labels, row 4: the same study as in an earlier row"],
        ),
        (
            "study,normal,cardiac_thrombus\nuid-7,maybe,0\n",
            [
                "labels, row 1: no column 'study_id'; add it, or leave the task out of cmr.diagnoses.tasks",
                "labels, row 1: no column 'left_atrial_dilation'; add it, or leave the task out of "
                "cmr.diagnoses.tasks",
            ],
        ),
    ],
)
def test_mistakes_of_a_sheet_are_named_and_never_quoted(
    private: Path, label: Callable[..., pd.DataFrame], text: str, errors: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        label(text)
    assert str(caught.value).splitlines() == errors
    assert [word for word in ("uid-", "maybe", "1.5") if word in str(caught.value).lower()] == []
    assert not (private / "labels.parquet").exists()


def test_a_sheet_must_be_named(private: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sources\.yaml: cmr\.labels: missing"):
        label_reports(private, tmp_path, tmp_path, SHEET, TASKS, tmp_path / "labels", tmp_path / "evidence")


SENTENCES = [
    ("S1", "INDICATION", "Rule out thrombus."),
    ("S1", "FINDINGS", "The left atrium is dilated."),
    ("S1", "FINDINGS", "The right ventricle is dilated."),
    ("S1", "IMPRESSION", "No thrombus."),
    ("S1", "IMPRESSION", "Severe left atrial enlargement."),
    ("S2", "IMPRESSION", "Normal cardiac MRI."),
    ("S3", "FINDINGS", "An apical thrombus cannot be excluded."),
    ("S4", "HISTORY", "Previous left ventricular thrombus, now resolved."),
]


def by_rules(folder: Path, settings: Text = RULES, tasks: list[str] = TASKS) -> tuple[pd.DataFrame, ...]:
    """Return labels and evidence of the sentences; S5 has a report without a sentence."""
    rows = [(study, n, section, text) for n, (study, section, text) in enumerate(SENTENCES)]
    table = pd.DataFrame(rows, columns=["study", "n", "section", "sentence"])
    table.to_parquet(folder / "sentences.parquet")
    pd.DataFrame({"study": [f"S{n}" for n in (5, 4, 3, 2, 1)]}).to_parquet(folder / "reports.parquet")
    places = (folder / "sentences.parquet", folder / "reports.parquet")
    output, evidence = folder / "labels.parquet", folder / "evidence.parquet"
    label_reports(folder, *places, settings, tasks, output, evidence)
    return pd.read_parquet(output), pd.read_parquet(evidence)


def test_rules_label_every_study_for_every_task(tmp_path: Path) -> None:
    labels, _ = by_rules(tmp_path)
    assert labels.columns.tolist() == ["study", *TASKS]
    assert same(
        labels, {"S1": [0, 0, 1], "S2": [1, 0, 0], "S3": [0, NAN, 0], "S4": [0, 1, 0], "S5": [0, 0, 0]}
    )


def test_rules_tell_the_sentence_that_decided(tmp_path: Path) -> None:
    _, evidence = by_rules(tmp_path)
    assert evidence.columns.tolist() == ["study", "task", "status", "severity", "sentence", "source"]
    told = {(one.study, one.task): (one.status, one.sentence) for one in evidence.itertuples()}
    assert len(told) == len(evidence)
    assert told == {
        ("S1", "left_atrial_dilation"): ("present", SENTENCES[4][2]),
        ("S1", "cardiac_thrombus"): ("absent", SENTENCES[3][2]),
        ("S2", "normal"): ("present", SENTENCES[5][2]),
        ("S3", "cardiac_thrombus"): ("uncertain", SENTENCES[6][2]),
        ("S4", "cardiac_thrombus"): ("historical", SENTENCES[7][2]),
    }
    severity = evidence.set_index(["study", "task"])["severity"]
    assert severity["S1", "left_atrial_dilation"] == "severe"
    assert set(evidence["source"]) == {"rules"}


@pytest.mark.parametrize("policy", ["positive", "negative", "missing"])
def test_the_policy_decides_what_is_possible_or_past(tmp_path: Path, policy: str) -> None:
    labels = Labels(source="rules", uncertain=policy, historical=policy)  # type: ignore[arg-type]
    table, _ = by_rules(tmp_path, Text(labels=labels))
    label = {"positive": 1, "negative": 0, "missing": NAN}[policy]
    assert same(
        table, {"S1": [0, 0, 1], "S2": [1, 0, 0], "S3": [0, label, 0], "S4": [0, label, 0], "S5": [0, 0, 0]}
    )


def test_all_diagnoses_of_the_paper_have_a_column(tmp_path: Path) -> None:
    labels, _ = by_rules(tmp_path, tasks=list(DIAGNOSES))
    assert labels.columns.tolist() == ["study", *DIAGNOSES]
    assert labels["study"].tolist() == ["S1", "S2", "S3", "S4", "S5"]
    assert labels.set_index("study").sum().sum() == 4


def test_counts_are_told_of_each_task(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    by_rules(tmp_path)
    assert "cardiac_thrombus: 1 positive, 3 negative, 1 missing" in caplog.messages
