"""The journal of a run: what becomes of each job, as it happens, a JSON object per line.

Snakemake hands every event to Python's logging as a record with named fields; its logger plugins live on the
same records. Its log file is made for reading: with `--quiet rules`, as in `make demo`, it names neither
running nor failed jobs. The journal names no input and no command, so nothing of the private side is in it.
"""

import json
import logging
import os
import re
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Any

LOGGER = "snakemake.logging"
NEEDS = ("mem_mb", "runtime", "gpu")  # MB, minutes, count
# What the SLURM executor and Snakemake say in words only.
SUBMITTED = re.compile(r"Job (\d+) has been submitted with SLURM jobid (\S+) \(log: (.+)\)")
LACKING = re.compile(r"Job (\d+)\s+completed successfully, but some output files are missing")
LONGEST = 300  # characters kept of a message


class Journal(logging.Handler):
    """Writes the journal; a fault of its own is reported by logging and never ends the run."""

    def __init__(self, path: Path, **facts: Any) -> None:
        """Begin a journal at `path` with `facts` about the run."""
        super().__init__(logging.INFO)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._write({"event": "begun", "pid": os.getpid(), "host": socket.gethostname(), **facts})

    def emit(self, record: logging.LogRecord) -> None:
        """Note an event of a job."""
        try:
            entry = describe(record)
            if entry is not None and not self._file.closed:
                self._write(entry)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Note the end of the run; a journal without it is that of a run that was killed, or still runs."""
        if not self._file.closed:
            self._write({"event": "ended"})
            self._file.close()
        super().close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps({"time": time.time(), **entry}) + "\n")
        self._file.flush()


def keep_journal(path: Path, **facts: Any) -> Journal:
    """Begin a journal and let Snakemake's logger write to it."""
    journal = Journal(path, **facts)
    logging.getLogger(LOGGER).addHandler(journal)
    return journal


def end_journals() -> None:
    """Close the journals that Snakemake's logger writes to."""
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        if isinstance(handler, Journal):
            logger.removeHandler(handler)
            handler.close()


def name_journal(results: Path) -> Path:
    """Return the path of a new journal of a run; names sort by time."""
    return results / "logs" / "snakemake" / f"{datetime.now():%Y-%m-%dT%H%M%S}.jsonl"


def describe(record: Any) -> dict[str, Any] | None:
    """Return what a record of Snakemake says about a job; None if it says nothing."""
    match str(getattr(record, "event", None)):
        case "job_info":
            return _started(record)
        case "job_finished":
            return {"event": "finished", "job": record.job_id}
        case "job_error":
            return _failed(record)
    message = record.getMessage() if record.msg else ""
    if found := SUBMITTED.search(message):
        return {
            "event": "submitted",
            "job": int(found[1]),
            "slurm": found[2],
            "slurm_log": _relative(found[3]),
        }
    if found := LACKING.search(message):
        reason = "the command ended well but did not write all of its outputs"
        return {"event": "failed", "job": int(found[1]), "message": reason}
    return None


def _started(record: Any) -> dict[str, Any]:
    asked = {name: value for name, value in record.resources.items() if name in NEEDS}
    return {
        "event": "started",
        "job": record.jobid,
        "rule": record.rule_name,
        "wildcards": dict(record.wildcards or {}),
        "logs": [_relative(log) for log in record.log or []],
        "threads": record.threads,
        "asks": {
            name: value if isinstance(value, int | float) else str(value) for name, value in asked.items()
        },
    }


def _failed(record: Any) -> dict[str, Any]:
    message = str(record.rule_msg or "").strip()
    return {"event": "failed", "job": record.jobid, "message": message.split("\n")[0][:LONGEST]}


def _relative(path: str) -> str:
    """Return a path below the working directory as relative to it."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)
