import os
import resource
import signal
import time

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


@pytest.mark.parametrize("order", ["crash", "hang", "eat", "leave", "shout", "stop"])
def test_what_a_file_does_to_a_decoder_costs_that_file_only(worker, order):
    before = time.monotonic()
    failure = worker.run(order)
    assert isinstance(failure, Failure)
    assert not failure.ours
    assert "SMITH" not in failure.reason
    assert time.monotonic() - before < 10
    assert worker.run("next") == "done next"


def test_a_full_disk_is_not_the_files_fault(worker):
    failure = worker.run("disk")
    assert failure.ours
    assert "No space left" in failure.reason
    assert "SMITH" not in failure.reason


def test_no_core_is_dumped_and_nothing_is_printed(worker, capfd):
    assert worker.run("core") == "(0, 0)"
    assert worker.run("print") == "done print"
    assert "SMITH" not in "".join(capfd.readouterr())
