import re
from pathlib import Path

import h5py
import numpy as np

from cineclr import cli
from cineclr.video.hdf5 import PER_SLICE, check_study
from cineclr.video.sample import CAVITIES, STUDY, write_sample_hdf5

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "hdf5.md"


def test_the_sample_passes_the_check(tmp_path, capsys):
    assert cli.main(["write-sample-hdf5", "--output", str(tmp_path / "sample.h5")]) == 0
    check_study(tmp_path / "sample.h5")
    assert cli.main(["validate-hdf5", "--files", str(tmp_path / "sample.h5")]) == 0
    assert "SAX 4x20x96x96" in capsys.readouterr().out


def test_the_ring_contracts_once_over_the_beat(tmp_path):
    write_sample_hdf5(tmp_path / "sample.h5")
    with h5py.File(tmp_path / "sample.h5") as file:
        for view, cavities in CAVITIES.items():
            for number, frames in enumerate(file[view].attrs["frames"]):
                blood = (file[view][number, :frames] > 200).sum(axis=(1, 2))
                assert len(blood) == frames
                smallest = int(np.argmin(blood))
                assert blood[smallest] < 0.55 * blood[0]
                assert 0 < smallest < frames - 1
                assert (np.diff(blood[: smallest + 1].astype(int)) <= 0).all()
                assert (np.diff(blood[smallest:].astype(int)) >= 0).all()
            assert len(cavities) == file[view].shape[0]


def test_slices_narrow_to_the_apex_and_short_ones_end_in_zeros(tmp_path):
    write_sample_hdf5(tmp_path / "sample.h5")
    with h5py.File(tmp_path / "sample.h5") as file:
        stack, attributes = file["SAX"][()], dict(file["SAX"].attrs)
    blood = (stack[:, 0] > 200).sum(axis=(1, 2))
    assert (np.diff(blood.astype(int)) < 0).all()
    assert attributes["order"] == "base_to_apex"
    assert attributes["frames"].tolist() == [20, 20, 20, 16]
    assert stack[3, 16:].max() == 0
    assert stack[3, 15].max() > 0
    assert np.ptp(attributes["frames"] * attributes["frame_time_ms"]) == 0  # one beat each


def test_two_samples_are_the_same(tmp_path):
    write_sample_hdf5(tmp_path / "a.h5")
    write_sample_hdf5(tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as two:
        assert one.attrs["study"] == two.attrs["study"] == STUDY
        assert all(np.array_equal(one[view][()], two[view][()]) for view in CAVITIES)


def test_the_document_explains_every_attribute_and_its_example_runs(tmp_path, monkeypatch, capsys):
    text = DOCUMENT.read_text()
    for name in (*PER_SLICE, "axes", "order", "schema", "schema_version", "study", "key_fingerprint"):
        assert f"`{name}`" in text, name
    monkeypatch.chdir(tmp_path)
    write_sample_hdf5(Path("sample.h5"))
    examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(examples) == 2
    capsys.readouterr()
    for example in examples:
        exec(example, {})
    assert capsys.readouterr().out.splitlines()[-1].startswith("ok      mine.h5")
