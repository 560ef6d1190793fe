"""Index of MRI files: duplicates set aside, every file accounted for, and each series described."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.files import frame_of, write_parquet
from cineclr.intake.cmr.headers import pack, unpack
from cineclr.intake.cmr.slices import SAME_DIRECTION, Slice, find_slices
from cineclr.intake.index import gather_scan, read_shards, set_copies_aside, write_ledger
from cineclr.intake.syntaxes import warn_undecodable
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import PrivateSide

log = logging.getLogger(__name__)

SERIES_COLUMNS = {
    **{"cine": "str", "study": "str", "study_shard": "int64", "description": "str", "vendor": "str"},
    **{"files": "int64", "slices": "int64", "phases": "int64", "rows": "int64", "columns": "int64"},
    **{"orientation": "str", "spread_mm": "Float64", "parallel": "bool", "time_span_ms": "Float64"},
    **{"derived": "bool"},
}


def index_cmr(private: Path, scan: list[Path], output: list[Path], series: Path, ledger: Path) -> None:
    """Gather the scan: set duplicates and withdrawn patients aside, index the images by study shard.

    The series are described, and every file is accounted for.

    A duplicate is the same object again, or the same pixels at the same place and time of a beat: frames of
    a resting heart may look the same without being copies. The first in the order of paths is kept.
    """
    further = ("cine", "positions", "times")
    table, key = gather_scan(scan, private / "cmr" / "files.parquet", further)
    set_copies_aside(table, ["video"])
    set_copies_aside(table, ["study", "pixel_sha256", "positions", "times"])
    side = PrivateSide(private)
    withdrawn = find_withdrawn(side, "cmr").rows(table)
    table.loc[(table["code"] == PASSED) & withdrawn, "code"] = str(Code.WITHDRAWN)
    own = side.cmr_sources().hdf5  # their views are in the files
    described: list[dict[str, object]] = []
    for index, path in zip(read_shards(scan, table, len(output)), output, strict=True):
        if not own:
            described += [_describe(files) for _, files in index.groupby("cine", sort=True)]
        write_parquet(index.drop(columns="description"), path, key_fingerprint=key)
    described.sort(key=lambda one: str(one["cine"]))
    write_parquet(frame_of(described, SERIES_COLUMNS), series, key_fingerprint=key)
    accounts = table[["file", "study", "cine", "code"]].rename(columns={"cine": "video"})
    write_ledger(accounts, ledger, key)
    warn_undecodable(table)
    log.info("%d files: %s", len(table), count_codes(table["code"]))
    studies = table.loc[table["code"] == PASSED, "study"].nunique()
    log.info("%d series of %d studies go on", len(described), studies)


def _describe(files: pd.DataFrame) -> dict[str, object]:
    """Return what of a series tells its view: its name, and how its slices lie in space and time."""
    first = files.iloc[0]
    slices = find_slices(files)
    positions = [part.position for part in slices]
    return {
        **{name: first[name] for name in ("cine", "study", "study_shard", "description", "vendor")},
        "files": len(files),
        "slices": len(slices),
        "phases": int(np.median([len(part) for part in slices])),
        "rows": int(first["rows"]),
        "columns": int(first["columns"]),
        "orientation": pack(tuple(unpack(first["orientation"])[:6])),
        "spread_mm": float(max(positions) - min(positions)) if np.isfinite(positions).all() else None,
        "parallel": _are_parallel(slices),
        "time_span_ms": _time_span(slices),
        "derived": bool(files["derived"].any()),
    }


def _are_parallel(slices: list[Slice]) -> bool:
    first = np.array(slices[0].normal)
    return all(abs(float(first @ part.normal)) > SAME_DIRECTION for part in slices)


def _time_span(slices: list[Slice]) -> float | None:
    spans = [part.frame_time * len(part) for part in slices if np.isfinite(part.frame_time)]
    return float(np.median(spans)) if spans else None
