"""MRI in archives: the same stacks as from folders, read forward, however the studies are mixed."""

import gzip

import numpy as np
import pytest
import yaml
from archive_files import archive_of, zip_of
from cmr_files import Cine, CmrArchive, decode_in_process, rising, to_bytes
from pydicom.uid import generate_uid

from cineclr.intake.files import archives
from cineclr.video.sample import write_sample_hdf5


@pytest.fixture
def archive(tmp_path, monkeypatch):
    decode_in_process(monkeypatch)
    return CmrArchive(tmp_path)


def members_of(cine, folder, **changes):
    for number, phase, dataset in cine.files():
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        yield f"{folder}/{number}_{phase:02d}", to_bytes(dataset)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_stack_from_an_archive_is_that_from_a_folder(archive, tmp_path, kind):
    cine = Cine(slices=3)
    members = dict(members_of(cine, "study"))
    archive.add("disc", archive_of(kind, members))
    codes = archive.run(shards=2)
    assert set(codes) == {"passed"}
    assert sorted(codes.index) == sorted(f"disc!{name}" for name in members)
    assert archive.order() == rising(3)
    plain = CmrArchive(tmp_path / "plain")
    for name, content in members.items():
        plain.add(name, content)
    plain.run()
    assert np.array_equal(plain.view()[0], archive.view()[0])
    assert not list(archive.private.glob("extracted_*"))


def test_studies_mixed_in_a_compressed_tar_are_read_once_each_at_most(archive, monkeypatch):
    back = []

    class Watched(gzip.GzipFile):
        def seek(self, offset, whence=0):
            if whence == 0 and offset < self.tell():
                back.append(offset)
            return super().seek(offset, whence)

    monkeypatch.setitem(archives.COMPRESSIONS, b"\x1f\x8b", lambda file: Watched(fileobj=file))
    cines = [Cine(slices=2, number=number) for number in range(3)]
    studies = [
        list(members_of(cine, f"{k}", StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid()))
        for k, cine in enumerate(cines)
    ]
    mixed = dict(member for together in zip(*studies, strict=True) for member in together)
    archive.add("disc.tar.gz", archive_of("tar.gz", mixed))
    assert set(archive.run()) == {"passed"}
    assert len(list(archive.studies.glob("*.h5"))) == 3
    # Recognised by its first block by scan and conversion; then two of three studies go back.
    assert len(back) <= 2 + 2


def test_own_hdf5_studies_may_lie_in_an_archive(archive, tmp_path):
    write_sample_hdf5(tmp_path / "a.h5")
    sources = {"hdf5": str(archive.dicom), "sheet": "studies.csv", "reports": "reports.csv"}
    (archive.private / "sources.yaml").write_text(yaml.safe_dump({"cmr": sources}))
    archive.add("all.zip", zip_of({"x/a.h5": (tmp_path / "a.h5").read_bytes(), "note": b"text"}))
    assert archive.run().to_dict() == {"all.zip!note": "not_hdf5", "all.zip!x/a.h5": "passed"}
    assert len(list(archive.studies.glob("*.h5"))) == 1
