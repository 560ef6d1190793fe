"""Small data sets in the folders and formats of the public ones."""

import csv
import stat
import zipfile
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd
import pytest
from intake_files import make_file, to_bytes
from pydicom.uid import generate_uid

from cineclr.config.cmr import Studies
from cineclr.errors import InputError
from cineclr.intake.cmr import ukb
from cineclr.intake.cmr.kaggle import read_volumes
from cineclr.intake.cmr.raw import import_studies
from cineclr.intake.files import archives
from cineclr.private import make_private_folder, write_private
from cineclr.video.hdf5 import StudyStore, check_study
from cineclr.video.sample import STUDY, write_sample_hdf5

FRAMES, SIDE = 8, 24
MR = "1.2.840.10008.5.1.4.1.1.4"
ACROSS = [0.0, 1.0, 0.0, 0.57735, 0.0, -0.8165]  # a short-axis plane
QUICK = Studies(min_frames=4)


@pytest.fixture
def side(tmp_path):
    private = tmp_path / "private"
    make_private_folder(private)
    write_private(private / "key", "ab" * 32)
    return private


def run(side: Path, kind: str, folder: Path) -> tuple[StudyStore, pd.DataFrame, list[dict[str, str]]]:
    """Import a data set; return the store, what became of each file, and the participants."""
    studies, output = side.parent / "results" / "studies", side.parent / "results" / "files.parquet"
    import_studies(side, kind, folder, studies, output, QUICK)
    participants = side / "cmr" / f"{kind}_participants.csv"
    rows = list(csv.DictReader(participants.open())) if participants.exists() else []
    for path in studies.glob("*.h5"):
        check_study(path)
    return StudyStore.open([studies]), pd.read_parquet(output), rows


def make_image(
    series: str, name: str, position: float, phase: int, level: int = 100, **changes: object
) -> bytes:
    """Return one frame of a slice: dark, with a square of `level` + 10 x phase."""
    pixels = np.zeros((1, SIDE, SIDE), np.uint16)
    pixels[0, 6:18, 6:18] = level + 10 * phase
    pixels[0, 0, 0] = 1000  # the whole series' white
    normal = np.cross(ACROSS[:3], ACROSS[3:])
    known = {"SOPClassUID": MR, "Modality": "MR", "SeriesInstanceUID": series, "SeriesDescription": name}
    known |= {"ImageOrientationPatient": ACROSS, "ImagePositionPatient": list(position * normal)}
    known |= {"PixelSpacing": [1.5, 1.5], "TriggerTime": 40.0 * phase, "InstanceNumber": phase + 1}
    known |= {"SeriesNumber": 5, "FrameTime": None, "SequenceOfUltrasoundRegions": None}
    dataset = make_file(pixels, **known | changes)
    dataset.file_meta.MediaStorageSOPClassUID = MR
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return to_bytes(dataset)


def test_acdc_stacks_become_studies_with_their_group(tmp_path, side):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 1000, (20, 16, 3, FRAMES)).astype(np.int16)  # columns, rows, slices, frames
    for number, group in ((1, "DCM"), (2, "NOR"), (3, "odd")):
        place = tmp_path / "acdc" / "training" / f"patient{number:03}"
        place.mkdir(parents=True)
        image = nibabel.Nifti1Image(values + number, np.diag([1.5, 1.2, 9.0, 1.0]))
        image.header.set_zooms((1.5, 1.2, 9.0, 1.0))
        nibabel.save(image, place / f"patient{number:03}_4d.nii.gz")
        nibabel.save(
            nibabel.Nifti1Image(values[..., 0], np.eye(4)), place / f"patient{number:03}_frame01.nii.gz"
        )
        (place / "Info.cfg").write_text(f"ED: 1\nES: 7\nGroup: {group}\nHeight: 170.0\n")
    (place / "patient003_4d.nii.gz").write_bytes(b"no NIfTI")
    store, files, participants = run(side, "acdc", tmp_path / "acdc")
    assert files["code"].tolist() == ["passed", "passed", "decode_failed"]
    assert [row["group"] for row in participants] == ["DCM", "NOR", ""]
    assert (store.videos["view"].unique().tolist(), len(store)) == (["SAX"], 6)
    study = participants[0]["study"]
    row = store.videos.query("study == @study and slice == 1").index[0]
    grey = store.read(row)
    stored = values[:, :, 1].transpose(2, 1, 0).astype(float)
    assert grey.shape == (FRAMES, 16, 20)
    assert np.corrcoef(grey.ravel(), stored.ravel())[0, 1] > 0.999
    with h5py.File(side.parent / "results" / "studies" / f"{study}.h5") as file:
        attributes = dict(file["SAX"].attrs)
    assert attributes["pixel_spacing_mm"][0].tolist() == pytest.approx([1.2, 1.5])
    assert attributes["position_mm"].tolist() == [0, 9, 18]
    assert attributes["order"] == "position"


def write_kaggle(folder: Path, participant: int) -> None:
    study = folder / "train" / str(participant) / "study"
    stack = generate_uid()
    for place, position in (("sax_5", 0.0), ("sax_6", 10.0), ("sax_7", 20.0)):
        (study / place).mkdir(parents=True)
        for phase in range(FRAMES):
            image = make_image(stack, "sa", position, phase, level=int(100 + 10 * position))
            (study / place / f"IM-0005-{phase + 1:04}.dcm").write_bytes(image)
    (study / "4ch_3").mkdir()
    for phase in range(FRAMES):
        (study / "4ch_3" / f"IM-0003-{phase + 1:04}.dcm").write_bytes(
            make_image("1.2.3", "ch4", 0, phase, 500)
        )


def test_kaggle_folders_tell_the_views_and_volumes_the_ejection_fraction(tmp_path, side):
    folder = tmp_path / "kaggle"
    write_kaggle(folder, 17)
    (folder / "train/17/study/sax_7/IM-0005-0099.dcm").write_bytes(b"no DICOM")
    (folder / "train/17/study/sax_5/copy.dcm").write_bytes(
        (folder / "train/17/study/sax_5/IM-0005-0001.dcm").read_bytes()
    )
    (folder / "train.csv").write_text("Id,Systole,Diastole\n17,60.0,150.0\n18,9,8\n")
    store, files, participants = run(side, "kaggle", folder)
    assert store.videos[["view", "slice", "frames"]].values.tolist() == [
        ["4CH", 0, FRAMES],
        *(["SAX", number, FRAMES] for number in range(3)),
    ]
    assert files["code"].value_counts().to_dict() == {
        "passed": 4 * FRAMES,
        "not_dicom": 1,
        "duplicate_pixels": 1,
    }
    assert participants[0] == {
        **{"participant": "17", "study": store.videos["study"][0], "patient": participants[0]["patient"]},
        **{"lvef": "60.0", "esv_ml": "60.0", "edv_ml": "150.0"},
    }
    assert participants[0]["patient"][0] == "P"
    middle = [store.read(row)[0, 12, 12] for row in (1, 2, 3)]
    assert sorted(middle) == middle or sorted(middle, reverse=True) == middle
    assert np.ptp([int(value) for value in middle]) > 30  # one window for the stack: levels stay apart


def test_nothing_of_a_data_set_but_pseudonyms_leaves_the_private_side(tmp_path, side):
    write_kaggle(tmp_path / "kaggle", 904417)
    run(side, "kaggle", tmp_path / "kaggle")
    participants = side / "cmr" / "kaggle_participants.csv"
    assert stat.S_IMODE(participants.stat().st_mode) == 0o600
    assert "904417" in participants.read_text()
    for path in (side.parent / "results").rglob("*"):
        assert "904417" not in path.name
        assert path.is_dir() or not any(
            word in path.read_bytes() for word in (b"904417", b"DOE^", b"MRN1234567")
        )


def test_volumes_that_do_not_fit_give_no_ejection_fraction(tmp_path):
    (tmp_path / "validate.csv").write_text("Id,Systole,Diastole\n7,0,80\n8,90,80\n9,20,80\n")
    assert {key: one["lvef"] for key, one in read_volumes(tmp_path).items()} == {
        "7": None,
        "8": None,
        "9": 75.0,
    }
    (tmp_path / "train.csv").write_text("Id,Systole,Diastole\n1,20,80\n2,SMITH,80\n")
    with pytest.raises(InputError, match=r"train\.csv, row 3: Systole") as caught:
        read_volumes(tmp_path)
    assert "SMITH" not in str(caught.value)
    (tmp_path / "train.csv").write_text("Id,Volume\n1,20\n")
    with pytest.raises(InputError, match="no column 'Systole'"):
        read_volumes(tmp_path)


def write_zip(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_ukb(folder: Path, eid: str = "1234567", visit: str = "2_0") -> None:
    names = {"CINE_segmented_SAX_b1": 0.0, "CINE_segmented_SAX_b2": 10.0, "CINE_segmented_SAX_InlineVF": 0.0}
    for field, series in (("20209", names), ("20208", {"CINE_segmented_LAX_4Ch": 0.0, "LAX_scout": 0.0})):
        members = {"manifest.csv": b"filename,date\nx,Nov 5, 2014\n"}
        for number, (name, position) in enumerate(series.items()):
            uid = generate_uid()
            for phase in range(FRAMES):
                image = make_image(
                    uid, name, position, phase, SeriesNumber=number, level=int(field) % 100 + number
                )
                members[f"{name}_{phase}.dcm"] = image
        write_zip(folder / field / f"{eid}_{field}_{visit}.zip", members)


def test_ukb_archives_of_a_visit_become_one_study(tmp_path, side):
    write_ukb(tmp_path / "ukb")
    write_ukb(tmp_path / "ukb", visit="3_0")
    write_zip(tmp_path / "ukb" / "1234567_20212_2_0.zip", {"a.dcm": b""})  # another field
    store, files, participants = run(side, "ukb", tmp_path / "ukb")
    assert [(row["participant"], row["visit"]) for row in participants] == [
        ("1234567", "2_0"),
        ("1234567", "3_0"),
    ]
    assert len({row["study"] for row in participants}) == 2
    assert len({row["patient"] for row in participants}) == 1
    assert store.videos.groupby("study")["view"].value_counts().unstack().to_numpy().tolist() == [
        [1, 2],
        [1, 2],
    ]
    counts = files["code"].value_counts().to_dict()
    assert counts == {"passed": 2 * 3 * FRAMES, "no_view": 2 * FRAMES, "repeated": 2 * FRAMES}
    assert sorted(path.name for path in side.iterdir()) == ["cmr", "key"]  # nothing extracted is left
    assert not list(tmp_path.parent.glob("*.dcm"))


def test_of_an_archive_that_is_damaged_or_grows_the_rest_is_read(tmp_path, side, monkeypatch):
    write_ukb(tmp_path / "ukb")
    whole = (tmp_path / "ukb/20209/1234567_20209_2_0.zip").read_bytes()
    broken = bytearray(whole)
    broken[200:260] = bytes(60)  # in the first member's data
    (tmp_path / "ukb/20209/1234567_20209_2_0.zip").write_bytes(bytes(broken))
    (tmp_path / "ukb/7654321_20208_2_0.zip").write_bytes(whole[: len(whole) // 2])
    write_zip(tmp_path / "ukb/7654322_20208_2_0.zip", {"bomb.dcm": bytes(4_000_000)})
    write_zip(tmp_path / "ukb/7654323_20208_2_0.zip", {"../../out.dcm": whole[:2000]})
    store, files, participants = run(side, "ukb", tmp_path / "ukb")
    assert sorted(store.videos["view"]) == ["4CH", "SAX", "SAX"]
    assert len(participants) == 4
    codes = files["code"].value_counts().to_dict()
    assert codes.pop("unreadable_archive") == 2  # a file, and an archive
    assert codes == {
        "passed": 3 * FRAMES,
        "no_view": FRAMES,
        "repeated": FRAMES - 1,  # one frame is damaged
        "archive_limit": 1,
        "unsafe_member": 1,
    }
    assert not list(tmp_path.parent.glob("out.dcm"))
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(InputError, match="no cine slice"):
        run(side, "ukb", tmp_path / "ukb")


def test_files_of_an_archive_are_written_under_numbers(tmp_path):
    write_zip(tmp_path / "1_20208_2_0.zip", {f"{n}.dcm": b"x" for n in range(3)} | {"list.csv": b""})
    into = tmp_path / "into"
    into.mkdir()
    images, refused = ukb.extract([tmp_path / "1_20208_2_0.zip"], into)
    assert [image.path for image in images] == ["0_0.dcm", "0_1.dcm", "0_2.dcm"]
    assert sorted(path.name for path in into.iterdir()) == ["0_0.dcm", "0_1.dcm", "0_2.dcm"]
    assert not refused


def test_own_hdf5_files_are_written_anew_without_what_else_they_hold(tmp_path, side):
    own = tmp_path / "own"
    own.mkdir()
    write_sample_hdf5(own / "a.h5")
    with h5py.File(own / "a.h5", "a") as file:
        file.attrs["note"] = "seen with SMITH^JOHN"
        file["SAX"].attrs["series"] = np.array(["SMITH"] * 4, dtype="S17")
        pixels = file["SAX"][()]
    store, files, participants = run(side, "hdf5", own)
    assert participants == []
    assert files["code"].tolist() == ["passed"]
    assert store.videos["study"].unique().tolist() == [STUDY]
    rows = store.videos.query("view == 'SAX'")
    for row, number, frames in zip(rows.index, rows["slice"], rows["frames"], strict=True):
        assert np.array_equal(store.read(row), pixels[number, :frames])
    assert b"SMITH" not in (side.parent / "results" / "studies" / f"{STUDY}.h5").read_bytes()


@pytest.mark.parametrize("study", ["S/../../../escaped1", "S../../../../out", "S000000000000000G"])
def test_no_attribute_of_an_own_file_becomes_a_path(tmp_path, side, study):
    own = tmp_path / "own"
    own.mkdir()
    write_sample_hdf5(own / "a.h5")
    with h5py.File(own / "a.h5", "a") as file:
        file.attrs["study"] = study
    with pytest.raises(InputError, match=r"a\.h5: attribute study is no pseudonym"):
        run(side, "hdf5", own)
    assert not (side.parent / "results" / "studies").exists()


@pytest.mark.parametrize("kind", ["acdc", "kaggle", "ukb", "hdf5"])
def test_a_folder_without_a_study_names_the_layout(tmp_path, side, kind):
    (tmp_path / "empty").mkdir()
    layout = {"acdc": "Info.cfg", "kaggle": "sax", "ukb": "20209", "hdf5": "docs/hdf5.md"}[kind]
    with pytest.raises(InputError, match=f"no study of the format {kind}: .*{layout}"):
        run(side, kind, tmp_path / "empty")
    with pytest.raises(InputError, match="no such folder"):
        run(side, kind, tmp_path / "none")


def test_the_same_study_in_two_folders_is_refused(tmp_path, side):
    own = tmp_path / "own"
    for place in ("one", "two"):
        (own / place).mkdir(parents=True)
        write_sample_hdf5(own / place / "a.h5")
    with pytest.raises(InputError, match="1 studies twice"):
        run(side, "hdf5", own)


def test_pseudonyms_of_two_data_sets_differ_for_the_same_number(tmp_path, side):
    write_kaggle(tmp_path / "kaggle", 1234567)
    write_ukb(tmp_path / "ukb")
    _, _, first = run(side, "kaggle", tmp_path / "kaggle")
    _, _, second = run(side, "ukb", tmp_path / "ukb")
    assert first[0]["participant"] == second[0]["participant"]
    assert first[0]["patient"] != second[0]["patient"]
