"""Publishing: an output appears under its name only when it is complete, verified and on disk.

By itself, without pandas: a process that decodes files then needs 70 MB less and starts sooner.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


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
