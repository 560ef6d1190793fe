import errno
import logging
import os
import warnings
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from archive_files import zip_of
from intake_files import Archive, compress, draw_sector, make_file, to_bytes
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from cineclr.errors import InputError
from cineclr.intake.files import listing
from cineclr.intake.files.listing import list_files
from cineclr.intake.index import index_studies
from cineclr.intake.scan import scan_dicom

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"
CLIP = draw_sector()


def jpeg_file(seed=1, **changes):
    dataset = compress(make_file(draw_sector(seed)))
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return dataset


def with_fragments(count):
    dataset = jpeg_file()
    frames = list(generate_frames(dataset.PixelData, number_of_frames=18))
    dataset.PixelData = encapsulate((frames * 2)[:count])
    return dataset


def lying(keyword, value):
    """Return a file one of whose numbers is a text that no writer would accept."""
    data = to_bytes(make_file(CLIP, NumberOfFrames="18"))
    tag = {"NumberOfFrames": b"\x28\x00\x08\x00IS\x02\x00"}[keyword]
    assert tag in data
    return data.replace(tag + b"18", tag + value)


def without_group_two(dataset):
    return to_bytes(dataset)[132:]


def mislabelled():
    dataset = compress(make_file(CLIP[..., None].repeat(3, 3)))
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    return dataset


def with_syntax(uid):
    dataset = jpeg_file()
    dataset.file_meta.TransferSyntaxUID = uid
    return dataset


CASES = {
    "plain": (lambda: make_file(CLIP), "passed"),
    "jpeg": (jpeg_file, "passed"),
    "no extension needed/IM_0001": (lambda: make_file(draw_sector(2)), "passed"),
    "without preamble": (lambda: without_group_two(make_file(draw_sector(3))), "passed"),
    "text.dcm": (lambda: b"not DICOM at all " * 40, "not_dicom"),
    "empty": (lambda: b"", "not_dicom"),
    "noise after magic": (lambda: b"\0" * 128 + b"DICM" + b"\xff\x13" * 300, "unreadable_header"),
    "no study": (lambda: make_file(CLIP, StudyInstanceUID=None), "missing_study"),
    "no object": (lambda: make_file(CLIP, SOPInstanceUID=None), "missing_study"),
    "report": (lambda: make_file(CLIP, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33"), "not_an_image"),
    "pdf": (lambda: make_file(CLIP, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"), "not_an_image"),
    "DICOMDIR": (lambda: make_file(CLIP, SOPClassUID="1.2.840.10008.1.3.10"), "not_an_image"),
    "screen copy": (lambda: make_file(CLIP, SOPClassUID="1.2.840.10008.5.1.4.1.1.7.2"), "secondary_capture"),
    "mr": (lambda: make_file(CLIP, SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "other_modality"),
    "still": (lambda: make_file(CLIP[:1], SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1"), "single_frame"),
    "cine of one": (lambda: make_file(CLIP[:1]), "single_frame"),
    "retired class": (lambda: make_file(draw_sector(4), SOPClassUID="1.2.840.10008.5.1.4.1.1.3"), "passed"),
    "no pixels": (lambda: make_file(CLIP, PixelData=None), "no_pixel_data"),
    "native short": (lambda: to_bytes(make_file(CLIP))[:-5000], "no_pixel_data"),
    "native too few": (lambda: make_file(CLIP, NumberOfFrames=40), "no_pixel_data"),
    "jpeg cut": (lambda: to_bytes(jpeg_file())[:-9000], "no_pixel_data"),
    "jpeg without end": (lambda: to_bytes(jpeg_file())[:-8], "no_pixel_data"),
    "zero frames": (lambda: make_file(CLIP, NumberOfFrames=0), "implausible_size"),
    "minus one frame": (lambda: make_file(CLIP, NumberOfFrames=-1), "implausible_size"),
    "ten million frames": (lambda: jpeg_file(NumberOfFrames=10**7), "implausible_size"),
    "frames 1A": (lambda: lying("NumberOfFrames", b"1A"), "implausible_size"),
    "frames absent": (lambda: make_file(CLIP, NumberOfFrames=None), "implausible_size"),
    "rows absent": (lambda: make_file(CLIP, Rows=None), "implausible_size"),
    "no columns": (lambda: make_file(CLIP, Columns=0), "implausible_size"),
    "too few fragments": (lambda: with_fragments(11), "frame_mismatch"),
    "too many fragments": (lambda: with_fragments(25), "frame_mismatch"),
    "other size inside": (lambda: jpeg_file(Rows=145), "frame_mismatch"),
    "colour called grey": (mislabelled, "frame_mismatch"),
    "jpip": (lambda: with_syntax("1.2.840.10008.1.2.4.94"), "unsupported_syntax"),
    "stereo video": (lambda: with_syntax("1.2.840.10008.1.2.4.106"), "unsupported_syntax"),
    "zz last": (lambda: make_file(draw_sector(5)), "passed"),
}


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    archive = Archive(tmp_path_factory.mktemp("scan"))
    for name, (make, _) in CASES.items():
        archive.add(name, make())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return archive.scan()


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_file_ends_in_its_bucket(codes, name):
    assert codes[name] == CASES[name][1]


def test_every_file_is_counted_once(codes):
    assert sorted(codes.index) == sorted(CASES)


def test_copies_are_set_aside_across_shards_and_the_first_path_stays(archive):
    """Case 30."""
    for number in range(6):
        archive.add(f"{number}", make_file(CLIP))
    codes = archive.scan(shards=4)
    assert codes.to_list() == ["passed"] + ["duplicate_pixels"] * 5
    assert len(pd.read_parquet(archive.private / "index.parquet")) == 1


def test_an_object_stored_twice_with_other_pixels_counts_once(archive):
    first, second = make_file(CLIP), make_file(draw_sector(7))
    second.SOPInstanceUID = first.SOPInstanceUID
    archive.add("a", first)
    archive.add("b", second)
    assert archive.scan().to_list() == ["passed", "duplicate_pixels"]


def test_without_accession_number_an_accession_sheet_cannot_find_a_file(archive):
    sources = archive.private / "sources.yaml"
    sources.write_text(sources.read_text().replace("study_uid", "accession"))
    archive.add("with", make_file(CLIP, AccessionNumber="A1"))
    archive.add("without", make_file(draw_sector(8)))
    assert archive.scan().to_dict() == {"with": "passed", "without": "missing_study"}


def test_the_index_holds_pseudonyms_and_allowed_values_only(archive):
    archive.add("f", make_file(CLIP, Manufacturer="DOE JANE GE ", ManufacturerModelName="JANE'S SCANNER"))
    archive.scan()
    row = pd.read_parquet(archive.private / "index.parquet").iloc[0]
    assert (row["vendor"], row["model"], row["year"], row["frame_time_ms"]) == ("ge", "other", 2019, 20)
    assert row["study"].startswith("S")
    assert row["patient"].startswith("P")
    for table in ("index.parquet", "scan/shard_0.parquet", "scan/shard_1.parquet"):
        text = pd.read_parquet(archive.private / table).to_csv()
        assert "DOE" not in text
        assert "MRN1234567" not in text
        assert "20190507" not in text


def test_syntaxes_read_from_disk_agree(archive):
    implicit, deflated = make_file(draw_sector(1)), make_file(draw_sector(2))
    implicit.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    deflated.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    archive.add("implicit", implicit)
    archive.add("deflated", deflated)
    assert set(archive.scan()) == {"passed"}


def test_file_names_that_are_no_text_or_differ_in_case_are_files_too(archive):
    archive.add("im", make_file(draw_sector(1)))
    archive.add("IM", make_file(draw_sector(2)))
    Path(os.fsdecode(bytes(archive.dicom) + b"/M\xfcller")).write_bytes(to_bytes(make_file(draw_sector(3))))
    assert archive.scan().to_list() == ["passed"] * 3


def test_nothing_is_said_about_values_while_scanning(archive, caplog, capsys):
    archive.add("f", make_file(CLIP, StudyDate="SMITH^JOHN", FrameTime=None))
    archive.add("g", lying("NumberOfFrames", b"QZ"))
    with caplog.at_level(logging.DEBUG):
        archive.scan()
    said = caplog.text + "".join(capsys.readouterr())
    assert "SMITH" not in said
    assert "QZ" not in said


def test_no_files_is_an_error_that_says_what_to_mend(archive):
    with pytest.raises(InputError, match="hold no file"):
        list_files(archive.private, 1, archive.private / "files.parquet")


def test_a_file_without_the_right_to_read_it_stops_the_scan(archive, monkeypatch):
    def refuse(path, by_accession):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    archive.add("SMITH/a", make_file(CLIP))
    monkeypatch.setattr("cineclr.intake.triage._examine", refuse)
    with pytest.raises(InputError, match=r"file F\w+ cannot be read \(Permission denied\)") as caught:
        archive.scan()
    assert "SMITH" not in str(caught.value)


@pytest.mark.parametrize("second", [".", "inside", "../dicom/inside"])
def test_a_folder_within_another_is_refused_before_its_files_count_twice(archive, second):
    archive.add("inside/a", make_file(CLIP))
    sources = {"dicom": [str(archive.dicom), str(archive.dicom / second)], "sheet": "sheet.csv"}
    (archive.private / "sources.yaml").write_text(yaml.safe_dump(sources))
    with pytest.raises(InputError, match="would count twice"):
        list_files(archive.private, 1, archive.private / "files.parquet")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="real samples are not here")
def test_real_samples_end_where_they_belong(archive):
    for path in SAMPLES.glob("*.dcm"):
        archive.add(path.name, path.read_bytes())
    codes = archive.scan()
    assert codes.to_dict() == {
        "aloka_palette16_1f.dcm": "single_frame",
        "cmr_3ch_multiframe_16f.dcm": "other_modality",
        "enhanced_mr_10f.dcm": "other_modality",
        "neg_XA_96f_jpeg.dcm": "other_modality",
        "neg_corrupt_SC_140f.dcm": "missing_study",
        "philips_mono_jpegLL_1f.dcm": "single_frame",
        "plax_palette_rle_10f.dcm": "passed",
        "us1_j2k_ICT_1f.dcm": "single_frame",
        "us1_raw_RGB_1f.dcm": "single_frame",
    }


def test_a_withdrawn_patient_and_copies_of_its_pixels_go_no_further(archive):
    archive.add("a", make_file(CLIP, PatientID="GONE"))
    archive.add("b", make_file(CLIP, PatientID="STAYS"))
    archive.add("c", make_file(draw_sector(6), PatientID="STAYS"))
    archive.add("d", b"not DICOM at all " * 40)
    assert archive.scan().to_list() == ["passed", "duplicate_pixels", "passed", "not_dicom"]
    sheet, listed = archive.private.parent / "sheet.csv", archive.private.parent / "withdrawn.csv"
    sheet.write_text("study_id,patient_id\n1.2.3,other\n")
    listed.write_text("patient_id\ngone\n")
    sources = archive.private / "sources.yaml"
    sources.write_text(sources.read_text() + f"withdrawn: {listed}\n")
    assert archive.scan().to_list() == ["withdrawn", "duplicate_pixels", "passed", "not_dicom"]
    listed.write_text("patient_id\nSTAYS\n")  # the first file's pixels are this patient's, too
    assert archive.scan().to_list() == ["withdrawn", "duplicate_pixels", "withdrawn", "not_dicom"]


def test_a_shard_of_the_index_whose_files_did_not_change_keeps_its_bytes(archive):
    paths = [archive.private / f"index/shard_{shard}.parquet" for shard in range(8)]

    def index():
        files, part = archive.private / "files.parquet", archive.private / "part.parquet"
        list_files(archive.private, 1, files)
        scan_dicom(archive.private, files, 0, part)
        index_studies(archive.private, [part], paths, archive.results / "scan.parquet")
        return [path.read_bytes() for path in paths]

    for number in range(4):
        archive.add(f"m{number}", make_file(draw_sector(number)))
    before = index()
    archive.add("a new one", make_file(draw_sector(9)))
    changed = [shard for shard, data in enumerate(index()) if data != before[shard]]
    assert len(changed) == 1
    assert sum(len(pd.read_parquet(path)) for path in paths) == 5


def test_links_to_folders_are_said_and_not_followed(archive, caplog):
    """A link that leads round in a circle, one that leads out, one that leads nowhere; a pipe."""
    archive.add("a/b/c", make_file(CLIP))
    outside = archive.private.parent / "outside"
    outside.mkdir()
    (outside / "other").write_bytes(to_bytes(make_file(draw_sector(2))))
    (archive.dicom / "a/b/circle").symlink_to(archive.dicom)
    (archive.dicom / "elsewhere").symlink_to(outside)
    (archive.dicom / "nowhere").symlink_to(outside / "gone")
    (archive.dicom / "to a file").symlink_to(outside / "other")
    os.mkfifo(archive.dicom / "pipe")
    with caplog.at_level(logging.INFO):
        assert archive.scan().to_dict() == {"a/b/c": "passed", "to a file": "passed"}
    assert "2 links to folders are not followed" in caplog.text
    assert "2 links that lead nowhere, pipes or devices are no files" in caplog.text


def test_files_are_listed_a_batch_at_a_time(archive, monkeypatch):
    monkeypatch.setattr(listing, "BATCH", 2)
    for number in range(5):
        archive.add(f"{number}", b"text")
    listing.list_files(archive.private, 3, archive.private / "files.parquet")
    assert pq.read_metadata(archive.private / "files.parquet").num_row_groups == 3
    assert sorted(pd.read_parquet(archive.private / "files.parquet")["path"]) == list("01234")


def test_a_shard_that_was_scanned_before_files_were_added_is_refused(archive):
    archive.add("a", make_file(CLIP))
    archive.scan(shards=1)
    archive.add("b", zip_of({"c": b"text"}))
    list_files(archive.private, 1, archive.private / "files.parquet")
    parts, output = [archive.private / "scan/shard_0.parquet"], [archive.private / "index.parquet"]
    with pytest.raises(InputError, match="holds 1 files, but 2 are listed"):
        index_studies(archive.private, parts, output, archive.results / "scan.parquet")
