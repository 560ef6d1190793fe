"""Withdrawn patients: nothing of theirs goes on, neither files nor rows of sheets nor reports."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer, Sources

log = logging.getLogger(__name__)

ROLE = "withdrawn"


@dataclass(frozen=True)
class Withdrawn:
    """Pseudonyms of withdrawn patients, and of the studies that the sheet says are theirs."""

    patients: frozenset[str] = frozenset()
    studies: frozenset[str] = frozenset()

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Return which rows of a table with `study` and perhaps `patient` are of a withdrawn patient."""
        found = table["study"].isin(self.studies)
        return found | table["patient"].isin(self.patients) if "patient" in table else found


def find_withdrawn(side: PrivateSide, wing: Literal["echo", "cmr"]) -> Withdrawn:
    """Return who is withdrawn, by the file that sources.yaml may name: a CSV with a column `patient_id`.

    A patient is found by the number in the DICOM header, and by the sheet, whose numbers may be others.
    Raises InputError for a file without the column.
    """
    sources = side.sources()
    part: Sources | CmrSources | None = sources if wing == "echo" else sources.cmr
    if sources.withdrawn is None or part is None or part.sheet is None:
        return Withdrawn()
    listed = read_withdrawn(sources.withdrawn)
    names = Pseudonymizer(side.key())
    rows = read_rows(part.sheet, "sheet")
    columns = part.columns
    if {columns.study_id, columns.patient_id} <= set(rows.columns):
        studies = rows.loc[rows[columns.patient_id].str.upper().isin(listed), columns.study_id]
    else:
        studies = pd.Series(dtype=str)  # the import of the sheet says what is wrong with it
    log.info("%d patients are withdrawn, with %d studies in the sheet", len(listed), len(studies))
    return Withdrawn(
        frozenset(names.pseudonym("patient", patient, part.issuer) for patient in listed),
        frozenset(names.study(study, part) for study in studies),
    )


def read_withdrawn(path: Path) -> set[str]:
    """Return the numbers of withdrawn patients, in capitals; raise InputError for a file that has none."""
    rows = read_rows(path, ROLE)
    absent = "patient_id" not in rows.columns
    raise_errors([f"{ROLE}, row 1: no column 'patient_id'"] if absent else [])
    empty = rows.index[rows["patient_id"] == ""]
    raise_errors([f"{ROLE}, row {row}, column 'patient_id': must not be empty" for row in empty])
    return set(rows["patient_id"].str.upper())
