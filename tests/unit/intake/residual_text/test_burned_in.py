"""What headers say of text in pixels is not believed; screens, reports and odd regions; no network."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from intake_files import BOX, COLUMNS, ROWS, Archive, draw_sector, make_file, make_region
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from cineclr.demo.lettering import burn, render
from cineclr.video.avi import read_avi

STORAGE = "1.2.840.10008.5.1.4.1.1"
CHILD = Path(__file__).parents[1] / "offline_chain.py"


def passed_clips(archive):
    """Return path in the archive -> frames, of the clips that went into the results."""
    manifest = pd.read_parquet(archive.manifest)
    files = pd.read_parquet(archive.private / "files.parquet").set_index("file")["path"]
    rows = manifest[manifest["code"] == "passed"]
    return {files[f]: read_avi(archive.videos / p) for f, p in zip(rows["file"], rows["path"], strict=True)}


def no_text_left(clip):
    """Whether the corner of draw_sector's region that holds a burned-in year is black."""
    return clip[:, :38, :44].max() <= 2


def test_burned_in_annotation_is_not_believed(archive):
    """Case 8: NO, YES or nothing: the same pixels make the same bytes, with the text gone."""
    for seed, value in enumerate(["NO", "YES", None]):
        dataset = make_file(draw_sector(1), BurnedInAnnotation=value or "NO")
        if value is None:
            del dataset.BurnedInAnnotation
        frames = dataset.pixel_array.copy()
        frames[0, 0, seed] = 255  # outside the region: no copies of each other
        dataset.PixelData = frames.tobytes()
        archive.add(f"{value}", dataset)
    assert set(archive.scan()) == {"passed"}
    assert set(archive.deidentify()) == {"passed"}
    clips = list(passed_clips(archive).values())
    assert len(clips) == 3
    assert all(no_text_left(clip) for clip in clips)
    assert pd.read_parquet(archive.manifest)["sha256"].nunique() == 1


def test_text_inside_waits_though_the_header_says_there_is_none(archive):
    """Case 8, with the gate: BurnedInAnnotation NO over a number typed into the sector."""
    typed = draw_sector(2)
    burn(typed, render("MRN 4711", "simplex", 11), 60, 90, 240)
    archive.add("lying", make_file(typed, BurnedInAnnotation="NO"))
    archive.add("honest", make_file(draw_sector(3), BurnedInAnnotation="YES"))
    archive.scan()
    assert archive.deidentify(text_gate=True).to_dict() == {"honest": "passed", "lying": "residual_text"}
    assert list(passed_clips(archive)) == ["honest"]


WIDE = (0, 0, COLUMNS - 1, ROWS - 1)
REGIONS = {
    "missing": (None, "no_region"),
    "empty": ([], "no_region"),
    "overlapping": ([make_region((30, 30, 100, 120)), make_region()], "passed"),
    "the whole screen": ([make_region(WIDE)], "passed"),
    "one pixel too large": ([make_region((20, 24, COLUMNS, ROWS))], "passed"),
    "of a frame twice as large": ([make_region(tuple(2 * side for side in BOX))], "passed"),
    "far beyond the frame": ([make_region((20, 24, 5000, 5000))], "no_region"),
    "beside the frame": ([make_region((COLUMNS + 1, 24, COLUMNS + 3, 139))], "no_region"),
    "inverted": ([make_region((171, 139, 20, 24))], "no_region"),
    "without area": ([make_region((20, 24, 20, 139))], "no_region"),
    "over a spectral one": ([make_region(space=3), make_region()], "passed"),
    "over text alone": ([make_region((0, 0, 191, 18))], "mask_failed"),
}


@pytest.fixture(scope="module")
def regions(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("regions") / "a")
    for seed, (name, (items, _)) in enumerate(REGIONS.items()):
        archive.add(name, make_file(draw_sector(seed), SequenceOfUltrasoundRegions=items))
    assert set(archive.scan()) == {"passed"}
    return archive.deidentify(), passed_clips(archive)


@pytest.mark.parametrize("name", REGIONS)
def test_odd_regions_end_in_their_bucket_and_no_text_passes(regions, name):
    """Case 9: missing, overlapping and out-of-bounds regions."""
    codes, clips = regions
    assert codes[name] == REGIONS[name][1]
    assert (name in clips) == (codes[name] == "passed")
    if name in clips and clips[name].shape[1:] == (ROWS, COLUMNS):
        assert clips[name][:, :20].max() <= 2  # the name above the sector
        assert clips[name][:, 46:62, 20:60].max() <= 2  # the year beside it


def without_pixels(sop_class, **values):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.PatientID = generate_uid(), "MRN1234567"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def screen_copy(kind):
    """Return a cine that passes in every way, but says it is a secondary capture."""
    sop_class = f"{STORAGE}.7{kind}"
    dataset = make_file(draw_sector(len(kind)), SOPClassUID=sop_class)
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    return dataset


OBJECTS = {
    "capture": (lambda: screen_copy(""), "secondary_capture"),
    "capture of many grey frames": (lambda: screen_copy(".2"), "secondary_capture"),
    "capture of many colour frames": (lambda: screen_copy(".4"), "secondary_capture"),
    "report": (lambda: without_pixels(f"{STORAGE}.88.33", Modality="SR"), "not_an_image"),
    "report of a sonographer": (lambda: without_pixels(f"{STORAGE}.88.22"), "not_an_image"),
    "pdf": (
        lambda: without_pixels(f"{STORAGE}.104.1", EncapsulatedDocument=b"%PDF-1.4 DOE^JANE "),
        "not_an_image",
    ),
    "pdf with pixels": (
        lambda: make_file(draw_sector(9), SOPClassUID=f"{STORAGE}.104.1"),
        "not_an_image",
    ),
}


def test_screens_reports_and_documents_are_refused_by_what_they_say_they_are(archive):
    """Case 10: secondary captures, structured reports and PDF, also where they carry regions and frames."""
    for name, (make, _) in OBJECTS.items():
        archive.add(name, make())
    assert archive.scan().to_dict() == {name: code for name, (_, code) in sorted(OBJECTS.items())}
    assert len(archive.deidentify()) == 0


REFUSING = """
import os, sys
def refuse(event, _):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["NETWORK_LOG"], "a") as file:
            file.write(event + chr(10))
        raise OSError("no network here")
sys.addaudithook(refuse)
"""


@pytest.fixture
def offline(tmp_path):
    """Return a function that runs Python without a network, and the file that notes each attempt."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(REFUSING)
    note = tmp_path / "attempts.txt"
    places = [str(tmp_path / "site"), str(CHILD.parent), os.environ.get("PYTHONPATH", ""), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "NETWORK_LOG": str(note)}
    cut_off = ["unshare", "--map-root-user", "--net"]  # a name space of its own, where that is allowed
    try:
        allowed = subprocess.run([*cut_off, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False

    def run(*arguments):
        command = [*(cut_off if allowed else []), sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run, note


def test_an_attempt_to_reach_the_network_is_noted(offline):
    """Case 31: that the next test can fail."""
    run, note = offline
    done = run("-c", "import socket; socket.create_connection(('127.0.0.1', 9))")
    assert done.returncode != 0
    assert "socket." in note.read_text()


def test_the_whole_chain_uses_no_network(offline, tmp_path):
    """Case 31: scan, index, de-identification and the text gate with its models, children included."""
    run, note = offline
    done = run(str(CHILD), str(tmp_path / "chain"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "clean passed, typed residual_text"
    assert not note.exists()
