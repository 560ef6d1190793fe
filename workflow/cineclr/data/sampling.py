"""Which frames of a video become a clip: small strategies that turn video lengths into start frames.

A strategy gets the frames per video, (V,), and returns two arrays of equal length: for each clip its video (a
position in the lengths) and its first frame. A video shorter than a clip is an error here; such videos were
set aside, with their code, when the clip store was made.
"""

from dataclasses import dataclass

import numpy as np

Starts = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class RandomClip:
    """One clip per video, every start equally likely: K consecutive frames (Methods)."""

    frames: int

    def __call__(self, lengths: np.ndarray, rng: np.random.Generator) -> Starts:
        """Return one random start per video."""
        return np.arange(len(lengths)), rng.integers(0, last_starts(lengths, self.frames) + 1)


@dataclass(frozen=True)
class EvenClips:
    """`count` clips per video from its first to its last frame; one is the centre clip.

    Where a video is too short for `count` different starts it gets the different ones.
    """

    frames: int
    count: int

    def __call__(self, lengths: np.ndarray, rng: np.random.Generator | None = None) -> Starts:
        """Return the evenly spaced starts of every video; nothing is random."""
        places = np.linspace(0, 1, self.count) if self.count > 1 else np.array([0.5])
        starts = np.floor(places * last_starts(lengths, self.frames)[:, None] + 0.5).astype(int)  # (V, count)
        different = np.diff(starts, axis=1, prepend=-1) != 0
        return np.nonzero(different)[0], starts[different]


def last_starts(lengths: np.ndarray, frames: int) -> np.ndarray:
    """Return the last possible start frame of each video; raise ValueError if one is shorter than a clip."""
    last = np.asarray(lengths) - frames
    if (last < 0).any():
        raise ValueError(f"{int((last < 0).sum())} videos are shorter than a clip of {frames} frames")
    return last
