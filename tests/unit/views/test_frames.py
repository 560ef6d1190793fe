from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cineclr.video.avi import write_avi
from cineclr.views.frames import choose_frames, load_frames, normalise_frames, resize_frame


@given(st.integers(1, 200), st.integers(1, 20), st.integers(0, 2**63 - 1))
def test_random_frames_are_different_and_repeatable(total: int, count: int, seed: int) -> None:
    numbers = choose_frames(total, count, "random", seed)
    assert len(set(numbers.tolist())) == min(total, count)
    assert numbers.min() >= 0
    assert numbers.max() < total
    assert np.all(np.diff(numbers) > 0)
    assert np.array_equal(numbers, choose_frames(total, count, "random", seed))


def test_random_frames_reach_the_whole_video() -> None:
    drawn = {int(n) for seed in range(60) for n in choose_frames(50, 10, "random", seed)}
    assert drawn == set(range(50))


def test_first_frames_are_the_first() -> None:
    assert choose_frames(50, 10, "first", 3).tolist() == list(range(10))
    assert choose_frames(4, 10, "first", 3).tolist() == [0, 1, 2, 3]


def test_the_chosen_frames_are_loaded(tmp_path: Path) -> None:
    frames = np.repeat(np.arange(0, 240, 20, dtype=np.uint8)[:, None, None], 32, axis=1).repeat(48, axis=2)
    write_avi(tmp_path / "v.avi", frames, fps=30)
    loaded = load_frames(tmp_path / "v.avi", np.array([1, 5, 11]), 16)
    assert loaded.shape == (3, 16, 16)
    assert loaded.dtype == np.uint8
    assert np.abs(loaded.mean(axis=(1, 2)) - [20, 100, 220]).max() < 4


def test_shrinking_averages_areas() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 200
    assert np.ptp(resize_frame(board.astype(np.uint8), 16)) <= 1
    assert resize_frame(np.full((8, 8), 7, np.uint8), 32).shape == (32, 32)


def test_grey_frames_become_imagenets_channels() -> None:
    channels = normalise_frames(torch.full((2, 4, 4), 0.5))
    assert channels.shape == (2, 3, 4, 4)
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    assert torch.allclose(channels[1, :, 2, 2], torch.tensor(expected))
