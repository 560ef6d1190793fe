"""Rows of a sheet as text: CSV in the encodings and separators that spreadsheet programs write, or Excel."""

import csv
import datetime
import importlib
import io
from pathlib import Path

import pandas as pd

from cineclr.errors import InputError

MOST_ERRORS = 20
SEPARATORS = (",", ";", "\t")
SAVE_AS_CSV = "save it as CSV (UTF-8) and name that file in sources.yaml"


def read_rows(path: Path, role: str) -> pd.DataFrame:
    """Read a sheet as stripped text; the index is the row as a spreadsheet shows it (the header is row 1).

    Empty rows are skipped but counted. `role` names the file in errors ("sheet"); nothing that stands in the
    file is ever quoted. Raises InputError for a file, a header or rows that cannot be read. Where `;` or tabs
    separate, the comma may be the decimal sign: `frame.attrs["decimal_comma"]` is True.
    """
    if not path.is_file():
        raise InputError(f"{role}: the file named in sources.yaml does not exist; correct the path")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        records, separator = _read_excel(path, role), ","
    else:
        records, separator = _read_csv(path, role)
    rows = [(number, [cell.strip() for cell in record]) for number, record in enumerate(records, start=1)]
    rows = [(number, cells) for number, cells in rows if any(cells)]
    if not rows or rows[0][0] != 1:
        raise InputError(f"{role}: row 1 is empty; it must hold the names of the columns")
    frame = _make_frame(rows[0][1], rows[1:], role)
    frame.attrs["decimal_comma"] = separator != ","
    return frame


def raise_errors(errors: list[str]) -> None:
    """Raise one InputError with a line per mistake, the first 20 of them; return if there is none."""
    if not errors:
        return
    more = [f"and {len(errors) - MOST_ERRORS} more"] if len(errors) > MOST_ERRORS else []
    raise InputError("\n".join(errors[:MOST_ERRORS] + more))


def _make_frame(header: list[str], rows: list[tuple[int, list[str]]], role: str) -> pd.DataFrame:
    header = header[: max(n for n, name in enumerate(header, start=1) if name)]
    errors = [f"{role}, row 1: column {n} has no name" for n, name in enumerate(header, start=1) if not name]
    errors += [
        f"{role}, row 1: columns {header.index(name) + 1} and {n} have the same name"
        for n, name in enumerate(header, start=1)
        if name and header.index(name) + 1 < n
    ]
    width = len(header)
    for number, cells in rows:
        if any(cells[width:]) or len(cells) < width:
            errors.append(f"{role}, row {number}: {len(cells)} cells, but the header has {width} columns")
    raise_errors(errors)
    index = pd.Index([number for number, _ in rows], name="row", dtype="int64")
    return pd.DataFrame([cells[:width] for _, cells in rows], columns=header, index=index, dtype=object)


def _read_csv(path: Path, role: str) -> tuple[list[list[str]], str]:
    data = path.read_bytes()
    if b"\0" in data:
        raise InputError(f"{role}: not a CSV file, or one in UTF-16; {SAVE_AS_CSV}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records: list[list[str]] = []
    try:
        records.extend(reader)
    except csv.Error:
        raise InputError(f"{role}, after row {len(records)}: quotation marks do not match") from None
    return records, separator


def _read_excel(path: Path, role: str) -> list[list[str]]:
    try:
        openpyxl = importlib.import_module("openpyxl")
    except ImportError:
        raise InputError(f"{role}: an Excel file, and openpyxl is not installed; {SAVE_AS_CSV}") from None
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        return [
            [_cell_text(cell) for cell in row] for row in workbook.worksheets[0].iter_rows(values_only=True)
        ]
    except Exception:  # a damaged workbook fails in many ways, and what it says may quote cells
        raise InputError(f"{role}: the Excel file cannot be read; {SAVE_AS_CSV}") from None


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
