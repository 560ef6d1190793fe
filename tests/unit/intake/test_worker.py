import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cineclr.intake.worker import Failure, Worker


def obey(order: str) -> str:
    """Do what a hostile file may do to a decoder."""
    match order:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(60)
        case "spin":
            while True:
                pass
        case "eat":
            return str(len(bytearray(3 * 2**30)))
        case "leave":
            os._exit(0)
        case "shout":
            raise ValueError("SMITH^JOHN")
        case "stop":
            raise StopIteration
        case "place":
            with Path(sys.executable).open("rb") as file:
                file.seek(-1)
        case "disk":
            raise OSError(28, "No space left", "/patients/SMITH")
        case "core":
            return str(resource.getrlimit(resource.RLIMIT_CORE))
        case "print":
            print("SMITH^JOHN", flush=True)
            os.write(2, b"SMITH^JOHN")
    return f"done {order}"


@pytest.fixture(scope="module")
def worker():
    with Worker(obey, memory_gb=1, seconds=1.5) as worker:
        yield worker


@pytest.mark.parametrize("order", ["crash", "hang", "spin", "eat", "leave", "shout", "stop", "place"])
def test_what_a_file_does_to_a_decoder_costs_that_file_only(worker, order):
    """Case 22; and Case 13, for StopIteration is what pydicom raises there."""
    before = time.monotonic()
    failure = worker.run(order)
    assert isinstance(failure, Failure)
    assert not failure.ours
    assert "SMITH" not in failure.reason
    assert time.monotonic() - before < 10
    assert worker.run("next") == "done next"


def test_what_decodes_needs_neither_pandas_nor_ffmpeg():
    """A node runs as many workers as it has cores: their memory counts, and a new one must start quickly."""
    heavy = "{'pandas', 'pyarrow', 'av'} & set(sys.modules)"
    code = f"import sys, cineclr.intake.echo.clean; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_full_disk_is_not_the_files_fault(worker):
    failure = worker.run("disk")
    assert failure.ours
    assert "No space left" in failure.reason
    assert "SMITH" not in failure.reason


def test_no_core_is_dumped_and_nothing_is_printed(worker, capfd):
    assert worker.run("core") == "(0, 0)"
    assert worker.run("print") == "done print"
    assert "SMITH" not in "".join(capfd.readouterr())
