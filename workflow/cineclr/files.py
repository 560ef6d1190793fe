"""Files as the package writes and reads them: tables and JSON, published when they are verified."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cineclr import __version__
from cineclr.errors import InputError
from cineclr.publishing import publish


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_parquet(frame: pd.DataFrame, path: Path, **facts: str) -> None:
    """Publish a data frame as Parquet, re-read and row-counted; its schema carries version and `facts`."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    facts["cineclr_version"] = __version__
    metadata = {**(table.schema.metadata or {}), **{name: fact.encode() for name, fact in facts.items()}}
    with publish(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
        rows = pq.read_metadata(temporary).num_rows
        if rows != len(frame):
            raise OSError(f"{path.name}: {rows} of {len(frame)} rows reached the disk")


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
