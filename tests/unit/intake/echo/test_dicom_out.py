import shutil
import subprocess

import cv2
import numpy as np
import pandas as pd
import pydicom
import pytest
from intake_files import Archive, compress, draw_sector, make_file, make_region
from pydicom.encaps import generate_frames

from cineclr.config.echo import Deidentify
from cineclr.errors import InputError
from cineclr.intake.echo.deidentify import deidentify_echo
from cineclr.intake.echo.dicom_out import make_object, write_dicom
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.video.avi import Video, read_avi

# Dates are withheld on purpose; without them a DICOMDIR cannot be built, which is no fault of the object.
EXPECTED = {
    f"Warning - Missing attribute or value that would be needed to build DICOMDIR - Study {what}"
    for what in ("Date", "Time")
}


def scaled_region():
    region = make_region()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.03, 0.04
    return region


class Handed:
    """Three clips of two studies, de-identified and written as DICOM."""

    def __init__(self, folder):
        self.archive = archive = Archive(folder)
        for seed, study in enumerate(("1.2.1", "1.2.1", "1.2.2")):
            dataset = compress(make_file(draw_sector(seed, 18 + seed), PatientAge="095Y", HeartRate=71))
            dataset.SequenceOfUltrasoundRegions = [scaled_region() if seed else make_region()]
            dataset.StudyInstanceUID, dataset.FrameTime = study, "33.333"
            if seed == 2:
                dataset.Manufacturer, dataset.ManufacturerModelName = "Unheard of", "Model X"
                del dataset.PatientAge, dataset.HeartRate, dataset.PatientID
            archive.add(f"{seed}", dataset)
        archive.add("spectral", make_file(draw_sector(9), SequenceOfUltrasoundRegions=[make_region(space=3)]))
        archive.scan()
        archive.deidentify()
        self.names = Pseudonymizer(PrivateSide(archive.private).key())
        self.dicom, self.table = archive.results / "dicom", archive.results / "dicom.parquet"
        self.write()

    def write(self, gated=True):
        archive = self.archive
        write_dicom(archive.private, archive.manifest, archive.videos, gated, self.dicom, self.table)

    def objects(self):
        rows = pd.read_parquet(self.table).sort_values("frames").to_dict("records")
        return [(row, pydicom.dcmread(self.dicom / row["path"])) for row in rows]


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    return Handed(tmp_path_factory.mktemp("dicom"))


def test_every_clip_that_passed_is_an_object_of_its_frames(handed):
    objects = handed.objects()
    assert [row["frames"] for row, _ in objects] == [18, 19, 20]
    for row, dataset in objects:
        avi = handed.archive.videos / row["study"] / f"{row['video']}.avi"
        streams = list(Video(avi).streams())
        frames = list(generate_frames(dataset.PixelData, number_of_frames=row["frames"]))
        assert [frame[: len(stream)] for frame, stream in zip(frames, streams, strict=True)] == streams
        # Another decoder than OpenCV rounds a level otherwise.
        np.testing.assert_allclose(dataset.pixel_array.astype(int), read_avi(avi), atol=1)
        assert row["path"] == f"{row['study']}/{row['video']}.dcm"


def test_an_object_says_what_is_allowed(handed):
    row, dataset = handed.objects()[1]
    assert dataset.PatientID == row["patient"]
    assert dataset.PatientAge == "090Y"
    assert dataset.HeartRate == 71
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("ge", "vivid e95")
    assert float(dataset.FrameTime) == pytest.approx(33.333)
    assert dataset.FrameIncrementPointer == 0x00181063
    assert (dataset.Rows, dataset.Columns) == (116, 152)  # the region
    (region,) = dataset.SequenceOfUltrasoundRegions
    assert (region.RegionLocationMaxX1, region.RegionLocationMaxY1) == (151, 115)
    assert (region.PhysicalDeltaX, region.PhysicalDeltaY) == (pytest.approx(0.03), pytest.approx(0.04))
    assert float(dataset.LossyImageCompressionRatio) > 1
    assert dataset.StudyDate == dataset.PatientBirthDate == str(dataset.PatientName) == ""


def test_what_is_not_known_is_not_said(handed):
    first, last = handed.objects()[0][1], handed.objects()[2][1]
    assert "SequenceOfUltrasoundRegions" not in first
    assert last.PatientID == handed.objects()[2][0]["study"]
    assert last.Manufacturer == ""
    assert not {"PatientAge", "HeartRate", "ManufacturerModelName"} & set(last.dir())


def test_every_attribute_is_one_of_a_list(handed):
    """What is not written cannot leave: a new attribute has to be thought about."""
    patient = {"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"}
    deidentified = {
        *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
        *("BurnedInAnnotation", "LongitudinalTemporalInformationModified"),
    }
    study = {"StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"}
    study |= {"ReferringPhysicianName", "SeriesInstanceUID", "SeriesNumber", "Modality", "BodyPartExamined"}
    image = {
        *(
            "SOPClassUID",
            "SOPInstanceUID",
            "InstanceNumber",
            "ImageType",
            "PatientOrientation",
            "Manufacturer",
        ),
        *("ManufacturerModelName", "NumberOfFrames", "FrameTime", "FrameIncrementPointer", "HeartRate"),
        *("SequenceOfUltrasoundRegions", "UltrasoundColorDataPresent"),
    }
    pixels = {
        *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored"),
        *("HighBit", "PixelRepresentation", "PixelData", "LossyImageCompression"),
        *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
    }
    for _, dataset in handed.objects():
        assert set(dataset.dir()) <= patient | deidentified | study | image | pixels
        assert not [element for element in dataset if element.tag.is_private]


def test_pixels_are_called_clean_only_after_the_gate(handed):
    row, gated = handed.objects()[1]
    assert gated.BurnedInAnnotation == "NO"
    codes = [code.CodeValue for code in gated.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101", "113108"]
    manifest = pd.read_parquet(handed.archive.manifest).set_index("video")
    item = {**manifest.loc[row["video"]].to_dict(), "video": row["video"], "number": 1}
    streams = list(Video(handed.archive.videos / item["path"]).streams())
    plain = make_object(item, streams, handed.names, gated=False)
    assert "BurnedInAnnotation" not in plain
    assert [code.CodeValue for code in plain.DeidentificationMethodCodeSequence] == ["113100", "113108"]


def test_identifiers_are_of_the_key_and_shared_within_a_study(handed):
    first, second, third = (dataset for _, dataset in handed.objects())
    assert first.StudyInstanceUID == second.StudyInstanceUID != third.StudyInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert sorted([first.InstanceNumber, second.InstanceNumber]) == [1, 2]
    assert len({dataset.SOPInstanceUID for dataset in (first, second, third)}) == 3
    row = handed.objects()[0][0]
    assert first.StudyInstanceUID == handed.names.uid("study", row["study"])
    assert row["object_uid"] == first.SOPInstanceUID == first.file_meta.MediaStorageSOPInstanceUID


def test_the_same_inputs_give_the_same_bytes(handed):
    before = {path: path.read_bytes() for path in handed.dicom.rglob("*.dcm")}
    handed.write()
    assert {path: path.read_bytes() for path in handed.dicom.rglob("*.dcm")} == before


def test_a_video_other_than_the_manifests_is_refused(handed, tmp_path):
    """Case 26: a flipped byte in a video is found before it is handed on."""
    videos = tmp_path / "videos"
    shutil.copytree(handed.archive.videos, videos)
    avi = next(videos.rglob("*.avi"))
    data = bytearray(avi.read_bytes())
    data[len(data) // 2] ^= 1
    avi.write_bytes(data)
    with pytest.raises(InputError, match="not the one of its manifest"):
        write_dicom(
            handed.archive.private, handed.archive.manifest, videos, True, tmp_path / "dicom", tmp_path / "t"
        )
    assert not (tmp_path / "dicom").exists()


def test_lossless_videos_are_refused_with_what_to_set(handed, tmp_path):
    archive = handed.archive
    deidentify_echo(
        archive.private, archive.private / "index.parquet", 0, Deidentify(codec="ffv1", text_gate=False),
        tmp_path / "videos", tmp_path / "videos.parquet",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"echo\.deidentify\.codec to mjpg"):
        write_dicom(
            archive.private, tmp_path / "videos.parquet", tmp_path / "videos", True, tmp_path / "dicom",
            tmp_path / "dicom.parquet",
        )  # fmt: skip


def need(program, package):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian package {package})")


def say(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_dciodvfy_finds_nothing_wrong(handed):
    need("dciodvfy", "dicom3tools")
    for row, _ in handed.objects():
        _, told = say("dciodvfy", str(handed.dicom / row["path"]))
        assert set(told.splitlines()) - EXPECTED == {"USMultiFrameImage"}, told


def test_dciodvfy_finds_a_fault(handed, tmp_path):
    need("dciodvfy", "dicom3tools")
    dataset = handed.objects()[0][1]
    del dataset.SeriesInstanceUID
    dataset.save_as(tmp_path / "a.dcm")
    _, told = say("dciodvfy", str(tmp_path / "a.dcm"))
    assert [line for line in told.splitlines() if line.startswith("Error")]


def test_dcmtk_reads_header_and_frames(handed, tmp_path):
    need("dcmdump", "dcmtk")
    for row, dataset in handed.objects():
        path = str(handed.dicom / row["path"])
        assert say("dcmftest", path)[0] == 0
        code, told = say("dcmdump", path)
        assert code == 0
        assert "UltrasoundMultiframeImageStorage" in told
        code, told = say("dcmj2pnm", "--write-png", "--frame", "5", path, str(tmp_path / "frame.png"))
        assert code == 0, told
        shown = cv2.imread(str(tmp_path / "frame.png"), cv2.IMREAD_GRAYSCALE)
        assert np.abs(shown.astype(int) - dataset.pixel_array[4]).max() <= 3
