from pathlib import Path

import cv2
import numpy as np
import pytest

from cineclr.video.avi import Video, read_avi, write_avi
from cineclr.video.codecs import JpegEncoder
from cineclr.video.folder import read_video

CODECS = {"mjpg": 4, "ffv1": 0}  # codec -> levels by which a frame may differ


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (23, 61, 83)).astype(np.uint8)
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in noise])


@pytest.mark.parametrize("codec", CODECS)
def test_frames_come_back_and_any_one_can_be_read(tmp_path, clip, codec):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, 30.0003, codec=codec)
    read = read_avi(path)
    assert (read.shape, read.dtype) == (clip.shape, np.uint8)
    assert np.abs(read.astype(int) - clip).max() <= CODECS[codec]
    (last,) = Video(path).read([22])
    np.testing.assert_array_equal(last, read[22])
    assert [frame.mean() for frame in Video(path).read([4, 2])] == [read[4].mean(), read[2].mean()]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("fps", [1000 / 33.333, 25, 1000 / 76, 59.94])
def test_other_readers_see_the_same_frames_at_the_true_rate(tmp_path, clip, fps, codec):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, fps, codec=codec)
    assert Video(path).fps == pytest.approx(fps, rel=1e-6)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-4)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 23
    frames = [capture.read()[1] for _ in range(23)]
    assert not capture.read()[0]
    assert np.abs(np.stack(frames)[..., 0].astype(int) - read_avi(path)).max() <= 2


def test_a_lossless_video_of_another_program_is_read_too(tmp_path, clip):
    path, clip = tmp_path / "V1.avi", clip[:, :60, :82]  # OpenCV writes even sides only
    size = clip.shape[2], clip.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), 30, size)
    for frame in clip:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()
    assert np.abs(read_video(path).astype(int) - clip).max() <= 2


@pytest.mark.parametrize("codec", CODECS)
def test_equal_clips_are_equal_bytes_whether_whole_or_frame_by_frame(tmp_path, clip, codec):
    first = write_avi(tmp_path / "a.avi", clip, 30, codec=codec)
    assert write_avi(tmp_path / "b.avi", iter(clip), 30, codec=codec) == first
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


@pytest.mark.parametrize("cut", [1, 500, 5000])
@pytest.mark.parametrize("codec", CODECS)
def test_a_file_cut_short_is_an_error(tmp_path, clip, cut, codec):
    path = tmp_path / "V1.avi"
    write_avi(path, clip, 30, codec=codec)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(OSError, match="V1"):
        read_avi(path)


def lose_the_end(self, data):
    """Write as on a full disk that says nothing of it."""
    return WRITE(self, data[:-2000])


def change_a_byte(self, data):
    """Let the disk return another byte, within a frame, than was written."""
    WRITE(self, data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])


def encode_smaller(self, frame):
    """Encode a frame of another size, as OpenCV's writers do in silence the other way round."""
    return ENCODE(self, frame[:-9])


def encode_half(self, frame):
    """Leave the end of the frame out."""
    stream = ENCODE(self, frame)
    return stream[: len(stream) // 2]


def encode_garbage(self, frame):
    """Keep a frame's beginning and end, and nothing between them that could be decoded."""
    stream = ENCODE(self, frame)
    return stream[:120] + bytes(50) + stream[-2:]


WRITE, ENCODE = Path.write_bytes, JpegEncoder.encode
FAILURES = {
    "the end lost": (Path, "write_bytes", lose_the_end),
    "a byte changed": (Path, "write_bytes", change_a_byte),
    "another size": (JpegEncoder, "encode", encode_smaller),
    "half a frame": (JpegEncoder, "encode", encode_half),
    "garbage": (JpegEncoder, "encode", encode_garbage),
    "not encoded": (cv2, "imencode", lambda *_: (False, None)),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_writer_that_fails_in_silence_publishes_nothing(tmp_path, clip, monkeypatch, failure):
    """Case 25."""
    with monkeypatch.context() as patched:
        patched.setattr(*FAILURES[failure])
        with pytest.raises(OSError, match=r"V1|encoded"):
            write_avi(tmp_path / "V1.avi", clip, 30)
    assert list(tmp_path.iterdir()) == []
    write_avi(tmp_path / "V1.avi", clip, 30)


@pytest.mark.parametrize("shape", [(0, 8, 8), (4, 8, 8, 3), (8, 8)])
def test_what_is_no_grey_clip_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="no grey frames"):
        write_avi(tmp_path / "V1.avi", np.zeros(shape, np.uint8), 30)


def test_frames_of_two_sizes_are_refused(tmp_path, clip):
    with pytest.raises(ValueError, match="of one size"):
        write_avi(tmp_path / "V1.avi", iter([clip[0], clip[1, 1:]]), 30)
    assert list(tmp_path.iterdir()) == []
