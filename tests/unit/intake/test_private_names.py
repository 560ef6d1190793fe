"""Names of folders, files and members of archives are a patient's data: none leaves the private side."""

import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from archive_files import encrypted_zip, tar_of, zip_of
from intake_files import Archive, compress, draw_sector, make_file, to_bytes

from cineclr import cli
from cineclr.config.echo import Deidentify
from cineclr.intake import scan

PLANTED = ("SMITH", "JANEDOE", "MRN4711", "19500203", "Geburtstag", "Mueller")


def clip(seed):
    return to_bytes(compress(make_file(draw_sector(seed))))


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    archive.add("SMITH^JANEDOE/MRN4711 19500203.dcm", clip(1))
    archive.add("SMITH/Geburtstag.zip", zip_of({"JANEDOE/MRN4711.dcm": clip(2), "Mueller.txt": b"SMITH"}))
    archive.add("MRN4711.tgz", tar_of({"SMITH/19500203": clip(3), "../Mueller": clip(4)}, "tar.gz"))
    archive.add("19500203/cut.tgz", tar_of({"SMITH": clip(5), "JANEDOE": clip(6)}, "tar.gz")[:90_000])
    archive.add("19500203/locked.zip", encrypted_zip({"Mueller": clip(7)}))
    archive.add("SMITH/MRN4711", zip_of({"JANEDOE.zip": zip_of({"SMITH": clip(8)})}))
    archive.add("SMITH.zip", clip(9)[:200])
    (archive.dicom / "JANEDOE").symlink_to(archive.dicom / "SMITH")
    (archive.dicom / "Mueller").symlink_to(archive.dicom / "nowhere")
    return archive


def commands(archive):
    private, scans = f"--private={archive.private}", archive.private / "scan/shard_0.parquet"
    files, index = archive.private / "files.parquet", archive.private / "index.parquet"
    ledger = archive.results / "scan.parquet"
    return {
        "list-files": [private, "--shards=1", f"--output={files}"],
        "scan-dicom": [private, f"--files={files}", "--shard=0", f"--output={scans}"],
        "index-studies": [private, f"--scan={scans}", f"--output={index}", f"--ledger={ledger}"],
        "deidentify-echo": [
            *(private, f"--index={index}", "--shard=0", f"--settings={Deidentify().model_dump_json()}"),
            *(f"--videos={archive.videos}", f"--output={archive.manifest}"),
        ],
    }


def run(archive, capfd, caplog, fails="", **stop):
    """Run the commands up to the one that fails; return what they printed and logged."""
    caplog.set_level("DEBUG")
    for name, arguments in commands(archive).items():
        code = cli.main([name, *arguments])
        assert code == (1 if name == fails else 0), capfd.readouterr()
        if name == fails:
            break
    return "".join(capfd.readouterr()) + caplog.text


def find(text):
    return [word for word in PLANTED if word.lower() in text.lower()]


def everything(archive):
    """Return names and bytes of all that is in results, Parquet also as text."""
    told = ""
    for path in archive.results.rglob("*"):
        told += f"{path.relative_to(archive.results)}\n"
        if path.is_file():
            told += path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            told += pd.read_parquet(path).to_csv() + str(pq.read_schema(path).metadata)
    return told


def test_no_name_is_in_results_logs_or_what_is_printed(archive, capfd, caplog):
    """Case 4: names in paths and in archives, of good files and of all that is set aside."""
    said = run(archive, capfd, caplog)
    codes = pd.read_parquet(archive.results / "scan.parquet")["code"].value_counts().to_dict()
    assert codes.pop("unreadable_archive") == 2  # the member that was cut, and what may have followed it
    assert codes == {
        **{"passed": 4, "not_dicom": 1, "unsafe_member": 1, "encrypted_member": 1, "nested_archive": 1},
        **{"missing_study": 1},
    }
    assert len(list(archive.results.rglob("*.avi"))) == 4
    assert "1 links to folders are not followed" in said
    assert "1 links that lead nowhere" in said
    told = everything(archive)
    assert find(said) == []
    assert find(told) == []
    assert find(pd.read_parquet(archive.private / "scan/shard_0.parquet").to_csv())  # there they are


def refuse(path, by_accession):
    raise PermissionError(13, "Permission denied", str(path))


def fail(path, by_accession):
    raise RuntimeError(f"{path} of SMITH")


@pytest.mark.parametrize("fault", [refuse, fail])
def test_no_name_is_in_an_error_of_the_scan(archive, capfd, caplog, monkeypatch, fault):
    """Case 4: neither in an error that is foreseen, nor in one that is not."""
    monkeypatch.setattr(scan, "examine", fault)
    said = run(archive, capfd, caplog, fails="scan-dicom")
    assert "error" in said.lower()
    assert find(said) == []


@pytest.mark.parametrize("fault", ["changed", "gone"])
def test_no_name_is_in_an_error_of_the_deidentification(archive, capfd, caplog, fault):
    """Case 4: an archive that is another one, or gone, when its members are needed."""
    run(archive, capfd, caplog)
    if fault == "changed":
        archive.add("MRN4711.tgz", zip_of({"SMITH/19500203": clip(20)}))
    else:
        (archive.dicom / "MRN4711.tgz").unlink()
    shutil.rmtree(archive.videos)
    assert cli.main(["deidentify-echo", *commands(archive)["deidentify-echo"]]) == 1
    said = "".join(capfd.readouterr())
    assert "has changed since it was scanned" in said if fault == "changed" else "cannot be unpacked" in said
    assert find(said) == []
