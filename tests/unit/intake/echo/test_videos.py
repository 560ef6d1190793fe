"""De-identified videos in place of DICOM: every file in its bucket, and nothing but pixels goes on."""

import cv2
import numpy as np
import pandas as pd
import pytest
from archive_files import tar_of, zip_of
from intake_files import Archive, draw_sector

from cineclr.check import check_sources
from cineclr.errors import InputError
from cineclr.private import PrivateSide, Pseudonymizer, init
from cineclr.video.avi import read_avi, write_avi

SHEET = (
    "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
    "1.2.3,A1,2018-05-04,F,71,severe,0,101\n"
)


class Videos(Archive):
    """A folder of videos and the private side and results of one run on it."""

    def __init__(self, folder, link="study_uid"):
        self.dicom, self.private, self.results = folder / "avi", folder / "private", folder / "results"
        self.dicom.mkdir(parents=True)
        (folder / "sheet.csv").write_text(SHEET)
        init(self.private, sheet=folder / "sheet.csv", videos=self.dicom, link=link)

    def write(self, name, seed=0, frames=18, fps=25.0):
        """Write a video as `write_avi` does; return its pixels."""
        clip = draw_sector(seed, frames)
        write_avi(self.dicom / name, clip, fps)
        return clip

    def spoil(self, name, change):
        """Put a changed copy of a good video's bytes under a name of its own."""
        self.write("9/good.avi", seed=99)
        self.add(name, change((self.dicom / "9/good.avi").read_bytes()))
        (self.dicom / "9/good.avi").unlink()


@pytest.fixture
def videos(tmp_path):
    return Videos(tmp_path)


def write_with_opencv(path, clip, code, fps=30):
    """Write a video as other programs do: colour frames, another container's habits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = clip.shape[2], clip.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), fps, size)
    assert writer.isOpened()
    for frame in clip:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


def test_every_file_ends_in_its_bucket(videos):
    videos.write("1.2.3/a.avi", 1)
    videos.write("1.2.3/sub/deeper.avi", 2)
    videos.write("beside.avi", 3)
    videos.write("1.2.4/a.avi", 1, fps=50.0)  # the same frames at another rate
    videos.write("1.2.4/still.avi", 4, frames=1)
    videos.add("1.2.4/notes.txt", b"not a video")
    videos.add("1.2.4/empty.avi", b"")
    videos.spoil("1.2.5/cut.avi", lambda data: data[: len(data) // 2])
    videos.spoil("1.2.5/no frames.avi", lambda data: data[:48] + bytes(4) + data[52:])
    videos.spoil("1.2.6/no rate.avi", lambda data: data[:128] + bytes(8) + data[136:])
    videos.spoil("1.2.7/too many.avi", lambda data: data[:48] + b"\x20" + data[49:])
    assert videos.scan().to_dict() == {
        "1.2.3/a.avi": "passed",
        "1.2.3/sub/deeper.avi": "missing_study",
        "beside.avi": "missing_study",
        "1.2.4/a.avi": "duplicate_pixels",
        "1.2.4/still.avi": "single_frame",
        "1.2.4/notes.txt": "not_a_video",
        "1.2.4/empty.avi": "not_a_video",
        "1.2.5/cut.avi": "no_pixel_data",
        "1.2.5/no frames.avi": "implausible_size",
        "1.2.6/no rate.avi": "passed",
        "1.2.7/too many.avi": "duplicate_pixels",
    }


def test_what_the_header_does_not_say_or_says_wrongly_is_found_when_decoding(videos):
    videos.spoil("1.2.6/no rate.avi", lambda data: data[:128] + bytes(8) + data[136:])
    assert videos.scan().to_list() == ["passed"]
    assert videos.deidentify().to_dict() == {"1.2.6/no rate.avi": "no_frame_time"}
    (videos.dicom / "1.2.6/no rate.avi").unlink()
    videos.spoil("1.2.7/too many.avi", lambda data: data[:48] + b"\x20" + data[49:])
    videos.scan()
    assert videos.deidentify().to_dict() == {"1.2.7/too many.avi": "decode_failed"}


def test_pixels_rate_and_pseudonyms_go_on_and_nothing_else(videos):
    ours = videos.write("1.2.3/DOE JANE.avi", 1, fps=41.5)
    theirs = draw_sector(2)
    write_with_opencv(videos.dicom / "1.2.3/other.avi", theirs, "MJPG")
    assert videos.scan().to_list() == ["passed"] * 2
    assert videos.deidentify().to_list() == ["passed"] * 2
    study = Pseudonymizer(PrivateSide(videos.private).key()).pseudonym("study", "1.2.3")
    manifest = pd.read_parquet(videos.manifest).set_index("fps")
    assert manifest.index.tolist() == [pytest.approx(fps) for fps in manifest.index]
    assert set(manifest.index.round(1)) == {41.5, 30.0}
    assert set(manifest["study"]) == {study}
    assert set(manifest["frames"]) == {18}
    assert set(manifest["path"].str.split("/").str[0]) == {study}
    for fps, clip in ((41.5, ours), (30.0, theirs)):
        written = read_avi(videos.videos / manifest["path"][np.isclose(manifest.index, fps)].iloc[0])
        assert np.abs(written.astype(int) - clip).mean() < 6
    for path in [path for path in videos.results.rglob("*") if path.is_file()]:
        assert b"JANE" not in path.read_bytes() + path.name.encode()


def test_the_study_is_the_sheets_whichever_it_links_by(tmp_path):
    videos = Videos(tmp_path, link="accession")
    videos.write("ACC-1/1.avi", 1)
    videos.scan()
    names = Pseudonymizer(PrivateSide(videos.private).key())
    index = pd.read_parquet(videos.private / "index.parquet")
    assert index["study"].tolist() == [names.pseudonym("study", "ACC-1", "local")]
    assert index["video"].tolist() == [names.pseudonym("video", "ACC-1/1.avi")]


def test_videos_and_dicom_exclude_each_other(videos):
    sources = videos.private / "sources.yaml"
    check_sources(videos.private)
    sources.write_text(sources.read_text() + f"dicom: [{videos.dicom}]\n")
    with pytest.raises(InputError, match="one or the other"):
        check_sources(videos.private)
    with pytest.raises(InputError, match="not both"):
        init(videos.private, [videos.dicom], videos.dicom.parent / "sheet.csv", videos=videos.dicom)


def test_an_archive_counts_as_a_folder_where_it_lies(videos):
    """So that the folder of a study may be in it, or around it."""
    clips = {name: videos.write(f"{name}/a.avi", seed) for seed, name in enumerate(("1.2.3", "1.2.4"), 1)}
    data = {name: (videos.dicom / name / "a.avi").read_bytes() for name in clips}
    for name in clips:
        (videos.dicom / name / "a.avi").unlink()
    videos.add("all.zip", zip_of({"1.2.3/a.avi": data["1.2.3"], "b.avi": data["1.2.4"]}))
    videos.add("1.2.4/one.tar", tar_of({"a.avi": data["1.2.4"]}))
    expected = {
        "1.2.4/one.tar!a.avi": "passed",
        "all.zip!1.2.3/a.avi": "passed",
        "all.zip!b.avi": "missing_study",
    }
    assert videos.scan().to_dict() == expected
    assert set(videos.deidentify()) == {"passed"}
    names = Pseudonymizer(PrivateSide(videos.private).key())
    for study, clip in clips.items():
        (avi,) = (videos.videos / names.pseudonym("study", study)).glob("*.avi")
        assert read_avi(avi).shape == clip.shape
