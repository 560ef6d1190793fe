import io
import shutil
import stat
import subprocess
import zipfile

import pandas as pd
import pyrage
import pytest
from intake_files import draw_sector, make_file, to_bytes

from cineclr.cli import main
from cineclr.errors import InputError
from cineclr.intake.crosswalk import COLUMNS, export_crosswalk

PASSPHRASE = "correct horse battery"


@pytest.fixture
def scanned(archive):
    for name in "abc":
        dataset = make_file(draw_sector(ord(name)), AccessionNumber=f"ACC{name}", IssuerOfPatientID="NORTH")
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = (
            "1.2.1" if name < "c" else "1.2.2",
            f"1.2.3.{ord(name)}",
        )
        archive.add(name, dataset)
    archive.add("no DICOM", b"nothing of the kind " * 20)
    archive.scan()
    return archive


@pytest.fixture
def output(tmp_path):
    return tmp_path / "safe" / "crosswalk.csv.age"


def passphrase_file(folder, text=PASSPHRASE, mode=0o600):
    path = folder / "passphrase"
    path.write_text(text + "\n")
    path.chmod(mode)
    return path


def read(data):
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)


def test_a_crosswalk_opens_with_the_passphrase_and_names_everything(scanned, output, tmp_path):
    export_crosswalk(scanned.private, output, passphrase_file=passphrase_file(tmp_path))
    sealed = output.read_bytes()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    for text in (b"MRN1234567", b"ACCa", b"1.2.3.97", b"study"):
        assert text not in sealed
    table = read(pyrage.passphrase.decrypt(sealed, PASSPHRASE))
    assert list(table.columns) == COLUMNS
    index = pd.read_parquet(scanned.private / "index.parquet")
    assert sorted(table["video"]) == sorted(index["video"])
    assert set(table["patient_id"]) == {"MRN1234567"}
    assert set(table["patient_issuer"]) == {"NORTH"}
    assert dict(zip(table["object_uid"], table["accession"], strict=True))["1.2.3.97"] == "ACCa"
    assert table.groupby("study_uid")["study"].nunique().to_dict() == {"1.2.1": 1, "1.2.2": 1}
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(sealed, "another passphrase")


def test_files_in_archives_are_in_it_and_nothing_of_them_stays_behind(scanned, output, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("DOE/IM1", to_bytes(make_file(draw_sector(7), SOPInstanceUID="1.2.3.7")))
    scanned.add("z", packed.getvalue())
    scanned.scan()
    export_crosswalk(scanned.private, output, passphrase_file=passphrase_file(tmp_path))
    table = read(pyrage.passphrase.decrypt(output.read_bytes(), PASSPHRASE))
    assert "1.2.3.7" in set(table["object_uid"])
    assert not list(scanned.private.glob("extracted*"))


def test_a_crosswalk_opens_with_the_key_of_any_recipient(scanned, output):
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    export_crosswalk(scanned.private, output, recipients=[str(key.to_public()) for key in keys])
    tables = [read(pyrage.decrypt(output.read_bytes(), [key])) for key in keys]
    assert len(tables[0]) == 3
    pd.testing.assert_frame_equal(*tables)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(output.read_bytes(), [pyrage.x25519.Identity.generate()])


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed (Debian package age)")
def test_the_standard_tool_opens_it(scanned, output, tmp_path):
    key = pyrage.x25519.Identity.generate()
    export_crosswalk(scanned.private, output, recipients=[str(key.to_public())])
    (tmp_path / "key.txt").write_text(str(key) + "\n")
    command = ["age", "--decrypt", "--identity", tmp_path / "key.txt", output]
    done = subprocess.run(command, capture_output=True, check=True)
    assert len(read(done.stdout)) == 3


def test_a_passphrase_is_asked_for_twice(scanned, output, monkeypatch):
    answers = iter([PASSPHRASE, PASSPHRASE, PASSPHRASE, "another one, longer"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    export_crosswalk(scanned.private, output)
    assert len(read(pyrage.passphrase.decrypt(output.read_bytes(), PASSPHRASE))) == 3
    with pytest.raises(InputError, match="differ"):
        export_crosswalk(scanned.private, output)


def test_nothing_is_written_in_the_clear(scanned, output, tmp_path, monkeypatch):
    monkeypatch.setattr("pyrage.passphrase.encrypt", lambda data, _: data)
    with pytest.raises(ValueError, match="not encrypted"):
        export_crosswalk(scanned.private, output, passphrase_file=passphrase_file(tmp_path))
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"passphrase": ("correct horse battery", 0o640)}, "others can read it"),
        ({"passphrase": ("too short", 0o600)}, "fewer than 12"),
        ({"recipients": ["age1nonsense"]}, "number 1 is no public key"),
        ({"recipients": ["ssh-ed25519 nonsense"]}, "number 1 is no public key"),
        ({"output": "results/main/crosswalk.age", "passphrase": (PASSPHRASE, 0o600)}, "results"),
        ({"output": "link/crosswalk.age", "passphrase": (PASSPHRASE, 0o600)}, "results"),
        ({"recipients": ["age1x"], "passphrase": (PASSPHRASE, 0o600)}, "not both"),
    ],
)
def test_what_is_not_safe_is_refused(scanned, tmp_path, options, words):
    (tmp_path / "results").mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(tmp_path / "results")
    given = {"recipients": options.get("recipients")}
    if "passphrase" in options:
        given["passphrase_file"] = passphrase_file(tmp_path, *options["passphrase"])
    output = tmp_path / options.get("output", "safe.age")
    with pytest.raises(InputError, match=words):
        export_crosswalk(scanned.private, output, **given)
    assert not list(tmp_path.rglob("*.age"))


def test_a_changed_file_or_key_is_an_error(scanned, output, tmp_path, capsys):
    dataset = make_file(draw_sector(5))
    scanned.add("b", dataset)
    options = ["--private", str(scanned.private), "--output", str(output)]
    options += ["--passphrase-file", str(passphrase_file(tmp_path))]
    assert main(["export-crosswalk", *options]) == 1
    said = capsys.readouterr().err
    assert "has changed since it was scanned" in said
    assert "MRN1234567" not in said
    assert dataset.StudyInstanceUID not in said
    (scanned.private / "key").write_text("cd" * 32)
    assert main(["export-crosswalk", *options]) == 1
    assert not output.exists()
