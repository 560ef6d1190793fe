"""Sign-off: a person looks at a random sample of the clips that passed before anything is made of them."""

import hashlib
import logging
import re
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.errors import InputError
from cineclr.files import read_parquet, write_json
from cineclr.intake.echo.mask import sample_frames
from cineclr.intake.residual_text.contact_sheet import Card, write_sheet
from cineclr.intake.residual_text.pictures import draw_pictures
from cineclr.ledger import PASSED
from cineclr.private import make_private_folder, write_private
from cineclr.seeds import derive_seed
from cineclr.video.avi import read_avi

log = logging.getLogger(__name__)

COLUMNS = ("sample", "video", "finding", "reviewer")
CLEAN, TEXT = "ok", "text_left"
INITIALS = re.compile(r"[A-Za-z]{2,5}")
CONFIDENCE = 0.95
FRAMES = 4  # of each clip on the sheet, beside the projections
NOTE = (
    "Each row of pictures is one clip that passed: its projections over time, then frames. Write ok or "
    "text_left beside the clip's name in sample.csv, and your initials. Text is anything that names a "
    "person, a date or a number of the patient."
)


def draw_sample(manifests: list[Path], clips: int, seed: int) -> tuple[str, pd.DataFrame]:
    """Return the sample's identity and its rows of the manifests, of clips that passed, in a random order.

    The identity, 16 hexadecimal digits, changes when any of the clips that passed does, by name or content.
    """
    table = read_parquet(manifests)
    passed = table[table["code"] == PASSED].sort_values("video", ignore_index=True)
    lines = [f"{clips} {seed}", *(passed["video"] + " " + passed["sha256"])]
    identity = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
    rng = np.random.default_rng(derive_seed(seed, "sign_off", identity))
    return identity, passed.iloc[rng.permutation(len(passed))[:clips]]


def review_sample(private: Path, results: Path, shards: int, clips: int, seed: int) -> None:
    """Make the sheet for the sign-off: private/<run>/review/sample_1.html ... and sample.csv to be filled in.

    `shards`, `clips` and `seed` are shards.studies, echo.deidentify.sign_off and seed of the configuration;
    the workflow names them when it asks for the sheet. What was filled in for the same sample is kept. Raises
    InputError where not every clip is de-identified yet.
    """
    videos = results / "echo/videos"
    manifests = [videos / f"shard_{shard}.parquet" for shard in range(shards)]
    if missing := sum(not path.is_file() for path in manifests):
        raise InputError(f"{missing} of {shards} shards are not de-identified yet; run: snakemake intake")
    identity, sample = draw_sample(manifests, clips, seed)
    folder = private / "review"
    make_private_folder(folder)
    table = folder / "sample.csv"
    if not _is_of(table, identity):
        rows = pd.DataFrame({"sample": identity, "video": sample["video"], "finding": "", "reviewer": ""})
        write_private(table, rows[list(COLUMNS)].to_csv(index=False, lineterminator="\n"))
    places = [next(videos.glob(f"shard_*/{path}"), videos / path) for path in sample["path"]]
    write_sheet(folder, "sample", "Sample for the sign-off", NOTE, map(_card, places), len(sample))
    log.info("%d clips to look at in %s; fill in sample.csv, then run snakemake", len(sample), folder)


def _is_of(table: Path, identity: str) -> bool:
    """Return whether a table is that of a sample, filled in or not."""
    if not table.is_file():
        return False
    rows = read_rows(table, "review/sample.csv")
    return "sample" in rows and set(rows["sample"]) == {identity}


def _card(clip: Path) -> Card:
    if not clip.is_file():
        raise InputError(f"{clip.name}: in the manifest but not on disk; run deidentify_echo again")
    frames = read_avi(clip)
    shown = frames[sample_frames(len(frames), FRAMES)]
    return Card(clip.stem, np.hstack([*draw_pictures(frames, 0), *shown]))


def sign_off_clips(
    private: Path, results: Path, manifests: list[Path], clips: int, seed: int, output: Path
) -> None:
    """Write that a person has looked at a random sample of the clips that passed and found no text.

    Raises InputError that says what to run or to mend where the sheet is missing, of another sample,
    incomplete, or names a clip with text.
    """
    identity, sample = draw_sample(manifests, clips, seed)
    command = (
        f"cineclr review-sample --private {private} --results {results} --shards {len(manifests)} "
        f"--clips {clips} --seed {seed}"
    )
    table = private / "review/sample.csv"
    if not table.is_file():
        raise InputError(f"sign-off: {len(sample)} clips must be looked at first. Run: {command}")
    rows = read_rows(table, "review/sample.csv")
    if absent := [name for name in COLUMNS if name not in rows.columns]:
        raise InputError(f"review/sample.csv, row 1: no column {', '.join(absent)}; make it anew: {command}")
    if set(rows["sample"]) - {identity} or (rows.empty and len(sample)):
        raise InputError(f"review/sample.csv: of another sample; clips were made anew since. Run: {command}")
    raise_errors(_find_gaps(rows, sample))
    if found := sorted(rows.loc[rows["finding"] == TEXT, "video"]):
        raise InputError(
            f"sign-off: text was left in {', '.join(found)}. One in a sample means more among the rest: "
            "change the mask or the gate (echo.deidentify) or reject these clips (docs/deidentification.md), "
            f"run snakemake intake, then: {command}"
        )
    write_json(_describe(identity, rows, int(read_parquet(manifests)["code"].eq(PASSED).sum())), output)
    log.info("%d clips looked at, no text found", len(rows))


def _find_gaps(rows: pd.DataFrame, sample: pd.DataFrame) -> list[str]:
    """Return a line for each row that is not filled in, and for clips that are missing or too many."""
    role, videos, before = "review/sample.csv", set(sample["video"]), set[str]()
    errors = []
    for number, row in zip(rows.index, rows.to_dict("records"), strict=True):
        place, video = f"{role}, row {number}", str(row["video"])
        if video in before:
            errors.append(f"{place}: the same video again")
        elif video not in videos:
            errors.append(f"{place}: no clip of the sample has this name")
        elif row["finding"] not in (CLEAN, TEXT):
            errors.append(f"{place}: finding must be {CLEAN} or {TEXT}")
        elif not INITIALS.fullmatch(str(row["reviewer"])):
            errors.append(f"{place}: reviewer must be initials of 2 to 5 letters")
        before.add(video)
    missing = len(videos - before)
    return errors + ([f"{role}: {missing} clips of the sample are missing"] if missing else [])


def _describe(identity: str, rows: pd.DataFrame, passed: int) -> dict[str, object]:
    """Return the sign-off, with the largest share of clips with text that n clips without any leave possible.

    That share is the upper limit of Clopper and Pearson (1934, Biometrika 26:404-413) for none of n,
    one-sided: 1 - (1 - confidence)^(1/n).
    """
    looked_at = len(rows)
    bound = 1 - (1 - CONFIDENCE) ** (1 / looked_at) if looked_at else 1.0
    whole = looked_at == passed
    return {
        "sample": identity,
        "clips_passed": passed,
        "clips_looked_at": looked_at,
        "clips_with_text": 0,
        "reviewers": sorted(set(rows["reviewer"].str.upper())),
        "share_with_text_at_most": 0.0 if whole else round(bound, 6),
        "confidence": CONFIDENCE,
    }
