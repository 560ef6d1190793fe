"""Files as the package writes and reads them: tables and JSON, published when they are verified."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cineclr import __version__
from cineclr.errors import InputError
from cineclr.publishing import publish


def write_parquet(frame: pd.DataFrame, path: Path, **facts: str) -> None:
    """Publish a data frame as Parquet, re-read and row-counted; its schema carries version and `facts`."""
    with publish(path) as temporary:
        pq.write_table(_to_table(frame, facts), temporary)
        _count_rows(temporary, path, len(frame))


def write_batches(frames: Iterable[pd.DataFrame], path: Path, **facts: str) -> None:
    """Publish frames of the same columns, at least one, as one Parquet file; only one of them is held."""
    following = iter(frames)
    first = next(following)
    schema, rows = _to_table(first, facts).schema, 0
    with publish(path) as temporary:
        with pq.ParquetWriter(temporary, schema) as writer:
            for frame in itertools.chain([first], following):
                writer.write_table(_to_table(frame, facts))
                rows += len(frame)
        _count_rows(temporary, path, rows)


def _to_table(frame: pd.DataFrame, facts: dict[str, str]) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = {**facts, "cineclr_version": __version__}
    metadata = {**(table.schema.metadata or {}), **{name: fact.encode() for name, fact in told.items()}}
    return table.replace_schema_metadata(metadata)


def _count_rows(temporary: Path, path: Path, expected: int) -> None:
    rows = pq.read_metadata(temporary).num_rows
    if rows != expected:
        raise OSError(f"{path.name}: {rows} of {expected} rows reached the disk")


def frame_of(rows: list[dict[str, object]], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a data frame with exactly these columns and types, also when there are none."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def read_parquet(paths: list[Path]) -> pd.DataFrame:
    """Read Parquet files that share their columns into one data frame, in the order given."""
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def read_fact(path: Path, name: str) -> str:
    """Return a fact that `write_parquet` put into a file's schema; empty if it holds none of that name."""
    return (pq.read_schema(path).metadata or {}).get(name.encode(), b"").decode()


def write_table(frame: pd.DataFrame, csv: Path, **facts: str) -> None:
    """Publish a result that a person opens: a CSV, and beside it the same as Parquet, with `facts`."""
    write_parquet(frame, csv.with_suffix(".parquet"), **facts)
    with publish(csv) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_json(value: Any, path: Path) -> None:
    """Publish a JSON file with sorted keys, so that equal content is equal bytes."""
    with publish(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def require_file(path: Path, role: str, remedy: str) -> Path:
    """Return `path` if it is a file; otherwise raise InputError that names its role and what to do."""
    if not path.is_file():
        raise InputError(f"{role}: no such file: {path.name}. {remedy}")
    return path
