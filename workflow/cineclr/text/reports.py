"""Reports: read from the user's file, scrubbed, and kept on the private side under pseudonyms."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer
from cineclr.progress import track

log = logging.getLogger(__name__)


def import_reports(private: Path, output: Path) -> None:
    """Write study, report (scrubbed) and replaced (pieces taken out) of every report with text.

    Those of withdrawn patients are left out.

    Raises InputError that names rows and columns and quotes nothing.
    """
    from cineclr.text.scrub import scrub  # here, because its import takes seconds

    side = PrivateSide(private)
    sources, names = side.cmr_sources(), Pseudonymizer(side.key())
    reports = read_reports(sources)
    known = _identifiers(sources)
    withdrawn = find_withdrawn(side, "cmr").studies
    rows = []
    for study, text in track(reports.items(), "scrub reports", len(reports)):
        pseudonym = names.study(study, sources)
        if pseudonym not in withdrawn:
            found = scrub(text, known.get(study.upper(), ()))
            rows.append((pseudonym, found.text, found.replaced))
    table = pd.DataFrame(rows, columns=["study", "report", "replaced"]).sort_values(
        "study", ignore_index=True
    )
    write_parquet(table, output, key_fingerprint=names.fingerprint())
    log.info("%d reports; %d pieces replaced", len(table), table["replaced"].sum())


def read_reports(sources: CmrSources) -> dict[str, str]:
    """Return study identifier -> report as typed, of every report with text.

    Raises InputError for a missing column, a missing or repeated study, or no text at all.
    """
    rows = read_rows(sources.reports, "reports")
    names = sources.report_columns
    missing = [name for name in (names.study_id, names.report) if name not in rows.columns]
    if missing:
        raise InputError(
            f"reports, row 1: no column {', '.join(missing)}; name the columns under cmr.report_columns"
        )
    studies, texts = rows[names.study_id], rows[names.report]
    errors = [f"reports, row {row}: {names.study_id} is empty" for row, study in studies.items() if not study]
    repeated = studies[studies.ne("") & studies.str.upper().duplicated()]  # pseudonyms ignore case, too
    errors += [
        f"reports, row {row}: a report of this study stands in an earlier row; keep one"
        for row in repeated.index
    ]
    raise_errors(errors)
    empty = int((texts == "").sum())
    if empty == len(rows):
        raise InputError(f"reports: column {names.report} is empty in all {len(rows)} rows")
    if empty:
        log.warning("%d of %d studies have an empty report", empty, len(rows))
    return {study: text for study, text in zip(studies, texts, strict=True) if text}


def _identifiers(sources: CmrSources) -> dict[str, tuple[str, ...]]:
    """Return study identifier in capitals -> what the sheet knows of the patient's identifiers."""
    rows = read_rows(sources.sheet, "MRI sheet")
    columns = [sources.columns.study_id, sources.columns.patient_id]
    if not set(columns) <= set(rows.columns):
        return {}  # the import of the sheet says what is wrong with it
    return {study.upper(): (study, patient) for study, patient in rows[columns].itertuples(index=False)}
