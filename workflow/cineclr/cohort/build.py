"""The cohort: labels, exclusions and splits (Methods, 'Data curation' and 'Echocardiogram labeling')."""

import logging
import math
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pandas as pd

from cineclr.cohort.flow import STAGES, describe_flow, sort_into_buckets
from cineclr.cohort.given import name_origin, require_splits
from cineclr.cohort.overlap import find_same_patients, find_same_videos
from cineclr.config.echo import SPLITS, Cohort, LvhThresholds
from cineclr.errors import InputError
from cineclr.files import read_fact, read_parquet, write_json, write_parquet, write_table
from cineclr.ledger import PASSED, USED, Code
from cineclr.seeds import derive_seed

logger = logging.getLogger(__name__)

COLUMNS = [
    "study",
    "patient",
    "split",
    "year",
    "sex",
    "age",
    "as_severity",
    "lv_mass_index",
    "severe_as",
    "lvh",
]


def build_cohort(
    sheet: Path,
    scan: Path,
    manifests: list[Path],
    views: list[Path],
    clips: list[Path],
    settings: Cohort,
    seed: int,
    splits: Path,
    files: Path,
    flow: Path,
    learned: list[Path] | None = None,
    learned_videos: list[Path] | None = None,
) -> None:
    """Join videos and sheet, label and split the studies, and put every input file into one bucket.

    Writes splits (CSV and Parquet, a row per study), files (file, study, video, bucket) and flow (JSON).
    Where the models of another run are tested, `learned` is its `splits.parquet` and `learned_videos` are its
    manifests: all studies, of any year, are the external test set, but those of its training and validation
    patients. Raises InputError when no study is in both, or a split would be empty; ValueError when files got
    lost.
    """
    key = read_fact(sheet, "key_fingerprint")
    if key != read_fact(scan, "key_fingerprint"):
        raise InputError(
            "cohort: sheet and files have pseudonyms of different keys; restore the run's key, then run with "
            "--forcerun import_sheet list_files"
        )
    studies = pd.read_parquet(sheet).sort_values("study", ignore_index=True)
    frames = [pd.read_parquet(scan), read_parquet(manifests), read_parquet(views), read_parquet(clips)]
    ready = frames[-1].loc[frames[-1]["code"] == PASSED, ["file", "study", "video"]]
    if not ready["study"].isin(studies["study"]).any():
        raise InputError(
            f"cohort: none of the {ready['study'].nunique()} studies with usable videos is in the sheet's "
            f"{len(studies)} rows; check `link`, `issuer` and the column of study_id in sources.yaml"
        )
    known = None
    if learned:
        known = find_same_patients(studies, key, learned[0])
        known |= find_same_videos(studies, frames[1], learned[0], learned_videos or [])
    ready = ready.assign(code=choose_videos(ready, studies, settings, known))
    stages = dict(zip(STAGES, [*frames, ready], strict=True))
    buckets = sort_into_buckets(stages)
    used = buckets[buckets["bucket"] == USED]
    cohort = make_splits(studies, used, settings, seed, tests_only=known is not None)
    scanners = name_scanners(cohort["study"], frames[1][frames[1]["file"].isin(used["file"])])
    cohort.insert(len(COLUMNS) + 1, "scanner", scanners)  # after the number of videos
    origin = "tests" if learned else name_origin(studies)
    write_table(cohort, splits, key_fingerprint=key, splits=origin)
    write_parquet(buckets, files)
    counts = {"splits": origin, **_describe_cohort(studies, cohort)}
    write_json({**describe_flow(stages, buckets), **counts}, flow)
    _log(cohort)


def choose_videos(
    videos: pd.DataFrame, sheet: pd.DataFrame, settings: Cohort, known: set[str] | None = None
) -> pd.Series:
    """Return the code of each video: passed, or why its study is not in the cohort.

    `known` are the patients whom the tested models of another run have learned from; then any year will do.
    """
    studies = sheet.set_index("study")
    in_sheet = videos["study"].isin(studies.index)
    year = videos["study"].map(studies["year"])
    inside = year.between(*settings.development_years) | year.between(*settings.external_years)
    low_flow = videos["study"].map(studies["low_flow_low_gradient"]) == 1
    codes = pd.Series(PASSED, index=videos.index, dtype=object)
    codes[low_flow & settings.exclude_low_flow_low_gradient] = str(Code.LOW_FLOW_LOW_GRADIENT)
    if known is None:
        codes[~inside] = str(Code.YEAR_OUTSIDE)
    else:
        codes[videos["study"].map(studies["patient"]).isin(known)] = str(Code.LEARNED_FROM)
    codes[~in_sheet] = str(Code.NOT_IN_SHEET)
    return codes


def name_scanners(studies: pd.Series, videos: pd.DataFrame) -> pd.Series:
    """Return each study's scanner: vendor and model of most of its videos, the first by alphabet of equals.

    `videos` has study, vendor and model, which are words of the closed lists of `intake.scanners`.
    """
    words = videos["vendor"] + " " + videos["model"]
    most = words.groupby(videos["study"]).agg(_most_frequent)
    return studies.map(most)


def _most_frequent(values: pd.Series) -> str:
    return str(values.mode().iloc[0])  # in alphabetical order


def label_studies(sheet: pd.DataFrame, above: LvhThresholds) -> pd.DataFrame:
    """Add severe_as (severe against the rest) and lvh (LV mass index above the sex's limit, or missing)."""
    limit = sheet["sex"].map({"F": above.F, "M": above.M})
    lvh = (sheet["lv_mass_index"] > limit).astype("Int64").where(sheet["lv_mass_index"].notna())
    return sheet.assign(severe_as=(sheet["as_severity"] == "severe").astype("int64"), lvh=lvh)


def make_splits(
    sheet: pd.DataFrame, used: pd.DataFrame, settings: Cohort, seed: int, tests_only: bool = False
) -> pd.DataFrame:
    """Return a row per study of the used videos: its split, labels, number of videos, further columns.

    With `tests_only` all are the external test set; else splits are those that came with the sheet, or are
    drawn. Raises InputError that names a split without studies, or the rows of studies without a split.
    """
    videos = used.groupby("study").size().rename("videos")
    cohort = sheet[sheet["study"].isin(videos.index)]
    if tests_only and cohort.empty:
        raise InputError(
            "cohort: no study is left; the log says how many patients the models have learned from"
        )
    cohort = label_studies(cohort, settings.lvh_above)
    cohort["videos"] = cohort["study"].map(videos).astype("int64")
    cohort["split"] = "external" if tests_only else _choose_splits(cohort, settings, seed)
    not_further = (*COLUMNS, "low_flow_low_gradient", "sheet_row")
    further = [name for name in sheet.columns if name not in not_further]
    return cohort[[*COLUMNS, "videos", *further]].sort_values("study", ignore_index=True)


def _choose_splits(cohort: pd.DataFrame, settings: Cohort, seed: int) -> pd.Series:
    """Return the split of each study, as given with the sheet or drawn; raise InputError for an empty one."""
    external = cohort["year"].between(*settings.external_years)
    if name_origin(cohort) == "given":
        require_splits(cohort)
        splits = cohort["split"]
    else:
        unit = cohort["study" if settings.split_unit == "study" else "patient"]
        shares = {name: Fraction(str(share)) for name, share in settings.split}
        splits = split_units(unit[~external], shares, seed).reindex(cohort.index, fill_value="external")
    for split in SPLITS:
        if not (splits == split).any():
            years = settings.external_years if split == "external" else settings.development_years
            raise InputError(
                f"cohort: no study for the {split} split: {int((~external).sum())} development and "
                f"{int(external.sum())} external studies are left; {split} takes from {years[0]}-{years[1]}, "
                "or, where sources.yaml names `splits`, what they give it"
            )
    return splits


def split_units(units: pd.Series, shares: dict[str, Fraction], seed: int) -> pd.Series:
    """Return the name of a part for each row; rows of one unit stay together.

    Units stand in the order of a seeded hash, cut after floor(share * n) rows, shares summed up: a unit
    belongs to the part in which its first row falls. The paper's 7082 studies give its 5311 in train.
    """
    sizes = units.value_counts()
    order = sorted(sizes.index, key=lambda unit: (derive_seed(seed, "split", unit), unit))
    starts = sizes[order].cumsum() - sizes[order]
    *inner, last = zip(shares, accumulate(shares.values()), strict=True)
    names = pd.Series(last[0], index=starts.index)
    for name, share in reversed(inner):
        names[starts < math.floor(share * len(units))] = name
    return units.map(names)


def _describe_cohort(sheet: pd.DataFrame, cohort: pd.DataFrame) -> dict[str, object]:
    by_split = cohort.groupby("split")
    train = cohort[cohort["split"] == "train"]
    return {
        "studies_in_sheet": len(sheet),
        "studies_by_split": {split: int(n) for split, n in by_split.size().items()},
        "videos": {split: int(n) for split, n in by_split["videos"].sum().items()},
        "training_studies_without_pair": int((train["videos"] < 2).sum()),
        "missing_lvh": int(cohort["lvh"].isna().sum()),
        "patients_in_several_splits": count_shared_patients(cohort),
    }


def count_shared_patients(cohort: pd.DataFrame) -> int:
    """Return the number of patients with studies in more than one split."""
    return int((cohort.groupby("patient")["split"].nunique() > 1).sum())


def _log(cohort: pd.DataFrame) -> None:
    for split in [name for name in SPLITS if name in set(cohort["split"])]:
        part = cohort[cohort["split"] == split]
        logger.info(
            "%s: %d studies, %d videos, %d severe AS, %d LVH",
            split,
            len(part),
            part["videos"].sum(),
            part["severe_as"].sum(),
            part["lvh"].sum(),
        )
    shared = count_shared_patients(cohort)
    if shared:
        logger.warning(
            "%d patients have studies in several splits; `split_unit: patient` would keep each in one "
            "part of the development set",
            shared,
        )
