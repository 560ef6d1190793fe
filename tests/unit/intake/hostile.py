"""What becomes of one file, by the steps of scan and de-identification, and a worker that can be spoilt."""

import os
import resource
import signal
import time
from pathlib import Path

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.clean import Cleaned, Job, clean_clip
from cineclr.intake.echo.mask import choose_region
from cineclr.intake.triage import examine
from cineclr.intake.worker import Failure, Worker
from cineclr.ledger import PASSED, Code

SETTINGS = Deidentify()
BUCKETS = {PASSED, *map(str, Code)}


def judge(path: Path, worker: Worker[Job, Cleaned]) -> str:
    """Return the code with which a file ends; whatever it does to the decoder is its own fault."""
    finding = examine(path, by_accession=False)
    header = finding.header
    if finding.code != PASSED:
        return str(finding.code)
    assert header is not None
    assert header.frames is not None
    region = choose_region(header.regions, header.rows or 0, header.columns or 0)
    if region is None:
        return str(Code.NO_REGION)
    if header.frame_time_ms is None:
        return str(Code.NO_FRAME_TIME)
    avi = path.with_suffix(".avi")
    done = worker.run(Job(path, region, header.frames, 1000 / header.frame_time_ms, avi, SETTINGS))
    if isinstance(done, Failure):
        assert not done.ours, done.reason
        return str(Code.DECODE_FAILED)
    return str(done.code)


def obey(job: Job) -> Cleaned:
    """Do to the process what the name of the file says, as a hostile file may; clean any other."""
    match job.source.name:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(600)
        case "spin":
            while True:
                pass
        case "eat":
            hoard = []
            while True:
                hoard.append(bytearray(2**26))
    return clean_clip(job)


def fill_disk(job: Job) -> Cleaned:
    """Clean a clip where a file may have 20 kB at most."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    return clean_clip(job)
