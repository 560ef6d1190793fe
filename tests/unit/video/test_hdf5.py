"""Studies as HDF5 files: what is written is what is read, and what departs from the schema is named."""

import dataclasses
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cineclr.errors import InputError
from cineclr.video.hdf5 import (
    AXES,
    CLIPS,
    PER_SLICE,
    StudyStore,
    StudyView,
    check_study,
    sort_clips,
    validate_hdf5,
    write_study,
)

STUDY, OTHER = "S" + "0" * 16, "S" + "f" * 16


def make_view(slices: int = 3, frames: int = 6, seed: int = 0) -> StudyView:
    """Return random slices, the last of them two frames shorter than the others."""
    rng = np.random.default_rng(seed)
    counts = np.full(slices, frames)
    counts[-1] -= 2
    pixels = rng.integers(0, 256, (slices, frames, 10, 12), dtype=np.uint8)
    pixels[-1, counts[-1] :] = 0
    return StudyView(
        pixels=pixels,
        frames=counts,
        pixel_spacing_mm=rng.random((slices, 2)),
        frame_time_ms=np.full(slices, np.nan),
        position_mm=8.0 * np.arange(slices),
        series=[f"C{n:016x}" for n in range(slices)],
        acquired_size=np.full((slices, 2), (10, 12)),
        intensity_low=np.zeros(slices),
        intensity_high=rng.random(slices) * 1000,
        order="base_to_apex",
    )


def write_folder(folder, studies):
    """Write studies and the list of their clips, as convert-studies does."""
    folder.mkdir()
    clips = []
    for study, views in studies.items():
        write_study(folder / f"{study}.h5", study, views, "key")
        clips += [
            (study, name, number, int(frames))
            for name, view in views.items()
            for number, frames in enumerate(view.frames)
        ]
    pd.DataFrame(clips, columns=["study", "view", "slice", "frames"]).to_parquet(folder / CLIPS)
    return folder


@pytest.fixture
def sound(tmp_path):
    write_study(tmp_path / "a.h5", STUDY, {"SAX": make_view()}, "key")
    return tmp_path / "a.h5"


def test_every_field_comes_back(tmp_path):
    view = make_view()
    write_study(tmp_path / "a.h5", STUDY, {"SAX": view, "4CH": make_view(1)}, "key")
    with h5py.File(tmp_path / "a.h5") as file:
        assert dict(file.attrs) | {"cineclr_version": ""} == {
            **{"schema": "cineclr-cmr", "schema_version": 1, "study": STUDY},
            **{"cineclr_version": "", "key_fingerprint": "key"},
        }
        assert list(file) == ["4CH", "SAX"]
        np.testing.assert_array_equal(file["SAX"][()], view.pixels)
        for name in PER_SLICE:
            stored, given_value = file["SAX"].attrs[name], np.asarray(getattr(view, name))
            np.testing.assert_array_equal(stored, given_value.astype(stored.dtype))
        assert file["SAX"].attrs["order"] == "base_to_apex"
        assert file["SAX"].attrs["axes"] == AXES == "slice,frame,row,column"
        assert file["SAX"].chunks == (1, 6, 10, 12)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.integers(3, 5),
    st.integers(0, 2**31),
)
def test_a_store_reads_the_real_frames_of_every_slice(tmp_path_factory, slices, frames, seed):
    place = tmp_path_factory.mktemp("store")
    views = {
        name: make_view(count, frames, seed + count)
        for name, count in zip(("SAX", "2CH", "4CH", "3CH"), slices, strict=False)
    }
    store = StudyStore.open([write_folder(place / "shard_0", {STUDY: views})])
    assert len(store) == sum(len(view.frames) for view in views.values())
    for row, (_, name, number, count) in enumerate(store.videos.itertuples(index=False)):
        np.testing.assert_array_equal(store.read(row), views[name].pixels[number, :count])


def test_clips_of_several_folders_are_in_one_fixed_order(tmp_path):
    one = write_folder(tmp_path / "b", {OTHER: {"SAX": make_view(2), "4CH": make_view(1)}})
    two = write_folder(tmp_path / "a", {STUDY: {"2CH": make_view(1), "3CH": make_view(1)}})
    empty = write_folder(tmp_path / "empty", {})
    store = StudyStore.open([one, empty, two])
    assert store.videos[["study", "view", "slice"]].values.tolist() == [
        *([STUDY, "3CH", 0], [STUDY, "2CH", 0]),
        *([OTHER, "4CH", 0], [OTHER, "SAX", 0], [OTHER, "SAX", 1]),
    ]
    assert store.videos.equals(StudyStore.open([two, one, empty]).videos)


def test_a_pickled_store_reads_on_and_holds_no_pixels(tmp_path):
    store = StudyStore.open([write_folder(tmp_path / "a", {STUDY: {"SAX": make_view()}})])
    stored = pickle.dumps(store)
    assert len(stored) < 5_000
    np.testing.assert_array_equal(pickle.loads(stored).read(1), store.read(1))


def test_a_damaged_chunk_is_found_when_it_is_read(tmp_path):
    folder = write_folder(tmp_path / "a", {STUDY: {"SAX": make_view()}})
    path = folder / f"{STUDY}.h5"
    with h5py.File(path) as file:
        place = file["SAX"].id.get_chunk_info(1).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[place + 5] ^= 255
    path.write_bytes(bytes(damaged))
    store = StudyStore.open([folder])
    assert store.read(0).shape == (6, 10, 12)
    with pytest.raises(InputError, match="SAX, slice 1 is damaged") as caught:
        store.read(1)
    assert STUDY in str(caught.value)


def test_a_store_names_what_is_missing(tmp_path):
    folder = write_folder(tmp_path / "a", {STUDY: {"SAX": make_view()}})
    again = write_folder(tmp_path / "b", {STUDY: {"SAX": make_view()}})
    with pytest.raises(InputError, match="lies in two folders"):
        StudyStore.open([folder, again])
    (folder / f"{STUDY}.h5").unlink()
    with pytest.raises(InputError, match=f"{STUDY}.h5 is missing"):
        StudyStore.open([folder])
    (folder / CLIPS).unlink()
    with pytest.raises(InputError, match="studies a: no such file"):
        StudyStore.open([folder])
    with pytest.raises(InputError, match="no study at all"):
        StudyStore.open([write_folder(tmp_path / "empty", {})])


def test_a_study_that_departs_from_the_schema_is_never_published(tmp_path):
    bent = dataclasses.replace(make_view(), order="by_guess")
    with pytest.raises(InputError, match="order one of base_to_apex"):
        write_study(tmp_path / "a.h5", STUDY, {"SAX": bent}, "key")
    assert list(tmp_path.iterdir()) == []


def rewrite(file, name, value):
    pixels, attributes = file["SAX"][()], dict(file["SAX"].attrs)
    del file["SAX"]
    dataset = file.create_dataset("SAX", data=value(pixels))
    dataset.attrs.update(attributes)


BENT = {
    "attribute schema is other": lambda file: file.attrs.update(schema="other"),
    "attribute schema is absent": lambda file: file.attrs.__delitem__("schema"),
    "attribute schema_version is 2": lambda file: file.attrs.update(schema_version=2),
    "attribute study is no pseudonym": lambda file: file.attrs.update(study="Smith"),
    r"holds \['RVOT'\]": lambda file: file.create_dataset("RVOT", data=np.zeros(3)),
    "holds no dataset": lambda file: file.__delitem__("SAX"),
    "/SAX: not a dataset of uint8": lambda file: rewrite(
        file, "SAX", lambda pixels: pixels.astype(np.uint16)
    ),
    "/SAX: not a dataset of uint8 with": lambda file: rewrite(file, "SAX", lambda pixels: pixels[0]),
    "/SAX: shape": lambda file: rewrite(file, "SAX", lambda pixels: pixels[:, :0]),
    "/SAX: attribute axes must be": lambda file: file["SAX"].attrs.update(axes="frame,slice,row,column"),
    "/SAX: attribute frames must be whole": lambda file: file["SAX"].attrs.update(frames=[6, 7, 4]),
    "attribute frames must be whole numbers from 1": lambda file: file["SAX"].attrs.update(
        frames=[6.0, 6, 4]
    ),
    r"attribute frames must have the shape \(3,\)": lambda file: file["SAX"].attrs.update(frames=[6, 6]),
    r"attribute pixel_spacing_mm must have the shape \(3, 2\)": lambda file: file["SAX"].attrs.update(
        pixel_spacing_mm=[1.0, 1.0, 1.0]
    ),
    "attribute series must have": lambda file: file["SAX"].attrs.__delitem__("series"),
}


@pytest.mark.parametrize("message", BENT)
def test_what_departs_from_the_schema_is_named(sound, message):
    check_study(sound)
    with h5py.File(sound, "a") as file:
        BENT[message](file)
    with pytest.raises(InputError, match=message) as caught:
        check_study(sound)
    assert str(caught.value).startswith("a.h5")


def test_a_file_that_is_no_hdf5_is_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"DICM" * 100)
    with pytest.raises(InputError, match=r"a\.h5: not an HDF5 file"):
        check_study(tmp_path / "a.h5")


def test_validate_says_a_line_per_file_and_fails_if_one_is_wrong(sound, tmp_path, capsys):
    validate_hdf5([sound])
    assert capsys.readouterr().out == "ok      a.h5: SAX 3x6x10x12\n"
    (tmp_path / "b.h5").write_bytes(b"")
    with pytest.raises(InputError, match="1 of 2 files"):
        validate_hdf5([sound, tmp_path / "b.h5"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["ok", "failed"]


def test_clips_are_sorted_by_study_view_and_slice():
    rows = [
        ("S2", "4CH", 0, 9),
        ("S1", "SAX", 1, 9),
        ("S1", "SAX", 0, 9),
        ("S1", "3CH", 0, 9),
        ("S1", "4CH", 0, 9),
    ]
    clips = sort_clips(pd.DataFrame(rows, columns=["study", "view", "slice", "frames"]))
    assert clips[["study", "view", "slice"]].values.tolist() == [
        *(["S1", "4CH", 0], ["S1", "3CH", 0], ["S1", "SAX", 0], ["S1", "SAX", 1], ["S2", "4CH", 0]),
    ]
