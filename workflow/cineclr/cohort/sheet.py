"""The sheet: one row per study, checked cell by cell, then pseudonymised (Methods, 'Data curation')."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.cohort.checks import check_cells, check_further, find_repeats, parse_date
from cineclr.cohort.given import GIVEN, add_given_splits
from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.config.echo import SPLITS, TESTS
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.sources import CmrSources, SheetColumns, Sources

logger = logging.getLogger(__name__)

OLDEST_AGE = 90  # greater ages narrow a person down; they are all written as 90
MEASURES = ("age", "lv_mass_index", "lvef")
RESERVED = {
    *SheetColumns.model_fields,
    *("study", "patient", "year", "severe_as", "lvh", "videos", "scanner", "age_band", *GIVEN),
}


def import_sheet(private: Path, output: Path) -> None:
    """Check the sheet named in sources.yaml, pseudonymise it and write it to the private side.

    Studies and patients become pseudonyms, dates the year, ages stop at 90; splits of the user's own are
    added, withdrawn patients left out. Raises as `read_echo_sheet`.
    """
    side = PrivateSide(private)
    sources = side.sources()
    names = Pseudonymizer(side.key())
    sheet = pseudonymise_sheet(read_echo_sheet(sources), sources, names)
    sheet = sheet[~find_withdrawn(side, "echo").rows(sheet)].reset_index(drop=True)
    write_parquet(sheet, output, key_fingerprint=names.fingerprint())
    logger.info("sheet: written with pseudonyms, and years instead of dates")


def read_echo_sheet(sources: Sources) -> pd.DataFrame:
    """Read and check the echo sheet, with the splits that sources.yaml may name; raise as both do."""
    sheet = read_sheet(sources.echo_sheet, sources, RESERVED)
    return add_given_splits(sheet, sources.splits, SPLITS, TESTS)


def read_sheet(path: Path, sources: Sources | CmrSources, reserved: set[str]) -> pd.DataFrame:
    """Read and check one wing's sheet; return our columns and the further ones, still with identifiers.

    The index is the sheet's row, study_date a `datetime.date`, numbers are numbers, lv_mass_index and lvef
    may be missing; `reserved` are names that no further column may have. Raises InputError that lists the
    mistakes by row, column and rule and never quotes a cell.
    """
    rows = read_rows(path, "sheet")
    frame = _map_values(_pick_columns(rows, sources, reserved), sources.values)
    if rows.attrs["decimal_comma"]:
        frame = _use_decimal_points(frame, sources.further)
    if frame.empty:
        raise InputError("sheet: no study below the header")
    names = sources.columns.model_dump()
    errors = check_cells(frame, sources.link, names) + find_repeats(frame["study_id"], names["study_id"])
    raise_errors([text for _, text in sorted(errors)])
    typed = _convert(frame, sources.further)
    raise_errors(check_further(typed, sources.further))
    logger.info("sheet: %d studies of %d patients read", len(typed), typed["patient_id"].nunique())
    return typed


def pseudonymise_sheet(
    sheet: pd.DataFrame, sources: Sources | CmrSources, names: Pseudonymizer
) -> pd.DataFrame:
    """Return a checked sheet with pseudonyms for studies and patients, years for dates, sorted by study."""
    frame = pd.DataFrame(
        {
            "study": [names.study(value, sources) for value in sheet["study_id"]],
            "patient": [names.pseudonym("patient", value, sources.issuer) for value in sheet["patient_id"]],
            "year": [date.year for date in sheet["study_date"]],
        },
        index=sheet.index,
    )
    frame = pd.concat([frame, sheet.drop(columns=["study_id", "patient_id", "study_date"])], axis="columns")
    frame["age"] = frame["age"].clip(upper=OLDEST_AGE)
    return frame.sort_values("study", ignore_index=True)


def _pick_columns(rows: pd.DataFrame, sources: Sources | CmrSources, reserved: set[str]) -> pd.DataFrame:
    """Return the columns that sources.yaml names, under our names."""
    names = sources.columns.model_dump()
    taken = (reserved | set(names.values())) & set(sources.further)
    errors = [
        f"sources.yaml: further: {name!r} has a meaning of its own; remove it" for name in sorted(taken)
    ]
    wanted = {f"columns.{ours}": theirs for ours, theirs in names.items()}
    wanted |= {f"further ({name})": name for name in sources.further}
    errors += [
        f"sheet, row 1: no column {name!r}; add it, or correct `{key}` in sources.yaml"
        for key, name in wanted.items()
        if name not in rows.columns
    ]
    errors += [
        f"sources.yaml: values.{ours}: no such column; there are {', '.join([*names, *sources.further])}"
        for ours in sorted(set(sources.values) - set(names) - set(sources.further))
    ]
    raise_errors(errors)
    return rows[list(wanted.values())].set_axis([*names, *sources.further], axis="columns")


def _map_values(frame: pd.DataFrame, values: dict[str, dict[str, str | int]]) -> pd.DataFrame:
    frame = frame.copy()
    for column, mapping in values.items():
        frame[column] = [str(mapping.get(text, text)) for text in frame[column]]
    return frame


def _use_decimal_points(frame: pd.DataFrame, further: list[str]) -> pd.DataFrame:
    frame = frame.copy()
    for column in frame.columns.intersection([*MEASURES, *further]):
        frame[column] = frame[column].str.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    return frame


def _convert(frame: pd.DataFrame, further: list[str]) -> pd.DataFrame:
    """Give checked text its types; a further column is of numbers when all its cells are."""
    frame = frame.copy()
    frame["study_date"] = [parse_date(text) for text in frame["study_date"]]
    if "low_flow_low_gradient" in frame:
        frame["low_flow_low_gradient"] = frame["low_flow_low_gradient"].astype(int)
    for column in frame.columns.intersection(list(MEASURES)):
        frame[column] = pd.to_numeric(frame[column].replace("", None)).astype(float)
    for column in further:
        values = frame[column].replace("", None)
        numbers = pd.to_numeric(values, errors="coerce")
        frame[column] = numbers.astype(float) if (numbers.isna() == values.isna()).all() else values
    return frame
