"""The MRI sheet: one row per study, by the rules of the echo sheet."""

import logging
from pathlib import Path

from cineclr.cohort.sheet import pseudonymise_sheet, read_sheet
from cineclr.config.cmr import DIAGNOSES
from cineclr.files import write_parquet
from cineclr.private import CmrColumns, PrivateSide, Pseudonymizer

log = logging.getLogger(__name__)

RESERVED = {
    *CmrColumns.model_fields,
    *DIAGNOSES,
    *("study", "patient", "role", "split", "year", "videos", "sentences"),
}


def import_cmr_sheet(private: Path, output: Path) -> None:
    """Check the MRI sheet named in sources.yaml, pseudonymise it and write it to the private side.

    Writes study, patient, year, sex, age (at most 90), cohort, lvef (%, may be missing) and further columns.
    Raises as `cohort.sheet.read_sheet`.
    """
    side = PrivateSide(private)
    sources, names = side.cmr_sources(), Pseudonymizer(side.key())
    sheet = pseudonymise_sheet(read_sheet(sources.sheet, sources, RESERVED), sources, names)
    write_parquet(sheet, output, key_fingerprint=names.fingerprint())
    log.info("MRI sheet: written with pseudonyms, and years instead of dates")
