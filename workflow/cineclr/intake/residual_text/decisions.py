"""What people decided about single clips: private/<run>/decisions/shard_N.csv, a file per study shard.

A rejection holds for a clip whatever its pixels are. A release holds for the very pictures that a person saw:
`seen` is their digest, and after any change of them the clip waits again.
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.private import make_private_folder, write_private

RELEASE, REJECT = "release", "reject"
COLUMNS = ("video", "decision", "seen")


@dataclass(frozen=True)
class Decision:
    """A decision, and the digest of the pictures that it was made on (empty where it holds for any)."""

    decision: str
    seen: str


def decisions_file(private: Path, shard: int) -> Path:
    """Return where the decisions on clips of a study shard are kept."""
    return private / "decisions" / f"shard_{shard}.csv"


def shard_in(path: Path) -> int:
    """Return the number of the shard that a file shard_N is of."""
    return int(re.sub(r"\D", "", path.stem))


def read_decisions(path: Path) -> dict[str, Decision]:
    """Return the decisions of a shard by the clip's pseudonym; none where there is no file."""
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return {row["video"]: Decision(row["decision"], row["seen"]) for row in table.to_dict("records")}


def read_all_decisions(private: Path) -> dict[str, Decision]:
    """Return every decision that is kept, of all shards."""
    paths = (private / "decisions").glob("shard_*.csv")
    return {video: one for path in sorted(paths, key=shard_in) for video, one in read_decisions(path).items()}


def read_filled(path: Path, role: str) -> dict[int, dict[str, str]]:
    """Return the rows of a table that a person filled in, by the row's number; `role` names it in errors.

    Raises InputError for a file that is no such table.
    """
    rows = read_rows(path, role)
    absent = [name for name in COLUMNS if name not in rows.columns]
    raise_errors([f"{role}, row 1: no column {name!r}; see review-quarantine" for name in absent])
    numbers = [int(number) for number in rows.index]
    filled = [
        {"video": str(video), "decision": str(decision).lower(), "seen": str(seen)}
        for video, decision, seen in zip(*(rows[name] for name in COLUMNS), strict=True)
    ]
    return dict(zip(numbers, filled, strict=True))


def find_mistakes(
    rows: dict[int, dict[str, str]], role: str, clips: dict[str, int], seen: dict[str, str]
) -> list[str]:
    """Return a line for each row that cannot be taken as it stands.

    `clips` are all clips of the run, `seen` those in quarantine with the digest of their pictures.
    """
    errors, before = [], set[str]()
    for number, row in rows.items():
        place, video, decision = f"{role}, row {number}", row["video"], row["decision"]
        if video in before:
            errors.append(f"{place}: the same video again")
        elif decision not in (RELEASE, REJECT, ""):
            errors.append(f"{place}: decision must be {RELEASE}, {REJECT} or empty")
        elif video not in clips:
            errors.append(f"{place}: no clip of this run has this name")
        elif decision == RELEASE and video not in seen:
            errors.append(f"{place}: the clip is not in quarantine, so there is nothing to release")
        elif decision == RELEASE and row["seen"] != seen[video]:
            errors.append(f"{place}: the clip was made anew since this sheet; run review-quarantine again")
        before.add(video)
    return errors


def keep_decisions(private: Path, rows: dict[int, dict[str, str]], clips: dict[str, int]) -> list[int]:
    """Add checked rows to the decisions kept before; return the shards whose file has changed.

    An empty decision withdraws an earlier one. `clips` gives the shard of each clip now; a clip that is no
    longer there keeps its decision where it is. The files of other shards are not touched.
    """
    make_private_folder(private / "decisions")
    paths = {shard_in(path): path for path in (private / "decisions").glob("shard_*.csv")}
    places = {video: shard for shard, path in paths.items() for video in read_decisions(path)} | clips
    kept = read_all_decisions(private)
    for row in rows.values():
        kept.pop(row["video"], None)
        if row["decision"]:
            kept[row["video"]] = Decision(row["decision"], row["seen"])
    shards = sorted({*paths, *(places[video] for video in kept)})
    own = {shard: {v: one for v, one in kept.items() if places[v] == shard} for shard in shards}
    return [shard for shard in shards if _write(decisions_file(private, shard), own[shard])]


def _write(path: Path, decisions: dict[str, Decision]) -> bool:
    """Write a shard's decisions, or remove the file when none is left; return whether anything changed."""
    text = table_of(decisions)
    if path.is_file() and path.read_text() == text:
        return False
    if decisions:
        write_private(path, text)
    else:
        path.unlink(missing_ok=True)
    return True


def table_of(decisions: dict[str, Decision]) -> str:
    """Return decisions as CSV, in the order of the clips: equal content is equal text."""
    rows = [(video, one.decision, one.seen) for video, one in sorted(decisions.items())]
    buffer = io.StringIO()
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue()
