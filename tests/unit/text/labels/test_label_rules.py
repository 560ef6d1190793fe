"""Rules: a held-out set that was written before them, and each kind of context."""

from pathlib import Path

import pandas as pd
import pytest

from cineclr.config.cmr import DIAGNOSES
from cineclr.text.labels.label import label_by_rules
from cineclr.text.labels.rules import Mention, decide, find_mentions, to_label

FOLDER = Path(__file__).parent


def status_of(sentence: str, task: str, section: str = "") -> str:
    found = {mention.task: mention.status for mention in find_mentions(sentence, section)}
    return found.get(task, "not_mentioned")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("held_out_sentences", 152),  # written before the rules; first score 150
        ("held_out_sentences_2", 182),
        ("held_out_sentences_3", 68),
        ("held_out_sentences_4", 175),  # written after the rules, unseen; first score 168
    ],
)
def test_held_out_sentences(name: str, count: int) -> None:
    """Sentences whose writer did not know the rules; the label that they make is asserted with a margin."""
    table = pd.read_csv(FOLDER / f"{name}.csv")
    assert len(table) == count
    rows = [
        (to_label(status_of(row.sentence, row.task), "missing", "positive"), row)  # type: ignore[arg-type]
        for row in table.itertuples()
    ]
    right = [str(label) == str(to_label(row.status, "missing", "positive")) for label, row in rows]
    assert sum(right) / len(right) >= 0.94


def test_every_diagnosis_is_held_out() -> None:
    tables = [pd.read_csv(path) for path in FOLDER.glob("held_out_sentences*.csv")]
    assert set(pd.concat(tables)["task"]) == set(DIAGNOSES)


@pytest.mark.parametrize(
    ("sentence", "task", "status"),
    [
        ("No LVH, thrombus or mass.", "cardiac_thrombus", "absent"),
        ("No thrombus, but there is a large pericardial effusion.", "large_pericardial_effusion", "present"),
        ("No LGE, the left atrium is enlarged.", "left_atrial_dilation", "present"),
        ("No effusion and moderately dilated RV.", "right_ventricular_dilation", "present"),
        ("Thrombus is not seen.", "cardiac_thrombus", "absent"),
        ("Thrombus cannot be excluded.", "cardiac_thrombus", "uncertain"),
        ("Non-dilated left ventricle.", "left_ventricular_dilation", "absent"),
        ("Normal LV, dilated RV.", "left_ventricular_dilation", "not_mentioned"),
        ("LV and RV are dilated.", "left_ventricular_dilation", "present"),
        ("LV and RV are dilated.", "right_ventricular_dilation", "present"),
        ("Father with HCM.", "hypertrophic_cardiomyopathy", "family"),
        ("Sarcoidosis in the patient's mother.", "sarcoidosis", "family"),
        ("Mild MR.", "severe_mitral_regurgitation", "absent"),
        ("Severe MR.", "severe_mitral_regurgitation", "present"),
        ("Cardiac MR of good quality.", "severe_mitral_regurgitation", "not_mentioned"),
        ("Left ventricular mass index 80 g/m2.", "other_cardiac_mass", "not_mentioned"),
        ("Pericardial effusion of 2.6 cm.", "large_pericardial_effusion", "present"),
        ("Pericardial effusion of 6 mm.", "large_pericardial_effusion", "absent"),
        ("No change in the large pericardial effusion.", "large_pericardial_effusion", "present"),
        ("Tumor was resected in 2015.", "cardiac_tumor", "historical"),
    ],
)
def test_context(sentence: str, task: str, status: str) -> None:
    assert status_of(sentence, task) == status


def test_sections_ask_and_tell() -> None:
    assert status_of("Amyloidosis.", "amyloid") == "present"
    assert status_of("Amyloidosis.", "amyloid", "INDICATION") == "not_mentioned"
    assert status_of("History of myocarditis.", "myocarditis", "INDICATION") == "historical"
    assert status_of("Myocarditis.", "myocarditis", "CLINICAL HISTORY") == "historical"


def test_the_impression_has_the_last_word() -> None:
    present, absent, doubt = (
        Mention("cardiac_thrombus", status) for status in ("present", "absent", "uncertain")
    )
    assert decide([("FINDINGS", doubt), ("IMPRESSION", absent)]) == "absent"
    assert decide([("FINDINGS", present), ("IMPRESSION", doubt)]) == "present"
    assert decide([("", absent), ("", doubt)]) == "uncertain"
    assert decide([]) == "not_mentioned"


@pytest.mark.parametrize(
    ("status", "label"),
    [("present", 1), ("historical", 1), ("absent", 0), ("family", 0), ("not_mentioned", 0)],
)
def test_labels_by_policy(status: str, label: int) -> None:
    assert to_label(status, "missing", "positive") == label  # type: ignore[arg-type]
    assert to_label("historical", "missing", "negative") == 0
    assert to_label("uncertain", "positive", "positive") == 1
    assert str(to_label("uncertain", "missing", "positive")) == "nan"


def test_normal_is_a_statement_and_nothing_else_found() -> None:
    sentences = pd.DataFrame(
        [
            ("S1", 0, "IMPRESSION", "Normal cardiac MRI."),
            ("S2", 0, "FINDINGS", "Dilated left atrium."),
            ("S2", 1, "IMPRESSION", "Otherwise normal study."),
            ("S3", 0, "FINDINGS", "Normal LV size."),
        ],
        columns=["study", "n", "section", "sentence"],
    )
    found = {
        (one.study, one.task): one for one in label_by_rules(sentences, ["normal", "left_atrial_dilation"])
    }
    normal = {study: one.status for (study, task), one in found.items() if task == "normal"}
    assert normal == {"S1": "present", "S2": "absent"}
    assert found["S2", "left_atrial_dilation"].sentence == "Dilated left atrium."
