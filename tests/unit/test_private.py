import stat

import pytest

from cineclr.errors import InputError
from cineclr.private import PrivateSide, Pseudonymizer, init, shard_of


@pytest.fixture
def side(tmp_path):
    (tmp_path / "dicom").mkdir()
    (tmp_path / "sheet.csv").write_text("study_id\n")
    init(tmp_path / "private" / "main", [tmp_path / "dicom"], tmp_path / "sheet.csv")
    return PrivateSide(tmp_path / "private" / "main")


def test_init_makes_a_side_that_only_its_owner_reads(side, tmp_path):
    assert stat.S_IMODE(side.root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in side.root.iterdir()} == {0o600}
    assert side.sources().dicom == [tmp_path / "dicom"]
    assert len(side.key()) == 32


def test_hdf5_files_are_linked_by_their_pseudonyms(tmp_path):
    (tmp_path / "hdf5").mkdir()
    (tmp_path / "sheet.csv").touch()
    sheets = {"cmr_sheet": tmp_path / "sheet.csv", "cmr_reports": tmp_path / "sheet.csv"}
    init(tmp_path / "private", cmr_hdf5=tmp_path / "hdf5", **sheets)
    assert PrivateSide(tmp_path / "private").cmr_sources().link == "pseudonym"


def test_init_overwrites_nothing(side, tmp_path):
    with pytest.raises(InputError, match="exists already"):
        init(side.root, [tmp_path / "dicom"], tmp_path / "sheet.csv")
    key = side.key()
    (side.root / "sources.yaml").unlink()
    init(side.root, [tmp_path / "dicom"], tmp_path / "sheet.csv")
    assert side.key() == key


def test_a_key_that_others_can_read_is_refused(side):
    (side.root / "key").chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        side.key()


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31])
def test_a_damaged_key_is_refused(side, content):
    (side.root / "key").write_text(content)
    with pytest.raises(InputError, match="not a key"):
        side.key()


def test_a_missing_side_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match="cineclr init"):
        PrivateSide(tmp_path).sources()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dicom: [a]\nsheet: b\nlnk: accession\n", ["sources.yaml: lnk", "no such setting"]),
        ("dicom: [a]\n", ["sources.yaml: ", "dicom and sheet belong together"]),
        ("issuer: b\n", ["sources.yaml: ", "names no data"]),
        ("dicom: [a\n", ["line 2", "not valid YAML"]),
    ],
)
def test_a_bad_sources_file_names_the_key_or_line(side, text, words):
    (side.root / "sources.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        side.sources()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_bad_sources_file_is_never_quoted(side):
    (side.root / "sources.yaml").write_text("dicom: /data/DOE^JANE\nsheet: [/data/doe.csv]\n")
    with pytest.raises(InputError, match=r"sources\.yaml: dicom: Input should be a valid list") as caught:
        side.sources()
    assert "doe" not in str(caught.value).lower()


def test_values_of_a_sheet_may_be_numbers_but_not_bare_yes_and_no(side):
    (side.root / "sources.yaml").write_text("dicom: [a]\nsheet: b\nvalues: {sex: {0: F, 1: M}}\n")
    assert side.sources().values == {"sex": {"0": "F", "1": "M"}}
    (side.root / "sources.yaml").write_text("dicom: [a]\nsheet: b\nvalues: {as_severity: {No: none}}\n")
    with pytest.raises(InputError, match="in quotes"):
        side.sources()


def test_pseudonyms():
    names = Pseudonymizer(b"k" * 32)
    study = names.pseudonym("study", "1.2.3")
    assert study == names.pseudonym("study", " 1.2.3 ")
    assert study[0] == "S"
    assert len(study) == 17
    assert study != Pseudonymizer(b"l" * 32).pseudonym("study", "1.2.3")
    assert names.pseudonym("patient", "7", "north") != names.pseudonym("patient", "7", "south")
    assert names.pseudonym("patient", "7")[1:] != names.pseudonym("study", "7")[1:]
    assert 0 <= shard_of(study, 7) < 7
    assert names.fingerprint() != Pseudonymizer(b"l" * 32).fingerprint()
