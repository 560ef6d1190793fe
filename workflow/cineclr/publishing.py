"""Publishing: an output appears under its name only when it is complete, verified and on disk.

By itself, without pandas: a process that decodes files then needs 70 MB less and starts sooner.
"""

import contextlib
import errno
import hashlib
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


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
