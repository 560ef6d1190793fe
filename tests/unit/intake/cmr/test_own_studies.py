"""HDF5 files of the user's own in place of DICOM, through the whole MRI intake."""

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from cmr_files import CmrArchive

from cineclr.check import check_sources
from cineclr.cohort.cmr.sheet import import_cmr_sheet
from cineclr.errors import InputError
from cineclr.private import PrivateSide
from cineclr.text.reports import import_reports
from cineclr.video.hdf5 import StudyStore
from cineclr.video.sample import STUDY, write_sample_hdf5

OTHER = "S00000000005a3c1f"
SHEET = "study_id,patient_id,study_date,sex,age,cohort,lvef\n{},A1,2018-05-04,F,71,clinical,55.5\n"


@pytest.fixture
def archive(tmp_path):
    """A folder of HDF5 files, named in sources.yaml in place of DICOM."""
    archive = CmrArchive(tmp_path)
    (tmp_path / "studies.csv").write_text(SHEET.format(STUDY))
    (tmp_path / "reports.csv").write_text(f"study_id,report\n{STUDY},Normal.\n")
    files = {"hdf5": archive.dicom, "sheet": tmp_path / "studies.csv", "reports": tmp_path / "reports.csv"}
    sources = {"cmr": {**{key: str(path) for key, path in files.items()}, "link": "pseudonym"}}
    (archive.private / "sources.yaml").write_text(yaml.safe_dump(sources))
    return archive


def write(archive, name, study=STUDY, **attributes):
    path = archive.dicom / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sample_hdf5(path)
    with h5py.File(path, "a") as file:
        file.attrs.update({"study": study, **attributes})


def test_every_file_ends_in_its_bucket(archive):
    write(archive, "a/one.h5")
    write(archive, "b/the same again.h5")
    write(archive, "b/other.h5", OTHER)
    write(archive, "b/old.h5", "S00000000005a3c20", schema_version=0)
    archive.add("b/clips.parquet", b"PAR1")
    archive.add("b/empty.h5", b"")
    assert archive.run(shards=2).to_dict() == {
        "a/one.h5": "passed",
        "b/the same again.h5": "duplicate_pixels",
        "b/other.h5": "passed",
        "b/old.h5": "not_hdf5",
        "b/clips.parquet": "not_hdf5",
        "b/empty.h5": "not_hdf5",
    }


def test_pixels_stay_and_whatever_else_a_file_holds_does_not(archive):
    write(archive, "a.h5", patient="DOE^JANE")
    archive.run()
    (path,) = archive.studies.glob("*.h5")
    assert path.name == f"{STUDY}.h5"
    assert b"DOE^JANE" in (archive.dicom / "a.h5").read_bytes()
    assert b"DOE^JANE" not in path.read_bytes()
    with h5py.File(archive.dicom / "a.h5") as theirs, h5py.File(path) as ours:
        for view in theirs:
            assert np.array_equal(theirs[view][()], ours[view][()])
    store = StudyStore.open([archive.studies])
    assert store.videos["view"].tolist() == ["4CH", "2CH", *["SAX"] * 4]
    manifest = pd.read_parquet(archive.manifest)
    assert manifest["study"].tolist() == [STUDY]


def test_another_content_is_another_row_of_the_index(archive):
    write(archive, "a.h5")
    archive.run()
    before = (archive.private / "cmr/index.parquet").read_bytes()
    archive.run()
    assert (archive.private / "cmr/index.parquet").read_bytes() == before
    with h5py.File(archive.dicom / "a.h5", "a") as file:
        file["SAX"][0, 0, 0, 0] = 200
    archive.run()
    assert (archive.private / "cmr/index.parquet").read_bytes() != before


def test_the_sheet_and_the_reports_name_studies_by_their_pseudonym(archive):
    output = archive.private / "out.parquet"
    check_sources(archive.private)
    import_cmr_sheet(archive.private, output)
    assert pd.read_parquet(output)["study"].tolist() == [STUDY]
    import_reports(archive.private, output)
    assert pd.read_parquet(output)["study"].tolist() == [STUDY]
    (archive.private.parent / "studies.csv").write_text(SHEET.format("1.2.3"))
    with pytest.raises(InputError, match="row 2, column 'study_id': must be the pseudonym of an HDF5 file"):
        check_sources(archive.private)


def test_dicom_and_hdf5_exclude_each_other(archive):
    path = archive.private / "sources.yaml"
    sources = yaml.safe_load(path.read_text())
    sources["cmr"]["dicom"] = [str(archive.dicom)]
    path.write_text(yaml.safe_dump(sources))
    with pytest.raises(InputError, match="dicom, or hdf5 instead"):
        PrivateSide(archive.private).cmr_sources()
