"""Index of MRI files: duplicates set aside, every file accounted for, and each series described."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.files import write_parquet
from cineclr.intake.cmr.headers import pack, unpack
from cineclr.intake.cmr.slices import SAME_DIRECTION, Slice, find_slices
from cineclr.intake.scan import frame_of, gather_scan, index_shards, write_ledger, write_shards
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
    table, key = gather_scan(scan, private / "cmr" / "files.parquet")
    for columns in (["video"], ["study", "pixel_sha256", "positions", "times"]):
        passed = table["code"] == PASSED
        again = table.loc[passed, columns].duplicated()
        table.loc[again.index[again], "code"] = str(Code.DUPLICATE_PIXELS)
    side = PrivateSide(private)
    withdrawn = find_withdrawn(side, "cmr").rows(table)
    table.loc[(table["code"] == PASSED) & withdrawn, "code"] = str(Code.WITHDRAWN)
    index = index_shards(table, len(output))
    own = side.cmr_sources().hdf5  # their views are in the files
    described = [] if own else [_describe(files) for _, files in index.groupby("cine", sort=True)]
    write_shards(index.drop(columns="description"), output, key)
    write_parquet(frame_of(described, SERIES_COLUMNS), series, key_fingerprint=key)
    accounts = table[["file", "study", "cine", "code"]].rename(columns={"cine": "video"})
    write_ledger(accounts, ledger, key)
    warn_undecodable(table)
    log.info("%d files: %s", len(table), count_codes(table["code"]))
    log.info("%d series of %d studies go on", len(described), index["study"].nunique())


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
