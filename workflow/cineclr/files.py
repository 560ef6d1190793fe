"""Publishing: an output appears under its name only when it is complete, verified and on disk.

pandas and pyarrow are imported where they are needed: a process that decodes spares 70 MB and starts sooner.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cineclr import __version__
from cineclr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


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


@contextlib.contextmanager
def publish_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that only its owner may enter, and publish it at `path` on success.

    Only then may others enter, as far as the umask lets them: what is not complete nobody else can see.
    """
    with publish(path) as temporary:
        temporary.mkdir(mode=0o700)
        yield temporary
        temporary.chmod(0o777 & ~_umask())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def move_file(source: Path, target: Path) -> None:
    """Rename a file, or where the file systems differ publish a copy and remove the original."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with publish(target) as temporary:
            shutil.copyfile(source, temporary)
            if sha256_file(temporary) != sha256_file(source):
                raise OSError(f"{target.name}: not the bytes of the original reached the disk") from None
        source.unlink()


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
    import pyarrow.parquet as pq

    with publish(path) as temporary:
        pq.write_table(_to_table(frame, facts), temporary)
        _count_rows(temporary, path, len(frame))


def write_batches(frames: Iterable[pd.DataFrame], path: Path, **facts: str) -> None:
    """Publish frames of the same columns, at least one, as one Parquet file; only one of them is held."""
    import pyarrow.parquet as pq

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
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = {**facts, "cineclr_version": __version__}
    metadata = {**(table.schema.metadata or {}), **{name: fact.encode() for name, fact in told.items()}}
    return table.replace_schema_metadata(metadata)


def _count_rows(temporary: Path, path: Path, expected: int) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_metadata(temporary).num_rows
    if rows != expected:
        raise OSError(f"{path.name}: {rows} of {expected} rows reached the disk")


def frame_of(rows: list[dict[str, object]], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a data frame with exactly these columns and types, also when there are none."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


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
