"""How fast an epoch went, measured on the host alone: no step waits for it."""

import time
from collections.abc import Iterator
from typing import TypeVar

import torch

Item = TypeVar("Item")


class Timing:
    """Clips per second, share of time spent waiting for data, GPU memory: from one `finish` to the next.

    On a GPU the host runs ahead of the device, so that waiting for data is an upper bound: the device may
    have been busy meanwhile. Rates are right where the last thing before `finish` was to wait for the device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._restart()

    def _restart(self) -> None:
        self._started, self._waited, self._clips = time.perf_counter(), 0.0, 0
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def watch(self, batches: Iterator[Item]) -> Iterator[Item]:
        """Yield the batches, adding up how long each was waited for."""
        while True:
            before = time.perf_counter()
            batch = next(batches, None)
            self._waited += time.perf_counter() - before
            if batch is None:
                return
            yield batch

    def count(self, clips: int) -> None:
        """Count clips that were trained on, over all devices."""
        self._clips += clips

    def finish(self) -> dict[str, float]:
        """Return `clips_per_second`, `data_wait_share` (0 to 1) and on a GPU `gpu_memory_gb`; start anew."""
        seconds = time.perf_counter() - self._started
        values = {"clips_per_second": self._clips / seconds, "data_wait_share": self._waited / seconds}
        if self.device.type == "cuda":
            values["gpu_memory_gb"] = torch.cuda.max_memory_allocated(self.device) / 2**30
        self._restart()
        return values
