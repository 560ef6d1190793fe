import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.data.reader import prefetch, read_clips, to_device


class Videos:
    """A store in memory: frame t of video v is the constant 10 v + t."""

    videos = pd.DataFrame({"study": ["a", "b"], "frames": [5, 6]})
    size = (2, 3)

    def clip(self, row: int, start: int, length: int) -> np.ndarray:
        frames = 10 * row + start + np.arange(length)
        return np.broadcast_to(frames[:, None, None], (length, 2, 3)).astype(np.uint8)


def test_clips_arrive_in_order() -> None:
    clips = read_clips(Videos(), np.array([1, 0]), np.array([2, 0]), frames=3)
    assert clips.shape == (2, 3, 2, 3)
    assert clips[:, :, 1, 2].tolist() == [[12, 13, 14], [0, 1, 2]]


def test_scaling_is_to_one() -> None:
    scaled = to_device(torch.tensor([0, 51, 255], dtype=torch.uint8), torch.device("cpu"))
    torch.testing.assert_close(scaled, torch.tensor([0, 0.2, 1]))


def test_prefetch_keeps_order_and_surfaces_exceptions() -> None:
    assert list(prefetch(str, range(4))) == ["0", "1", "2", "3"]
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda value: 1 // value, [1, 0, 1]))
