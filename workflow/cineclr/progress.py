"""Progress that reads well in a terminal with several jobs and in a log: whole lines, seconds apart."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
BAR_WIDTH = 24


class Progress:
    """A bar for work of known length, printed to stderr as whole lines at most every `every` seconds."""

    def __init__(self, name: str, total: int, every: float = 5.0) -> None:
        self.name, self.total, self.every = name, max(total, 1), every
        self.done = 0
        self.start = self.last = time.monotonic()

    def step(self, count: int = 1, note: str = "") -> None:
        """Count work done; print a line when one is due, and always when all is done."""
        self.done += count
        now = time.monotonic()
        if now - self.last < self.every and self.done < self.total:
            return
        self.last = now
        elapsed = now - self.start
        left = elapsed * (self.total - self.done) / max(self.done, 1)
        filled = BAR_WIDTH * min(self.done, self.total) // self.total
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        line = f"{self.name} {bar} {self.done}/{self.total} {elapsed:.0f} s, {left:.0f} s left"
        print(f"{line}  {note}".rstrip(), file=sys.stderr, flush=True)


def track(items: Iterable[T], name: str, total: int) -> Iterator[T]:
    """Yield the items and show how many of `total` are done."""
    progress = Progress(name, total)
    for item in items:
        yield item
        progress.step()
