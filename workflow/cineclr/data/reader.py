"""Clips from the packed store to a batch on the device.

No worker processes: a clip is a slice of a memory-mapped array, so a batch is a few hundred memory copies (50
kB each at full size), some milliseconds against a training step of hundreds. One thread reads the next batch
while the device computes; workers would only add start-up time, memory and another source of order.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cineclr.data.memory import allocate

CPU = torch.device("cpu")

Item = TypeVar("Item")
Result = TypeVar("Result")


class Store(Protocol):
    """What is needed of `cineclr.video.store.ClipStore`."""

    videos: pd.DataFrame
    size: tuple[int, int]

    def clip(self, row: int, start: int, length: int) -> Any:
        """Return `length` frames of a video, (length, H, W) uint8."""


def read_clips(store: Store, rows: np.ndarray, starts: np.ndarray, frames: int, pin: bool = False) -> Tensor:
    """Copy clips out of the store: rows (B,), starts (B,) -> uint8 (B, frames, H, W)."""
    shape = (len(rows), frames, *store.size)
    # Pinned memory is kept and used again by torch; other memory is fresh for every batch.
    clips = torch.empty(shape, dtype=torch.uint8, pin_memory=True) if pin else allocate(shape, np.uint8, CPU)
    target = clips.numpy()
    for place, (row, start) in enumerate(zip(rows.tolist(), starts.tolist(), strict=True)):
        target[place] = store.clip(row, start, frames)
    return clips


def to_device(clips: Tensor, device: torch.device) -> Tensor:
    """Move uint8 clips to the device and scale them: float32 in 0 to 1, shape unchanged."""
    return clips.to(device, non_blocking=True).float().div_(255)


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield function(item) for every item; a thread computes the next one; its exceptions surface here."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = None
        for item in items:
            following = pool.submit(function, item)
            if future is not None:
                yield future.result()
            future = following
        if future is not None:
            yield future.result()
