"""Publishing: an output appears under its name only when it is complete, verified and on disk.

pandas and pyarrow are imported where they are needed: a process that decodes spares 70 MB and starts sooner.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cineclr import __version__
from cineclr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the directory of `path`; on success flush it and rename it to `path`.

    Works for a file or, when the caller makes one, a directory. On any exception the temporary is removed and
    whatever stood at `path` before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    # What a kill left of an earlier try goes with this one: no two jobs make the same output.
    for stale in path.parent.glob(f".{path.stem}.*.tmp{path.suffix}"):
        _remove(stale)
    try:
        yield temporary
        _flush(temporary)
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_parquet(frame: pd.DataFrame, path: Path, **facts: str) -> None:
    """Publish a data frame as Parquet, re-read and row-counted; its schema carries version and `facts`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    import pandas as pd

    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


def read_fact(path: Path, name: str) -> str:
    """Return a fact that `write_parquet` put into a file's schema; empty if it holds none of that name."""
    import pyarrow.parquet as pq

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
