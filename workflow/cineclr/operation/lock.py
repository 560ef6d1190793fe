"""One Snakemake at a time in a folder: a lock that ends with its holder, however that dies."""

import fcntl
import logging
import os
import socket
import time
from pathlib import Path
from typing import IO

from cineclr.errors import InputError

log = logging.getLogger(__name__)


def hold_lock(path: Path) -> IO[str]:
    """Take the lock and write into it who has it; it is held as long as the returned file is open.

    Raises InputError that names the holder's machine, process and start where another process has it. On a
    file system without locks a warning is logged and nothing is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "a process that has only just started"
        raise InputError(
            f"another Snakemake works in this folder: {holder}. Two would write the same files. Wait for it, "
            "end it (Ctrl-C there, once, and it waits for its jobs), or use a clone of this folder"
        ) from None
    except OSError as error:
        log.warning("%s: no lock here (%s); see to it yourself that no second one runs", path.name, error)
        return file
    file.truncate(0)
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    file.write(f"process {os.getpid()} on {socket.gethostname()}, since {started}\n")
    file.flush()
    return file
