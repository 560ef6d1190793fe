"""Every transfer syntax: what is decoded is what was written, and what cannot be is reported by its name."""

import logging

import numpy as np
import pandas as pd
import pytest
from hostile import judge
from intake_files import compress, draw_sector, make_file, to_bytes
from pydicom.uid import JPEGBaseline8Bit
from syntax_files import CLIP, FRAMES, MAKERS, encode_video, file_of, video

from cineclr.intake import triage
from cineclr.intake.echo.clean import clean_clip
from cineclr.intake.echo.decode import Clip
from cineclr.intake.echo.mpeg import decode_video
from cineclr.intake.failure import DecodeError
from cineclr.intake.syntaxes import JPEG_XL, describe_undecodable, match_syntax, name_syntax
from cineclr.intake.worker import Worker
from cineclr.video.avi import read_avi

LOSSY = {"mpeg-2": 0.005}  # share of pixels beyond 3 levels: its finest quantizer loses more at text's edges


@pytest.fixture(scope="module")
def worker():
    with Worker(clean_clip, memory_gb=1, seconds=20) as worker:
        yield worker


@pytest.mark.parametrize("syntax", MAKERS)
def test_every_syntax_equals_the_reference(syntax, tmp_path):
    """Case 19: also when frames are chosen, and as colours."""
    path = tmp_path / "f"
    path.write_bytes(file_of(syntax))
    clip = Clip(path)
    frames = np.stack(list(clip.grey()))
    assert frames.shape == CLIP.shape
    away = np.abs(frames.astype(int) - CLIP)
    assert (away > 3).mean() <= LOSSY.get(syntax, 0)
    np.testing.assert_array_equal(list(clip.grey([1, FRAMES - 1])), frames[[1, FRAMES - 1]])
    (colour,) = clip.colour([2], halved=True)
    assert colour.shape == (72, 96, 3)
    assert np.abs(colour.astype(int).mean(axis=2) - frames[2, ::2, ::2]).mean() < 12


@pytest.mark.parametrize("syntax", MAKERS)
def test_every_syntax_passes_the_scan_and_is_masked(syntax, worker, tmp_path):
    """Case 19: from file to AVI."""
    path = tmp_path / "f"
    path.write_bytes(file_of(syntax))
    assert judge(path, worker) == "passed"
    written = read_avi(path.with_suffix(".avi"))
    assert written.shape == (FRAMES, 116, 152)
    inside = np.s_[:, 60:100, 60:90]  # of the sector
    cut = CLIP[:, 24:140, 20:172]
    assert np.abs(written[inside].astype(int) - cut[inside]).mean() < 2
    assert written[:, :38, :44].max() <= 2  # where text is burned in


def with_syntax(syntax, seed):
    """Return a JPEG file that claims another syntax, of which pydicom may know nothing."""
    data = to_bytes(compress(make_file(draw_sector(seed, FRAMES))))
    old, new = JPEGBaseline8Bit.encode(), syntax.encode()
    new += b"\0" * (len(new) % 2)
    old = old + b"\0" * (len(old) % 2)
    before = b"\x02\x00\x10\x00UI" + len(old).to_bytes(2, "little") + old
    assert before in data
    group = int.from_bytes(data[140:144], "little") + len(new) - len(old)
    data = data[:140] + group.to_bytes(4, "little") + data[144:]
    return data.replace(before, b"\x02\x00\x10\x00UI" + len(new).to_bytes(2, "little") + new)


def test_what_cannot_be_decoded_is_reported_by_name(archive, caplog, monkeypatch):
    """Case 32: JPEG XL; and a syntax that an extra would decode names it, and a private one has no name."""
    lacking = "1.2.840.10008.1.2.4.70"
    known = triage._is_decodable
    monkeypatch.setattr(triage, "_is_decodable", lambda uid, header: uid != lacking and known(uid, header))
    for number, syntax in enumerate((*JPEG_XL, lacking, "1.2.840.113619.5.2", "1.2.3.DOE")):
        archive.add(f"{number}", with_syntax(syntax, number))
    archive.add("next", make_file(draw_sector(9)))
    with caplog.at_level(logging.WARNING):
        codes = archive.scan(1)
    assert codes.to_list() == ["unsupported_syntax"] * 6 + ["passed"]
    for words in (*JPEG_XL.values(), "JPEG Lossless", "pip install pylibjpeg-libjpeg", "other: 2"):
        assert words in caplog.text
    scanned = pd.read_parquet(archive.private / "scan/shard_0.parquet")
    assert set(scanned["syntax"]) == {*JPEG_XL, lacking, "other", "1.2.840.10008.1.2.1"}
    assert "DOE" not in caplog.text


def test_names_are_the_standards():
    assert name_syntax("1.2.840.10008.1.2.4.112") == "JPEG XL"
    assert name_syntax("1.2.840.10008.1.2.4.80") == "JPEG-LS Lossless Image Compression"
    assert match_syntax("SMITH^JOHN") == name_syntax("SMITH^JOHN") == "other"
    counted = describe_undecodable(["1.2.840.10008.1.2.4.112"] * 2 + ["other"])
    assert counted == "JPEG XL: 2; other: 1"


@pytest.mark.parametrize("announced", [FRAMES - 1, FRAMES + 1])
def test_a_video_stream_of_other_frames_than_announced_is_an_error(announced, tmp_path):
    path = tmp_path / "f"
    path.write_bytes(file_of("mpeg-4"))
    clip = Clip(path)
    clip.frames = announced
    with pytest.raises(DecodeError, match="as many frames"):
        list(clip.grey())


def test_a_video_stream_may_not_name_files(tmp_path, monkeypatch):
    """Left to itself FFmpeg opens what a list of files names, and returns those frames."""
    (tmp_path / "other.ts").write_bytes(encode_video("libx264", "mpegts", {}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DecodeError):
        list(decode_video(b"ffconcat version 1.0\nfile other.ts\n", "gray"))
    assert len(list(decode_video((tmp_path / "other.ts").read_bytes(), "gray"))) == FRAMES


def test_a_codec_that_the_standard_does_not_name_is_refused(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(video("1.2.840.10008.1.2.4.102", "mpeg4", "mp4", {}))
    with pytest.raises(DecodeError, match="another codec"):
        list(Clip(path).grey())
