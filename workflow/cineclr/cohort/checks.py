"""The rules of the sheet; a message names row, column and rule, and never quotes a cell."""

import datetime
import re
from collections.abc import Callable

import pandas as pd
import pandera.pandas as pa

SEVERITIES = ("none", "mild", "moderate", "severe")
ROUNDED_NUMBER = re.compile(r"\d[.,]?\d*[eE]\+?\d+")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", re.ASCII)
STUDY = re.compile(r"S[0-9a-f]{16}", re.ASCII)
UID = re.compile(r"[0-9]+(\.[0-9]+)+", re.ASCII)
DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(\D.*)?", re.ASCII)
NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
MOST_LEVELS = 20  # a text column with more different values reads like names or comments
LARGEST_NUMBER = 1e6  # dates as YYYYMMDD and record numbers are larger, measurements are not


def parse_date(text: str) -> datetime.date | None:
    """Return the date of YYYY-MM-DD or YYYYMMDD (as in DICOM), 1980 to 2100; None for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}|\d{8}", text, re.ASCII):
        return None
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return date if 1980 <= date.year <= 2100 else None


def check_cells(frame: pd.DataFrame, link: str, names: dict[str, str]) -> list[tuple[int, str]]:
    """Return (row, message) for every cell, still text, that breaks a rule.

    `frame` has our columns and the sheet's rows as index; `names` maps our columns to the sheet's.
    """
    try:
        _schema(link, list(frame.columns)).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return []
    return [
        (int(row), f"sheet, row {int(row)}, column {names[column]!r}: {rule}")
        for row, column, rule in zip(cases["index"], cases["column"], cases["check"], strict=True)
    ]


def find_repeats(identifiers: pd.Series, column: str) -> list[tuple[int, str]]:
    """Return (row, message) for every study that has several rows; case does not matter, as in pseudonyms."""
    errors = []
    for key, same in identifiers.groupby(identifiers.str.upper()):
        if key and len(same) > 1:
            rows = ", ".join(str(row) for row in same.index)
            errors.append(
                (int(same.index[0]), f"sheet, rows {rows}, column {column!r}: the same study twice")
            )
    return errors


def check_further(frame: pd.DataFrame, further: list[str]) -> list[str]:
    """Return a message for every further column that may identify a patient: its values go to the results."""
    reasons = {}
    for column in further:
        if pd.api.types.is_numeric_dtype(frame[column]):
            if frame[column].abs().max() >= LARGEST_NUMBER:
                reasons[column] = "holds numbers as large as dates or record numbers"
        elif any(DATE.fullmatch(text) for text in frame[column].dropna()):
            reasons[column] = "holds dates"
        elif frame[column].nunique() > MOST_LEVELS:
            reasons[column] = f"holds more than {MOST_LEVELS} different texts, like names or comments"
    remedy = "its values would go to the results: remove it from `further` in sources.yaml"
    return [f"sheet, column {column!r} {reason}; {remedy}" for column, reason in reasons.items()]


def _schema(link: str, columns: list[str]) -> pa.DataFrameSchema:
    """Return the rules of these columns' cells, as text; the name of a rule is what the user reads."""
    present = _rule(bool, "must not be empty")
    identity = _rule(
        _is_uid, "must be a StudyInstanceUID (numbers and dots), or set `link: accession` in sources.yaml"
    )
    pseudonym = _rule(_is_pseudonym, "must be the pseudonym of an HDF5 file: S and 16 hexadecimal digits")
    exact = _rule(_is_exact, "was rounded by a spreadsheet program; export the column as text")
    remedy = "map other spellings under `values` in sources.yaml"
    rules = {
        "study_id": [present, {"study_uid": identity, "pseudonym": pseudonym}.get(link, exact)],
        "patient_id": [present, exact],
        "study_date": [_rule(_is_date, "must be a date, written YYYY-MM-DD or YYYYMMDD")],
        "sex": [pa.Check.isin(["F", "M"], error=f"must be F or M; {remedy}")],
        "age": [_rule(_is_age, "must be a number of years between 0 and 120")],
        "as_severity": [pa.Check.isin(SEVERITIES, error=f"must be one of {', '.join(SEVERITIES)}; {remedy}")],
        "low_flow_low_gradient": [pa.Check.isin(["0", "1"], error=f"must be 0 or 1; {remedy}")],
        "lv_mass_index": [_rule(_is_mass_index, "must be a number of g/m2 between 10 and 500, or empty")],
        "cohort": [_rule(_is_word, "must be a name of letters, digits, - and _")],
        "lvef": [_rule(_is_percent, "must be a number of % between 1 and 99, or empty")],
    }
    known = {column: rules[column] for column in columns if column in rules}
    return pa.DataFrameSchema({column: pa.Column(checks=checks) for column, checks in known.items()})


def _rule(test: Callable[[str], bool], text: str) -> pa.Check:
    return pa.Check(test, element_wise=True, error=text)


def _is_uid(text: str) -> bool:
    return text == "" or (UID.fullmatch(text) is not None and len(text) <= 64)


def _is_pseudonym(text: str) -> bool:
    return text == "" or STUDY.fullmatch(text) is not None


def _is_exact(text: str) -> bool:
    return ROUNDED_NUMBER.fullmatch(text) is None


def _is_date(text: str) -> bool:
    return parse_date(text) is not None


def _is_age(text: str) -> bool:
    return NUMBER.fullmatch(text) is not None and float(text) <= 120


def _is_word(text: str) -> bool:
    return WORD.fullmatch(text) is not None


def _is_percent(text: str) -> bool:
    return text == "" or (NUMBER.fullmatch(text) is not None and 1 <= float(text) <= 99)


def _is_mass_index(text: str) -> bool:
    return text == "" or (NUMBER.fullmatch(text) is not None and 10 <= float(text) <= 500)
