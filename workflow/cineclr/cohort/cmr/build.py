"""The MRI cohort: studies with videos, reports and labels, split by patient; every file in one bucket."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.cohort.cmr.splits import (
    check_cohorts,
    check_splits,
    find_unlabelled_tasks,
    find_unusable_tasks,
    split_patients,
    take_splits,
)
from cineclr.cohort.flow import describe_flow, sort_into_buckets
from cineclr.cohort.given import name_origin, require_splits
from cineclr.cohort.overlap import find_same_patients
from cineclr.config.cmr import LVEF, PRETRAINING, TESTS, Cohort
from cineclr.errors import InputError
from cineclr.files import read_fact, read_parquet, write_json, write_parquet, write_table
from cineclr.ledger import PASSED, USED, Code
from cineclr.video.hdf5 import CLIPS

log = logging.getLogger(__name__)

FIRST = ["study", "patient", "cohort", "role", "split", "year", "sex", "age", "videos", "sentences", LVEF]


def build_cmr_cohort(
    sheet: Path,
    scan: Path,
    manifests: list[Path],
    converted: list[Path],
    tokens_of: Path,
    labels: Path,
    settings: Cohort,
    tasks: list[str],
    seed: int,
    splits: Path,
    files: Path,
    flow: Path,
    learned: list[Path] | None = None,
) -> None:
    """Join studies, sheet, reports and labels; split the patients; put every input file into one bucket.

    Writes splits (CSV and Parquet, a row per study: see `FIRST`, further columns, then a column per task: 1,
    0 or empty), files (file, study, video, bucket) and flow (JSON). A study without a report is not
    pretrained with, but may be trained and tested downstream. `manifests` tell what became of each file,
    `converted` are the folders of studies that were made of them. Where the models of another run are tested,
    `learned` is its `splits.parquet`: studies of all cohorts are then tests, but those of its pretraining,
    training and validation patients. Raises InputError for pseudonyms of different keys, cohorts without a
    role, patients in several cohorts, splits or tasks without studies.
    """
    key = read_fact(sheet, "key_fingerprint")
    if key != read_fact(scan, "key_fingerprint"):
        raise InputError(
            "cohort: sheet and files have pseudonyms of different keys; restore the run's key, then run with "
            "--forcerun import_cmr_sheet list_cmr_files"
        )
    studies = pd.read_parquet(sheet)
    check_cohorts(studies, settings.roles, tests_only=bool(learned))
    known = find_same_patients(studies, key, learned[0]) if learned else set()
    origin = "tests" if learned else name_origin(studies)
    studies["role"] = "external" if learned else studies["cohort"].map(settings.roles)
    studies["split"] = _choose_splits(studies, settings, seed, origin)
    sentences = pd.read_parquet(tokens_of, columns=["study"]).value_counts("study")
    studies["sentences"] = studies["study"].map(sentences).fillna(0).astype("int64")
    images = read_parquet(manifests)
    stages = {"scan_cmr": pd.read_parquet(scan), "studies": images}
    ready = images[images["code"] == PASSED]
    stages["cohort_cmr"] = ready[["file"]].assign(code=choose_studies(ready["study"], studies, known))
    buckets = sort_into_buckets(stages)
    used = ready.loc[ready["file"].isin(buckets.loc[buckets["bucket"] == USED, "file"]), "study"]
    clips = read_parquet([folder / CLIPS for folder in converted])
    cohort = _join(studies, clips[clips["study"].isin(used)], pd.read_parquet(labels), tasks)
    if origin == "given":
        require_splits(cohort)
    cohort = cohort.drop(columns="sheet_row", errors="ignore")
    check_splits(cohort)
    _check_tasks(cohort, tasks, tests_only=bool(learned))
    write_table(cohort, splits, key_fingerprint=key, splits=origin)
    write_parquet(buckets, files)
    counts = {"unit": "image", "splits": origin, **_describe(studies, cohort)}
    write_json({**describe_flow(stages, buckets), **counts}, flow)
    log.info("splits: %s", origin)
    for part, n in _by_part(cohort).size().items():
        log.info("%s: %d studies", part, n)


def _choose_splits(studies: pd.DataFrame, settings: Cohort, seed: int, origin: str) -> pd.Series:
    """Return the split of each row of the sheet: all tests, as given with the sheet, or drawn."""
    if origin == "tests":
        return pd.Series(TESTS[0], index=studies.index)
    return (
        take_splits(studies, settings.roles) if origin == "given" else split_patients(studies, settings, seed)
    )


def choose_studies(studies: pd.Series, sheet: pd.DataFrame, known: Collection[str] = ()) -> pd.Series:
    """Return the code of each file by its study: passed, not in the sheet, or no report to pretrain with.

    `known` are patients whom the tested models have learned from. Raises InputError when no study is in the
    sheet.
    """
    listed = sheet.set_index("study")
    if not studies.isin(listed.index).any():
        raise InputError(
            f"cohort: none of the {studies.nunique()} studies with cine slices is in the sheet's "
            f"{len(sheet)} rows; check `link`, `issuer` and the column of study_id in sources.yaml"
        )
    silent = listed["split"].isin(PRETRAINING) & (listed["sentences"] == 0)
    codes = pd.Series(PASSED, index=studies.index, dtype=object)
    codes[studies.isin(silent.index[silent])] = str(Code.NO_REPORT)
    codes[studies.isin(listed.index[listed["patient"].isin(known)])] = str(Code.LEARNED_FROM)
    codes[~studies.isin(listed.index)] = str(Code.NOT_IN_SHEET)
    return codes


def _join(studies: pd.DataFrame, clips: pd.DataFrame, labels: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Return a row per study with clips, sorted; `videos` counts them."""
    videos = clips.value_counts("study")
    cohort = studies[studies["study"].isin(videos.index)]
    cohort = cohort.assign(videos=cohort["study"].map(videos).astype("int64"))
    further = [name for name in cohort.columns if name not in FIRST]
    cohort = cohort.merge(labels[["study", *tasks]], on="study", how="left")
    cohort[tasks] = cohort[tasks].astype("Int64")
    return cohort[[*FIRST, *further, *tasks]].sort_values("study", ignore_index=True)


def _check_tasks(cohort: pd.DataFrame, tasks: list[str], tests_only: bool) -> None:
    lines = find_unlabelled_tasks(cohort, tasks) if tests_only else find_unusable_tasks(cohort, tasks)
    if lines:
        need = "a label is needed" if tests_only else "both classes are needed"
        remedy = f"{need}; leave these out of cmr.diagnoses.tasks, or mend the labels"
        raise InputError("\n".join([*lines, remedy]))


def _by_part(cohort: pd.DataFrame) -> Any:
    inside = cohort["role"] == "development"
    return cohort.groupby(cohort["split"].where(inside, cohort["cohort"] + " " + cohort["split"]))


def _describe(studies: pd.DataFrame, cohort: pd.DataFrame) -> dict[str, object]:
    """Return the counts of each part: development cohorts by split, the others by their name too."""
    by_part = _by_part(cohort)
    return {
        "studies_in_sheet": len(studies),
        "studies_by_split": {str(name): int(n) for name, n in by_part.size().items()},
        "videos": {str(name): int(n) for name, n in by_part["videos"].sum().items()},
        "missing_lvef": int(cohort[LVEF].isna().sum()),
    }
