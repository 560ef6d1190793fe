"""Patients whom the models of another run have learned from: they cannot test these models."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.files import read_fact, read_parquet

log = logging.getLogger(__name__)

TEST_SPLITS = ("internal", "external", "test")  # from every other split models have learned


def find_same_patients(sheet: pd.DataFrame, key_fingerprint: str, learned: Path) -> set[str]:
    """Return the patients of a sheet who, or a study of whom, trained or validated another run's models.

    `sheet` has study and patient, as the other run's `splits.parquet` (`learned`). Pseudonyms of different
    keys have nothing in common: then nobody is found, and the log says so.
    """
    theirs = _read_learned(learned)
    if read_fact(learned, "key_fingerprint") not in ("", key_fingerprint):
        log.warning(
            "the models' run has another pseudonym key, so that its patients cannot be recognised here: make "
            "sure by other means that none of this cohort was among those that the models have learned from"
        )
    same = sheet["patient"].isin(theirs["patient"]) | sheet["study"].isin(theirs["study"])
    return _tell("pseudonym", set(sheet.loc[same, "patient"]))


def find_same_videos(
    sheet: pd.DataFrame, videos: pd.DataFrame, learned: Path, learned_videos: list[Path]
) -> set[str]:
    """Return the patients of a sheet one of whose videos the models of another run have learned from.

    `videos` and the tables `learned_videos` of the other run have study and sha256, of the masked video and
    so whatever the key. Both runs must have de-identified alike.
    """
    theirs = read_parquet(learned_videos).dropna(subset="sha256")
    theirs = theirs[theirs["study"].isin(_read_learned(learned)["study"])]
    same = videos.loc[videos["sha256"].isin(theirs["sha256"]), "study"]
    return _tell("pixels of a video", set(sheet.loc[sheet["study"].isin(same), "patient"]))


def _tell(sign: str, patients: set[str]) -> set[str]:
    """Log how many patients are set aside, and return them."""
    log.info("%d patients whom the models have learned from, by the %s, are set aside", len(patients), sign)
    return patients


def _read_learned(splits: Path) -> pd.DataFrame:
    table = pd.read_parquet(splits, columns=["study", "patient", "split"])
    return table[~table["split"].isin(TEST_SPLITS)]
