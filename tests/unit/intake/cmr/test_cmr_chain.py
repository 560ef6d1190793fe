"""The synthetic hospital's MRI wing through the whole intake: what comes out is what the hospital knows."""

import hashlib
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pydicom
import pytest
from cmr_files import CmrArchive

from cineclr.config import DemoCmr
from cineclr.demo.cmr.wing import make_cmr_wing
from cineclr.intake.cmr.headers import unpack
from cineclr.ledger import PASSED, USED, Code
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.video.hdf5 import StudyStore

SEED = 31  # a wing of 7 studies in which each kind of file occurs: the first test says which
SMALL = DemoCmr(frames=11, size=48, slices=(6, 7)).model_copy(update={"patients": 5})


class Hospital:
    """The wing's truth, and a run of the intake on its archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_cmr_wing(folder / "private", SMALL, SEED)
        truth = folder / "private/truth"
        self.files = pd.read_parquet(truth / "cmr_files.parquet").set_index("path")
        self.series = pd.read_parquet(truth / "cmr_series.parquet").set_index("series_uid")
        self.studies = pd.read_parquet(truth / "cmr_studies.parquet")
        self.canaries = (truth / "cmr_canaries.txt").read_text().splitlines()
        self.archive = CmrArchive(folder, folder / "private/hospital/cmr/dicom")
        self.codes = self.archive.run()
        self.names = Pseudonymizer(PrivateSide(folder / "private").key())

    def stacks(self, archive: CmrArchive | None = None) -> dict[tuple[str, str], tuple[np.ndarray, dict]]:
        """Return (study, view) -> pixels and attributes of every stored view."""
        found = {}
        for path in sorted((archive or self.archive).studies.glob("*.h5")):
            with h5py.File(path) as file:
                for view in file:
                    found[file.attrs["study"], view] = file[view][()], dict(file[view].attrs)
        return found

    def expected(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Return (study, view) -> a row per slice from base to apex: series, position, frames, spacing."""
        kept = self.files[self.files["bucket"].isin([USED, Code.DECODE_FAILED])]
        rows = self.series[self.series["view"].ne("") & self.series.index.isin(kept["series_uid"])]
        rows = rows.explode("positions").rename(columns={"positions": "position"}).reset_index()
        rows["slice"] = rows.groupby("series_uid").cumcount()
        damaged = self.files[self.files["fault"] == "damaged frame"]
        lost = rows.merge(damaged[["series_uid", "slice"]].assign(lost=1), how="left")["lost"].fillna(0)
        rows["time"] = 900 / rows["frames"]
        rows["frames"] -= lost.to_numpy().astype(int)
        rows["cine"] = [self.names.pseudonym("cine", uid) for uid in rows["series_uid"]]
        rows["study"] = [self.names.pseudonym("study", uid) for uid in rows["study_uid"]]
        rows["position"] = rows["position"].astype(float)
        by_place = rows.sort_values("position", kind="stable").groupby(["study", "view"])
        return {key: part.reset_index(drop=True) for key, part in by_place}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return Hospital(tmp_path_factory.mktemp("wing"))


@pytest.fixture(scope="module")
def expected(hospital):
    return hospital.expected()


def check(stacks: dict, expected: dict) -> None:
    """Compare slice boundaries, order, frames and spacing with the truth."""
    assert set(stacks) == set(expected)
    for key, truth in expected.items():
        pixels, attributes = stacks[key]
        assert len(pixels) == len(truth)
        np.testing.assert_allclose(attributes["position_mm"], truth["position"], atol=2e-3)
        assert attributes["frames"].tolist() == truth["frames"].tolist()
        assert [name.decode() for name in attributes["series"]] == truth["cine"].tolist()
        sizes = attributes["acquired_size"]
        field = truth["spacing_mm"].to_numpy() * sizes[:, 0].min()
        own = attributes["pixel_spacing_mm"][:, 0] * pixels.shape[2]
        np.testing.assert_allclose(own, field, rtol=1e-3)  # resizing keeps the field of view
        np.testing.assert_allclose(attributes["frame_time_ms"], truth["time"], rtol=0.01)
        assert attributes["order"] == ("base_to_apex" if key[1] == "SAX" else "position")


def test_the_wing_holds_what_is_tested(hospital):
    """A file per frame, per slice, per series; a series per slice; a slice of another size; all faults."""
    files, series = hospital.files, hospital.series
    cines = files[files["series_uid"].isin(series.index[series["view"] != ""])]
    counts = cines.groupby("series_uid").size().rename("files").to_frame().join(series)
    per_frame = counts["files"] == counts["slices"] * counts["frames"]
    per_slice = (counts["files"] == counts["slices"]) & (counts["slices"] > 1)
    enhanced = counts["files"] < counts["slices"]
    assert per_frame.any()
    assert per_slice.any()
    assert enhanced.any()
    assert counts[counts["view"] == "SAX"].groupby("study_uid").size().max() > 2
    sizes = [attributes["acquired_size"] for _, attributes in hospital.stacks().values()]
    assert any(len(np.unique(of_view)) > 1 for of_view in sizes)
    faults = {Code.DUPLICATE_PIXELS, Code.NO_PIXEL_DATA, Code.SECONDARY_CAPTURE, Code.NOT_AN_IMAGE}
    faults |= {Code.OTHER_MODALITY, Code.MISSING_STUDY, Code.NOT_DICOM, Code.DECODE_FAILED, Code.REPEATED}
    assert set(files["bucket"]) == {*faults, Code.NO_VIEW, USED}


def test_boundaries_order_and_spacing_equal_the_truth(hospital, expected):
    check(hospital.stacks(), expected)


def test_every_file_is_in_its_bucket(hospital):
    truth = hospital.files["bucket"].replace({USED: PASSED, Code.NOT_IN_SHEET: PASSED})
    assert hospital.codes.sort_index().to_dict() == truth.to_dict()


def test_frames_show_what_was_written(hospital):
    """Of single-frame series: the stored grey follows the scanner's, in the order of time."""
    manifest = pd.read_parquet(hospital.archive.manifest).set_index("file")
    index = pd.read_parquet(hospital.folder / "private/cmr/index.parquet").set_index("file")
    joined = manifest.join(index[["path", "times", "frames"]])
    joined = joined[joined["code"].eq(PASSED) & joined["frames"].eq(1)]
    stacks, compared = hospital.stacks(), 0
    for (study, view, number), files in joined.groupby(["study", "view", "slice"]):
        pixels = stacks[study, view][0][number]
        files = files.assign(time=[unpack(text)[0] for text in files["times"]]).sort_values("time")
        for frame, path in enumerate(files["path"]):
            written = pydicom.dcmread(hospital.archive.dicom / path).pixel_array
            if written.shape == pixels[frame].shape:
                assert np.corrcoef(written.ravel(), pixels[frame].ravel())[0, 1] > 0.999
                compared += 1
    assert compared > 200


def test_shuffled_files_without_location_and_numbers_give_the_same(hospital, expected, tmp_path):
    archive = CmrArchive(tmp_path)
    rng = np.random.default_rng(5)
    files = hospital.files[hospital.files["fault"].isin(["", "damaged frame"])]
    for path in rng.permutation(files.index):
        dataset = pydicom.dcmread(hospital.archive.dicom / path)
        dataset.pop("SliceLocation", None)
        dataset.InstanceNumber = int(rng.integers(1, 10_000))
        target = archive.dicom / f"{rng.integers(7)}" / f"{rng.integers(1 << 40):x}.bin"
        target.parent.mkdir(exist_ok=True)
        dataset.save_as(target)
    archive.run()
    stacks = hospital.stacks(archive)
    check(stacks, expected)
    for key, (pixels, _) in hospital.stacks().items():
        np.testing.assert_array_equal(stacks[key][0], pixels)


def test_a_rerun_gives_the_same(hospital, tmp_path):
    again = CmrArchive(tmp_path, hospital.archive.dicom)
    again.run(shards=2)
    for name in ("scan.parquet", "studies/shard_0.parquet", "studies/shard_0/clips.parquet"):
        first, second = hospital.archive.results / name, again.results / name
        assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    for key, (pixels, attributes) in hospital.stacks(again).items():
        np.testing.assert_array_equal(pixels, hospital.stacks()[key][0])
        for name, value in hospital.stacks()[key][1].items():
            np.testing.assert_array_equal(attributes[name], value)


def test_nothing_of_a_patient_is_in_the_results(hospital):
    """Neither in the files' bytes nor in what compression hides."""
    text = ""
    for path in (path for path in hospital.archive.results.rglob("*") if path.is_file()):
        text += path.name + path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            text += pd.read_parquet(path).to_csv() + str(pq.read_schema(path).metadata)
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                text += str(dict(file.attrs)) + str([(name, dict(file[name].attrs)) for name in file])
    files, series = hospital.files, hospital.series
    planted = {*hospital.canaries, *series["description"], *files.index}
    planted |= {*files["series_uid"], *files["object_uid"], *files["study_uid"]}
    lower = text.lower()
    assert not [word for word in planted if len(word) > 5 and word.lower() in lower]
    assert len(hospital.canaries) > 50


def test_trainings_read_what_the_truth_counts(hospital, expected):
    store = StudyStore.open([hospital.archive.studies])
    assert len(store) == sum(len(truth) for truth in expected.values())
    assert store.videos["frames"].sum() == sum(truth["frames"].sum() for truth in expected.values())
    clip = store.read(0)
    assert clip.dtype == np.uint8
    assert len(clip) == store.videos["frames"].iloc[0]


def test_ejection_fraction_is_seen_in_the_stored_stack(hospital):
    """The area of the bright cavity in each frame, summed over the slices, changes as the truth says."""
    names = [hospital.names.pseudonym("study", uid) for uid in hospital.studies["study_uid"]]
    ejections = dict(zip(names, hospital.studies["lvef"], strict=True))
    errors = []
    for (study, view), (pixels, attributes) in hospital.stacks().items():
        if view == "SAX":
            frames = attributes["frames"].min()
            volumes = sum(_areas(stack[:frames]) for stack in pixels)
            errors.append(100 * (1 - volumes.min() / volumes.max()) - ejections[study])
    assert len(errors) == len(hospital.studies)
    assert np.abs(errors).mean() < 6


def _areas(frames: np.ndarray) -> np.ndarray:
    """Return the pixels of the bright region around the left ventricle's axis, 10 mm beside the middle."""
    areas = []
    for frame in frames:
        row = round(frame.shape[0] * (0.5 + 10 / 190))
        _, labels = cv2.connectedComponents((frame > 110).astype(np.uint8), connectivity=4)
        at = labels[row, frame.shape[1] // 2]
        areas.append(int((labels == at).sum()) if at else 0)
    return np.array(areas)
