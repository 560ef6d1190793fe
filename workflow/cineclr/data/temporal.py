"""Clips of MRI slices: frames taken evenly over the beat, at the size that the encoder sees."""

import cv2
import numpy as np
import torch
from torch import Tensor

from cineclr.video.hdf5 import StudyStore


def sample_evenly(count: int, frames: int) -> np.ndarray:
    """Return `frames` indices from the first to the last of `count`, evenly spaced, (frames,); some repeat.

    As pytorchvideo's UniformTemporalSubsample: the whole numbers below evenly spaced points.
    """
    return np.linspace(0, count - 1, frames).astype(int)


def read_slices(store: StudyStore, rows: np.ndarray, frames: int, size: int) -> Tensor:
    """Return the clips in these rows of the store, uint8 (n, frames, size, size)."""
    clips = np.empty((len(rows), frames, size, size), np.uint8)
    for place, row in enumerate(rows.tolist()):
        video = store.read(row)
        for index, frame in enumerate(sample_evenly(len(video), frames)):
            clips[place, index] = _resize(video[frame], size)
    return torch.from_numpy(clips)


def _resize(frame: np.ndarray, size: int) -> np.ndarray:
    if frame.shape == (size, size):
        return frame
    smaller = size * size < frame.size
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
