"""Scrubbing: what goes, what stays because it is a finding, and what no pattern can find."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tldextract
from presidio_analyzer import pattern_recognizer

from cineclr.config import DemoCmr
from cineclr.demo.cmr.patients import draw_studies
from cineclr.demo.cmr.report import join_report, write_report
from cineclr.text.scrub import _merge, scrub

SENTENCES = sorted((Path(__file__).parent / "labels").glob("*sentences*.csv"))


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Discussed by phone: Dr. Smith.", "Discussed by phone: [NAME]."),
        ("DR. JOHN SMITH agrees", "[NAME] agrees"),
        ("Per Dr. John Smith: no change", "Per [NAME]: no change"),
        ("Prof. Dr. Müller and Mr. O'Brien", "[NAME]"),
        ("Drs. Smith and Jones, Mrs. Smith-Jones", "[NAME]"),
        ("told Dr. van der Berg", "told [NAME]"),
        ("told Dr. Öztürk", "told [NAME]"),
        ("Dr. John A. Smith, Dr. Jane B. Doe and Dr. Richard Roe", "[NAME]"),
        ("John Q. Smith, M.D.", "[NAME]"),
        ("Jane Doe, MD, PhD", "[NAME]"),
        ("seen with Smith, John A., MD", "seen with [NAME]"),
        ("John Smith, MD: Left ventricle is dilated", "[NAME]: Left ventricle is dilated"),
    ],
)
def test_names_with_a_title_or_degree(text: str, scrubbed: str) -> None:
    assert scrub(text).text == scrubbed


@pytest.mark.parametrize(
    "label",
    [
        "Referring physician: ",
        "REFERRING MD: ",
        "Attending: ",
        "Attending Radiologist: ",
        "Ordering provider: ",
        "Requesting clinician: ",
        "Primary care physician: ",
        "Technologist(s): ",
        "Performed by: ",
        "PATIENT: ",
        "Patient : ",
        "Patient Name:  ",
        "NAME:\t",
        "RE: ",
        "Signed: ",
        "Electronically signed by: ",
        "Electronically signed by\n",
        "SIGNED BY: ",
        "Dictated by ",
        "Read by: ",
        "Interpreted by: ",
        "Reviewed and approved by ",
        "Discussed with ",
        "Communicated to ",
    ],
)
@pytest.mark.parametrize("name", ["John Smith", "J. Smith", "Smith, John", "SMITH, JOHN", "Mary O'Neil"])
def test_names_behind_a_role_or_a_signature(label: str, name: str) -> None:
    assert scrub(f"{label}{name}\nNo effusion.").text == f"{label}[NAME]\nNo effusion."


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("SMITH, JOHN\nFINDINGS: Normal LV", "[NAME]\nFINDINGS: Normal LV"),
        ("for DOE^JANE^M today", "for [NAME] today"),
        ("Jane Doe is a 54-year-old woman.", "[NAME] is a 54-year-old woman."),
        ("HISTORY: Jane Doe, 54 y.o. woman", "HISTORY: [NAME], 54 y.o. woman"),
        ("HISTORY:\nJane Doe, 54 years, female", "HISTORY:\n[NAME], 54 years, female"),
        ("Smith, John (MRN 1234567)", "[NAME] ([NUMBER])"),
        ("Jane Doe, DOB 1/2/1950", "[NAME], DOB [DATE]"),
    ],
)
def test_patients_named_before_their_age_or_number(text: str, scrubbed: str) -> None:
    assert scrub(text).text == scrubbed


@pytest.mark.parametrize(
    "date",
    [
        *("1/2/1950", "01/02/50", "2019-03-04", "04.03.2019", "19500102", "3/2019"),
        *("January 2, 1950", "Jan 2nd 1950", "Jan. 2, 1950", "MARCH 2019", "Sept 2019", "March 4th"),
        *("2 January 1950", "2-Jan-50", "02-JAN-1950", "02JAN1950", "4th of March 2019"),
    ],
)
def test_dates_in_several_spellings(date: str) -> None:
    assert scrub(f"DOB {date}; no effusion").text == "DOB [DATE]; no effusion"


@pytest.mark.parametrize(
    "number",
    [
        *("MRN 1234567", "MRN: A12345", "MRN#00-12-34", "record number: 123456", "Patient ID: 12345"),
        *("Accession: E12345678", "Accession #: MR-19-12345", "Acc# 12345", "Encounter: 123456"),
        *("SSN 123-45-6789", "234 56 7891", "1.2.840.113619.2.55.3", "7654321", "CMR_20191"),
    ],
)
def test_numbers_of_records_and_accessions(number: str) -> None:
    assert scrub(f"see {number} there").text == "see [NUMBER] there"


@pytest.mark.parametrize(
    "number",
    ["555-123-4567", "(555) 123-4567", "+1 (555) 123-4567", "+44 20 7946 0958", "+49 711 2345 678"],
)
def test_phone_numbers(number: str) -> None:
    assert scrub(f"call {number} now").text == "call [PHONE] now"


@pytest.mark.parametrize("number", ["Phone: 555-1234", "Pager 12345", "pager: 5-1234", "ext. 4567"])
def test_short_phone_numbers_behind_their_label(number: str) -> None:
    label = number.rsplit(" ", 1)[0]
    assert scrub(f"{number}.").text == f"{label} [PHONE]."


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("to jane.doe+mri@heart.example.org now", "to [EMAIL] now"),
        ("to <JANE@CLINIC.LOCAL>", "to <[EMAIL]>"),
        ("see https://pacs.example.org/study?id=7 there", "see [URL] there"),
        ("from 10.0.12.33 today", "from [URL] today"),
    ],
)
def test_addresses(text: str, scrubbed: str) -> None:
    assert scrub(text).text == scrubbed


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("asked for the list of public domains")

    monkeypatch.setattr(tldextract, "extract", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert scrub("to jane.doe@example.org").replaced == 1


def test_known_identifiers_go_wherever_they_stand() -> None:
    found = scrub("qx74-b came late; QX74-B again, not QX74-BC, EF 45 %", ("QX74-B", "EF", ""))
    assert found.text == "[NAME] came late; [NAME] again, not QX74-BC, EF 45 %"
    assert found.replaced == 2
    assert scrub("QX74-B came late").replaced == 0


@pytest.mark.parametrize(
    "text",
    [
        "EF 45 %, RVEF 45.2-50 %",
        "mass of 3.5 x 2.1 x 4.0 cm, wall 7.5-10 mm and 35-40 mm",
        "EDV 178 ml, 78 ml/m2 (normal 58 - 103)",
        "Grade 2/4, segments 3/4 and 12/17",
        "T1 1050 ms. Left ventricle is dilated",
        "T1 1050-1100 ms, +/- 32 ms, ECV 28.5 %",
        "segment 8 septal 1050 ms, septal 12, 1050 ms",
        "1.5 T, TR/TE 3.2/1.60 ms, 0.15 mmol/kg",
        "ratio 16:9, Qp:Qs = 1.5:1",
        "V4-V6, BP 120/80, 65 bpm",
        "Segments 8 and 12 may be involved",
        "Severe MR. Left atrium is dilated. Mild MS. Aortic valve is thick.",
        "severe mr. Left atrium is dilated",
        "Aortic Valve, 12 years after repair",
    ],
)
def test_measurements_stay(text: str) -> None:
    assert scrub(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Impression: Left ventricle is dilated",
        "IMPRESSION: LEFT VENTRICLE IS DILATED, RIGHT VENTRICLE IS NORMAL",
        "FINDINGS:\nLeft Ventricle: Dilated\nRight Ventricle: Normal",
        "INDICATION: Chest pain\nAttending:\n\nIMPRESSION: Left ventricle is dilated",
        "PATIENT NAME:\nClinical Indication: Amyloid",
        "Electronically signed by:\n\nFINDINGS:\nNormal LV",
        "Referring diagnosis: Dilated cardiomyopathy",
        "Patient history: Ebstein anomaly, Fontan circulation",
        "IMPRESSION:\nCARDIOMYOPATHY, HYPERTROPHIC\n",
    ],
)
def test_headings_and_what_follows_them_stay(text: str) -> None:
    assert scrub(text).text == text


def test_a_heading_on_the_same_line_ends_a_name() -> None:
    text = "Attending: Jane Doe Indication: Chest pain"
    assert scrub(text).text == "Attending: [NAME] Indication: Chest pain"


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: path.stem)
@pytest.mark.parametrize("spell", [str, str.upper], ids=["as_typed", "capitals"])
def test_no_sentence_about_a_diagnosis_is_touched(path: Path, spell: type[str]) -> None:
    sentences = pd.read_csv(path)["sentence"]
    assert [text for text in map(spell, sentences) if scrub(text).text != text] == []


def test_of_a_made_up_report_people_go_and_findings_stay() -> None:
    rng = np.random.default_rng(0)
    named = 0
    for study in draw_studies(DemoCmr(patients=40), 0):
        sections = write_report(study.findings, study.identity, study.date, study.vendor, rng)
        text = join_report(sections)
        found = scrub(text)
        named += study.identity.plain_name in text
        assert study.identity.plain_name not in found.text
        assert study.identity.number not in found.text
        assert "Dr." not in found.text
        told = [one for heading, told in sections if heading in ("FINDINGS", "INDICATION") for one in told]
        assert [one for one in told if one not in found.text] == []
    assert named > 5


@pytest.mark.parametrize(
    "text",
    [
        "Smith agreed to come back.",
        "The patient, Jane Doe, felt well.",
        "She lives at 12 Main Street, Springfield.",
        "Transferred from Mercy General.",
        "Transcribed by: jsmith",
        "CC: Jane Doe",
        "Seen on 4 March.",
        "Images are on pacs.example.org.",
    ],
)
def test_what_no_pattern_tells_stays(text: str) -> None:
    """The limits of scrubbing: why the text remains on the private side."""
    assert scrub(text).text == text


def test_some_words_go_that_name_nobody() -> None:
    assert scrub("Reviewed by Heart Team").text == "Reviewed by [NAME]"
    assert scrub("Volumes 178 102 176 ml").text == "Volumes [PHONE] ml"


def test_overlapping_spans_become_one() -> None:
    assert _merge([(5, 9, "B"), (0, 6, "A"), (0, 3, "C"), (9, 12, "D")]) == [(0, 9, "A"), (9, 12, "D")]
    found = scrub("Electronically signed by Dr. John Q. Smith, M.D., pager 555-123-4567.")
    assert found.text == "Electronically signed by [NAME], pager [PHONE]."
    assert found.replaced == 2


@pytest.mark.parametrize("word", ["Aa ", "Aa, ", "van ", "Dr ", "A", "12-", "read by   ", "a@a-"])
def test_no_text_takes_long(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern that runs out of Presidio's time is skipped, so its names would stay."""
    skipped: list[str] = []
    monkeypatch.setattr(pattern_recognizer, "REGEX_TIMEOUT_SECONDS", 3)
    monkeypatch.setattr(pattern_recognizer.logger, "warning", lambda *args, **_: skipped.append(args[1]))
    text = (word * 20_000)[:20_000]
    assert scrub(f"{text}\nDr. Smith").text.endswith("[NAME]")
    assert skipped == []
