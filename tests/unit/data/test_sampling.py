import numpy as np
import pytest

from cineclr.data.sampling import EvenClips, RandomClip


def test_random_clip_reaches_every_start_and_stays_inside() -> None:
    lengths = np.full(2000, 7)
    videos, starts = RandomClip(4)(lengths, np.random.default_rng(0))
    assert (videos == np.arange(2000)).all()
    assert sorted(set(starts.tolist())) == [0, 1, 2, 3]


def test_random_clip_of_whole_video_starts_at_zero() -> None:
    _, starts = RandomClip(5)(np.array([5, 5]), np.random.default_rng(0))
    assert starts.tolist() == [0, 0]


def test_even_clips_run_from_first_to_last_frame() -> None:
    videos, starts = EvenClips(16, 4)(np.array([16 + 9, 100]))
    assert videos.tolist() == [0] * 4 + [1] * 4
    assert starts.tolist() == [0, 3, 6, 9, 0, 28, 56, 84]


def test_even_clips_of_short_videos_are_different_ones() -> None:
    videos, starts = EvenClips(8, 4)(np.array([8, 9]))
    assert list(zip(videos.tolist(), starts.tolist(), strict=True)) == [(0, 0), (1, 0), (1, 1)]


def test_one_even_clip_is_the_centre() -> None:
    assert EvenClips(4, 1)(np.array([4, 10, 11]))[1].tolist() == [0, 3, 4]


def test_short_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="1 videos are shorter than a clip of 8 frames"):
        EvenClips(8, 2)(np.array([7, 8]))
