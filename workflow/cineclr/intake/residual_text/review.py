"""Review of the quarantine: a contact sheet to look at, a table to fill in, decisions taken from it."""

import logging
from pathlib import Path

import cv2
import pandas as pd

from cineclr.cohort.rows import raise_errors
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.intake.residual_text.contact_sheet import Card, write_sheet
from cineclr.intake.residual_text.decisions import (
    REJECT,
    RELEASE,
    Decision,
    find_mistakes,
    keep_decisions,
    read_all_decisions,
    read_filled,
    shard_in,
    table_of,
)
from cineclr.intake.residual_text.quarantine import quarantine_folder
from cineclr.private import make_private_folder, write_private

log = logging.getLogger(__name__)

MARGIN = 3  # pixels between text and the box around it
BOX = (0, 200, 255)  # blue, green, red
NOTE = (
    "Each row of pictures is one clip as the gate saw it, after masking; boxes mark what it took for text. "
    "Write release or reject beside the clip's name in quarantine.csv. Release a clip only if nothing in any "
    "picture names a person, a date or a number of the patient."
)


def review_quarantine(private: Path, decisions: Path | None = None) -> None:
    """Make the contact sheet of the clips in quarantine, or with --decisions take what people decided.

    Without it: private/<run>/review/quarantine_1.html ... and quarantine.csv (video, decision, seen); what
    was decided or filled in before is kept. With it: checks every row, keeps the decisions in
    decisions/shard_N.csv, and changes only the files of shards with a new decision. A release holds for the
    pictures that it was made on; a rejection, which any clip may get, holds for good. An emptied decision is
    withdrawn. Raises InputError that lists the rows at fault.
    """
    if decisions is None:
        _make_sheet(private)
    else:
        _take(private, require_file(decisions, "--decisions", "Fill in review/quarantine.csv."))


def _make_sheet(private: Path) -> None:
    hits = read_hits(private)
    folder = private / "review"
    make_private_folder(folder)
    table = folder / "quarantine.csv"
    known = read_all_decisions(private)
    if table.is_file():
        filled = read_filled(table, "review/quarantine.csv").values()
        known |= {row["video"]: Decision(row["decision"], row["seen"]) for row in filled if row["decision"]}
    rows = {video: one for video, one in known.items() if one.decision == REJECT}
    clips = [(str(video), own) for video, own in hits.groupby("video", sort=True)]
    for video, own in clips:
        seen = str(own["seen"].iloc[0])
        rows[video] = Decision(_decision_on(known.get(video), seen), seen)
    write_private(table, table_of(rows))
    cards = (_card(private, video, own) for video, own in clips)
    write_sheet(folder, "quarantine", "Clips in quarantine", NOTE, cards, len(clips))
    undecided = sum(not one.decision for one in rows.values())
    log.info("%d clips with text, %d of them not decided; look at %s", len(clips), undecided, folder)
    log.info("then: cineclr review-quarantine --private %s --decisions %s", private, table)


def _decision_on(known: Decision | None, seen: str) -> str:
    """Return a decision that still holds for these pictures, or nothing."""
    if known is None or (known.decision == RELEASE and known.seen != seen):
        return ""
    return known.decision


def _card(private: Path, video: str, hits: pd.DataFrame) -> Card:
    """Return the pictures of a clip with a box around each hit."""
    path = quarantine_folder(private, int(hits["shard"].iloc[0])) / f"{video}.png"
    strip = cv2.imread(str(require_file(path, "quarantine", "Run deidentify_echo of this shard again.")))
    if strip is None:
        raise InputError(f"quarantine: {path.name} is damaged; run deidentify_echo of its shard again")
    width = strip.shape[1] // int(hits["pictures"].iloc[0])
    boxes = hits.loc[hits["picture"] >= 0, ["picture", "x0", "y0", "x1", "y1"]].to_numpy(int)
    for picture, x0, y0, x1, y1 in boxes.tolist():
        start = (x0 - MARGIN + picture * width, y0 - MARGIN)
        cv2.rectangle(strip, start, (x1 + MARGIN + picture * width, y1 + MARGIN), BOX, 1)
    if not len(boxes):
        return Card(f"{video}  the gate failed on this clip", strip)
    return Card(f"{video}  {len(boxes)} found, most certain {hits['score'].max():.2f}", strip)


def read_hits(private: Path) -> pd.DataFrame:
    """Return all hits with their shard; raise InputError where nothing was de-identified yet.

    Where the number of shards has changed, what an earlier one left is passed over.
    """
    paths = sorted((private / "quarantine").glob("shard_*.parquet"), key=shard_in)
    if not paths:
        raise InputError(f"{private}: no quarantine yet; run: snakemake intake")
    hits = pd.concat([pd.read_parquet(path).assign(shard=shard_in(path)) for path in paths])
    return hits[hits["shard"] == hits["video"].map(_shards_of_clips(private))]


def _shards_of_clips(private: Path) -> dict[str, int]:
    """Return the study shard of every clip that was indexed; the newest index counts."""
    paths = sorted((private / "index").glob("shard_*.parquet"), key=_modified)
    shards: dict[str, int] = {}
    for path in paths:
        table = pd.read_parquet(path, columns=["video", "study_shard"])
        shards |= dict(zip(table["video"].astype(str), table["study_shard"].tolist(), strict=True))
    return shards


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def _take(private: Path, path: Path) -> None:
    rows = read_filled(path, "--decisions")
    clips = _shards_of_clips(private)
    hits = read_hits(private).drop_duplicates("video")
    seen = dict(zip(hits["video"].astype(str), hits["seen"].astype(str), strict=True))
    raise_errors(find_mistakes(rows, "--decisions", clips, seen))
    changed = keep_decisions(private, rows, clips)
    kept = read_all_decisions(private)
    log.info(
        "%d decisions kept, %d clips in quarantine without one", len(kept), len(seen.keys() - kept.keys())
    )
    if changed:
        log.info("run snakemake to carry out those of shards %s", ", ".join(map(str, changed)))
    else:
        log.info("nothing is new: no shard has to be made again")
