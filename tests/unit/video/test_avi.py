import cv2
import numpy as np
import pytest

from cineclr.video import avi
from cineclr.video.avi import Video, read_avi, write_avi


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (23, 61, 83)).astype(np.uint8)
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in noise])


def test_frames_come_back_and_any_one_can_be_read(tmp_path, clip):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, 30.0003)
    read = read_avi(path)
    assert (read.shape, read.dtype) == (clip.shape, np.uint8)
    assert np.abs(read.astype(int) - clip).max() <= 4
    (last,) = Video(path).read([22])
    np.testing.assert_array_equal(last, read[22])


@pytest.mark.parametrize("fps", [1000 / 33.333, 25, 1000 / 76, 59.94])
def test_other_readers_see_the_same_frames_at_the_true_rate(tmp_path, clip, fps):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, fps)
    assert Video(path).fps == pytest.approx(fps, rel=1e-6)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-4)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 23
    frames = [capture.read()[1] for _ in range(23)]
    assert not capture.read()[0]
    assert np.abs(np.stack(frames)[..., 0].astype(int) - read_avi(path)).max() <= 2


def test_equal_clips_are_equal_bytes(tmp_path, clip):
    write_avi(tmp_path / "a.avi", clip, 30)
    write_avi(tmp_path / "b.avi", clip, 30)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


@pytest.mark.parametrize("cut", [1, 500, 5000])
def test_a_file_cut_short_is_an_error(tmp_path, clip, cut):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, 30)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(OSError, match="V1"):
        read_avi(path)


def test_what_did_not_reach_the_disk_is_not_published(tmp_path, clip, monkeypatch):
    whole = avi._container
    monkeypatch.setattr(avi, "_container", lambda *parts: whole(*parts)[:-3000])
    with pytest.raises(OSError, match="AVI"):
        write_avi(tmp_path / "V1.avi", clip, 30)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(0, 8, 8), (4, 8, 8, 3), (8, 8)])
def test_what_is_no_grey_clip_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="no grey frames"):
        write_avi(tmp_path / "V1.avi", np.zeros(shape, np.uint8), 30)
