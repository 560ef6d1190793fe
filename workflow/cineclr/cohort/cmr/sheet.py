"""The MRI sheet: one row per study, by the rules of the echo sheet."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.cohort.given import GIVEN, add_given_splits
from cineclr.cohort.sheet import pseudonymise_sheet, read_sheet
from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.config.cmr import DIAGNOSES, DOWNSTREAM, PRETRAINING, TESTS
from cineclr.files import write_parquet
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.sources import CmrColumns, CmrSources

log = logging.getLogger(__name__)

RESERVED = {
    *CmrColumns.model_fields,
    *DIAGNOSES,
    *("study", "patient", "role", "year", "videos", "sentences", *GIVEN),
}


def import_cmr_sheet(private: Path, output: Path) -> None:
    """Check the MRI sheet named in sources.yaml, pseudonymise it and write it to the private side.

    Writes study, patient, year, sex, age (at most 90), cohort, lvef (%, may be missing), further columns, and
    splits of the user's own; withdrawn patients are left out. Raises as `read_cmr_sheet`.
    """
    side = PrivateSide(private)
    sources, names = side.cmr_sources(), Pseudonymizer(side.key())
    sheet = pseudonymise_sheet(read_cmr_sheet(sources), sources, names)
    sheet = sheet[~find_withdrawn(side, "cmr").rows(sheet)].reset_index(drop=True)
    write_parquet(sheet, output, key_fingerprint=names.fingerprint())
    log.info("MRI sheet: written with pseudonyms, and years instead of dates")


def read_cmr_sheet(sources: CmrSources) -> pd.DataFrame:
    """Read and check the MRI sheet, with the splits that sources.yaml may name; raise as both do."""
    sheet = read_sheet(sources.sheet, sources, RESERVED)
    return add_given_splits(sheet, sources.splits, (*PRETRAINING, *DOWNSTREAM), TESTS)
