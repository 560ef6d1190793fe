"""Random pixels and words in memory, in the shape that trainings read: for speed, not for learning."""

from functools import cached_property

import numpy as np
import pandas as pd

WORDS, CLS, SEP = 30_522, 101, 102  # BERT's vocabulary, and its marks of a sentence's begin and end
SENTENCE = 24  # tokens of a sentence of a report, about what such sentences have
SPARE = 4  # frames of a video beside those of a clip


class RandomVideos:
    """Echo videos, two of each study, every second study positive; as `cineclr.video.store.ClipStore`."""

    def __init__(self, count: int, frames: int, size: int) -> None:
        number = np.arange(count)
        self.size = (size, size)
        self.videos = pd.DataFrame(
            {
                "study": [f"S{half}" for half in number // 2],
                "frames": frames + SPARE,
                "label": ((number // 2) % 2).astype("float32"),
            }
        )
        self._pixels = np.random.default_rng(0).integers(0, 256, (frames + SPARE, size, size), np.uint8)

    def clip(self, row: int, start: int, length: int) -> np.ndarray:
        """Return `length` frames, the same for every video, (length, H, W) uint8."""
        return self._pixels[start : start + length]


class RandomStudies:
    """MRI studies of some slices each, as `cineclr.video.hdf5.StudyStore`."""

    def __init__(self, count: int, slices: int, frames: int, size: int) -> None:
        self.names = [f"S{number}" for number in range(count)]
        rows = [(name, "SAX", place) for name in self.names for place in range(slices)]
        self.videos = pd.DataFrame(rows, columns=["study", "view", "slice"])
        self._shape = (frames, size, size)

    def read(self, row: int) -> np.ndarray:
        """Return a slice's frames, the same for every slice, (frames, H, W) uint8."""
        return self._pixels

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 256, self._shape, np.uint8)


class RandomReports:
    """Sentences of random words, as `cineclr.text.tokens.Tokens`."""

    def __init__(self, sentences: int) -> None:
        rng = np.random.default_rng(0)
        words = rng.integers(1000, WORDS, (sentences, SENTENCE - 2)).tolist()
        self._sentences = [[CLS, *sentence, SEP] for sentence in words]

    def sentences(self, study: str) -> list[list[int]]:
        """Return the tokens of every sentence of a report."""
        return self._sentences


class RandomFeatures:
    """What a frozen encoder would have made of every slice, as `cineclr.training.cmr.features.Features`."""

    def __init__(self, videos: pd.DataFrame, width: int) -> None:
        import torch

        self.videos = videos
        self.values = torch.randn(len(videos), width, generator=torch.Generator().manual_seed(0))
