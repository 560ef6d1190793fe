"""A child process for hostile files: one that crashes, hangs or eats memory costs itself and no other."""

import contextlib
import multiprocessing
import os
import resource
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np

from cineclr.intake.failure import is_of_the_system

Job = TypeVar("Job")
Result = TypeVar("Result")
START_SECONDS = 120  # to start a child and import the package, on a slow file system too
READY = "ready"


@dataclass(frozen=True)
class Failure:
    """Why a job gave no result, in words that quote nothing of the file; `ours` is not the file's fault."""

    reason: str
    ours: bool = False


class Worker(Generic[Job, Result]):
    """Runs `function` on one job after the other in a child process, which is replaced when it dies.

    Each job may take `memory_gb` beyond what the idle child holds, and `seconds` of CPU and wall time.
    `function` must be importable by its name. Use as a context manager.
    """

    def __init__(self, function: Callable[[Job], Result], memory_gb: float, seconds: float) -> None:
        self._function, self._memory_gb, self._seconds = function, memory_gb, seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def run(self, job: Job) -> Result | Failure:
        """Return the result of `function(job)`, or why there is none; RuntimeError if no child starts."""
        pipe = self._pipe or self._start()
        try:
            pipe.send(job)
            if not pipe.poll(self._seconds):
                self.close()
                return Failure("took too long")
            return pipe.recv()
        except (EOFError, ConnectionError):
            self.close()
            return Failure("the process died")

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        pipe, child = context.Pipe()
        arguments = (child, self._function, self._memory_gb, self._seconds)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        child.close()
        try:
            started = pipe.poll(START_SECONDS) and pipe.recv() == READY
        except EOFError:
            started = False
        if not started:
            self.close()
            raise RuntimeError("no decoding process could be started; is there enough memory?")
        self._pipe = pipe
        return pipe

    def close(self) -> None:
        """End the child, if there is one."""
        if self._pipe:
            self._pipe.close()
        if self._process:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _serve(pipe: Connection, function: Callable[[Any], Any], memory_gb: float, seconds: float) -> None:
    """Answer jobs until the parent hangs up; stdout and stderr are closed, for decoders print anything."""
    with Path(os.devnull).open("w") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere.fileno(), stream.fileno())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the patient's pixels
    memory = _address_space() + int(memory_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    keep_freed_memory()
    pipe.send(READY)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        try:
            result = function(job)
        except Exception as error:  # it goes to the parent as a reason, without the message: that may quote
            result = _explain(error)
        pipe.send(result)


def keep_freed_memory() -> None:
    """Have the C library keep up to 62 MB of what is freed, for the next frame or file.

    glibc raises its thresholds to a block's size when it is freed, up to 32 MB (mallopt(3), "dynamic mmap
    threshold"); handed back and fetched anew, pages cost 7 % of a clip's time. Elsewhere this does nothing.
    """
    np.empty(31 << 20, np.uint8)  # freed at once, and never touched


def _explain(error: Exception) -> Failure:
    """Return type and place of an error; one of the system (disk full, file gone) is not the file's."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    number = error.errno if isinstance(error, OSError) else None
    what = os.strerror(number) if number is not None else type(error).__name__
    return Failure(f"{what} at {Path(frame.filename).name}:{frame.lineno}", ours=is_of_the_system(error))


def _address_space() -> int:
    """Return the bytes of address space that this process has mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
