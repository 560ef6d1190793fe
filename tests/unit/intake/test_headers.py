import warnings
from datetime import date

import pandas as pd
import pytest
from intake_files import BOX, COLUMNS, ROWS, Archive, draw_sector, make_file, make_region
from pydicom.dataset import Dataset

from cineclr.errors import InputError
from cineclr.intake.echo.mask import choose_region
from cineclr.intake.headers import (
    HEADER_KEYWORDS,
    Header,
    Region,
    pack_regions,
    read_age,
    read_header,
    read_spacing,
    unpack_regions,
)
from cineclr.intake.scanners import MODELS, VENDORS, match_model, match_vendor
from cineclr.intake.syntaxes import match_syntax, name_syntax
from cineclr.intake.values import date_of
from cineclr.private import PrivateSide, Pseudonymizer

CM, SECONDS = 3, 4


def header(**values):
    """A data set with raw values, as a file may hold them."""
    dataset = Dataset()
    with warnings.catch_warnings(action="ignore"):  # values may be wrong on purpose
        for keyword, value in values.items():
            dataset.add_new(keyword, {"PatientAge": "AS"}.get(keyword, "DA"), value)
    return dataset


def scaled(delta=0.05, units=CM, **changes):
    region = make_region(**changes)
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = units
    region.PhysicalDeltaX, region.PhysicalDeltaY = delta, 2 * delta
    return region


@pytest.mark.parametrize(
    ("delta", "units", "mm"),
    [
        (0.05, CM, 0.5),
        (-0.05, CM, 0.5),  # counted upwards
        (0.05, SECONDS, None),
        (0.05, 0, None),
        (0, CM, None),
        (0.0004, CM, None),
        (0.6, CM, None),
        (float("nan"), CM, None),
        (float("inf"), CM, None),
    ],
)
def test_spacing_is_millimetres_where_the_region_is_in_centimetres(delta, units, mm):
    found = read_spacing(scaled(delta, units), "X")
    assert found == (pytest.approx(mm) if mm else None)


def test_spacing_is_none_where_the_region_says_nothing():
    assert read_spacing(make_region(), "X") is None


def test_a_region_carries_its_spacing_through_the_table():
    dataset = make_file(draw_sector(), SequenceOfUltrasoundRegions=[scaled(0.03)])
    (region,) = read_header(dataset).regions
    assert (region.row_mm, region.column_mm) == (pytest.approx(0.6), pytest.approx(0.3))
    assert unpack_regions(pack_regions((region,))) == (region,)


def test_the_spacing_of_a_frame_shrunk_by_two_is_twice_as_wide():
    whole = Region(0, 0, 2 * COLUMNS - 1, 2 * ROWS - 1, 1, 1, row_mm=0.2, column_mm=0.1)
    chosen = choose_region([whole], ROWS, COLUMNS)
    assert chosen == Region(0, 0, COLUMNS - 1, ROWS - 1, 1, 1, row_mm=0.4, column_mm=0.2)
    assert choose_region([Region(0, 0, 9, 9, 1, 1)], ROWS, COLUMNS).row_mm is None


@pytest.mark.parametrize(
    ("values", "age"),
    [
        ({"PatientAge": "045Y"}, 45),
        ({"PatientAge": "45Y"}, 45),
        ({"PatientAge": "018M"}, 1),
        ({"PatientAge": "051W"}, 0),
        ({"PatientAge": "364D"}, 0),
        ({"PatientAge": "089Y"}, 89),
        ({"PatientAge": "090Y"}, 90),
        ({"PatientAge": "104Y"}, 90),
        ({"PatientAge": "999Y"}, None),
        ({"PatientAge": "45"}, None),
        ({"PatientAge": "DOE^JANE"}, None),
        ({"PatientBirthDate": "19500203", "StudyDate": "20190202"}, 68),
        ({"PatientBirthDate": "19500203", "StudyDate": "20190203"}, 69),
        ({"PatientBirthDate": "19100203", "StudyDate": "20190203"}, 90),
        ({"PatientBirthDate": "18600203", "StudyDate": "20190203"}, None),
        ({"PatientBirthDate": "20200203", "StudyDate": "20190203"}, None),
        ({"PatientBirthDate": "19500203"}, None),
        ({"PatientAge": "999Y", "PatientBirthDate": "19500203", "StudyDate": "20190203"}, 69),
        ({}, None),
    ],
)
def test_age_is_completed_years_and_never_above_90(values, age):
    assert read_age(header(**values)) == age


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20190507", date(2019, 5, 7)),
        ("2019.05.07", date(2019, 5, 7)),
        ("20190230", None),
        ("19790507", None),
        ("201905", None),
        ("20190507123000", None),
        ("２０１９０５０７", None),
        ("SMITH^JOHN", None),
    ],
)
def test_a_date_exists_and_is_within_its_years(text, expected):
    assert date_of(header(StudyDate=text), "StudyDate", (1980, 2100)) == expected


def test_a_maker_or_model_is_a_word_of_the_list_whatever_stands_there():
    """Case 3: names typed into Manufacturer and ManufacturerModelName stay where they are."""
    words = {word for _, word in VENDORS} | {"other"}
    for text in ("DOE^JANE", "GE Medical, for DOE", "philips DOE", "", "DOE\\GE ", "Géant"):
        assert match_vendor(text) in words
    assert match_vendor("JANE DOE GE Vingmed") == "ge"
    assert match_model("EPIQ 7C of Dr Doe") == "epiq 7"
    assert match_model("ACUSON SC2000") == "sc2000"
    assert match_model("Dr Doe's EPIQ 7C") == "epiq 7"
    assert match_model("Dr Vivid") == match_model("EPIQDOE") == "other"
    assert all(match_model(f"{model} DOE") in MODELS for model in MODELS)


def test_a_transfer_syntax_is_one_of_the_standard():
    """Case 3: nor does a name typed into TransferSyntaxUID pass."""
    assert match_syntax("1.2.840.10008.1.2.4.50") == "1.2.840.10008.1.2.4.50"
    assert name_syntax("1.2.840.10008.1.2.4.50") == "JPEG Baseline (Process 1)"
    assert name_syntax("1.2.840.10008.1.2.4.110") == "JPEG XL Lossless"
    for text in ("DOE^JANE", "1.2.840.10008.1.2.4.50.1950", "1.2.840.10008.5.1.4.1.1.3.1"):
        assert match_syntax(text) == name_syntax(text) == "other"


def test_what_is_kept_of_a_header_is_numbers_and_words_of_lists():
    allowed = {"photometric", "vendor", "model"}  # the texts
    kinds = Header.__annotations__
    assert {name for name, kind in kinds.items() if "str" in str(kind)} == allowed
    assert len(HEADER_KEYWORDS) == len(set(HEADER_KEYWORDS))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Three studies of one patient, and one of a patient without a date, de-identified."""
    archive = Archive(tmp_path_factory.mktemp("days"))
    studies = {"a": "20190507", "b": "20190501", "c": "20200501", "d": None}
    for seed, (name, day) in enumerate(studies.items()):
        regions = [scaled(0.04)] if name != "b" else [make_region(BOX)]
        dataset = make_file(draw_sector(seed), StudyDate=day, SequenceOfUltrasoundRegions=regions)
        dataset.StudyInstanceUID, dataset.PatientAge = f"1.2.{seed + 1}", "095Y" if name == "c" else "060Y"
        dataset.PatientID = "MRN1234567" if day else "MRN7654321"
        archive.add(name, dataset)
    archive.scan()
    assert set(archive.deidentify()) == {"passed"}
    names = archive._by_path(pd.read_parquet(archive.manifest).assign(code=lambda table: table["video"]))
    return pd.read_parquet(archive.manifest).set_index("video").loc[names].set_index(names.index)


def test_the_manifest_counts_days_from_the_patients_first_study(manifest):
    assert manifest["days_since_first"].tolist() == [6, 0, 366, pd.NA]
    assert manifest["year"].tolist() == [2019, 2019, 2020, pd.NA]
    assert manifest["patient"].nunique() == 2
    assert not {"study_day", "StudyDate"} & set(manifest.columns)


def test_the_manifest_has_age_and_spacing(manifest):
    assert manifest["age"].tolist() == [60, 60, 90, 60]
    assert manifest["column_mm"].tolist() == [pytest.approx(0.4), pd.NA, *[pytest.approx(0.4)] * 2]
    assert manifest["row_mm"].tolist() == [pytest.approx(0.8), pd.NA, *[pytest.approx(0.8)] * 2]


def test_one_number_of_two_issuers_is_two_patients_and_the_same_key_gives_the_same_again(archive):
    """Case 11: same number at two issuers: different pseudonyms; same key: same again."""
    for name, issuer in {"a": "NORTH", "b": "SOUTH", "c": "NORTH", "d": None}.items():
        archive.add(name, make_file(draw_sector(ord(name)), IssuerOfPatientID=issuer or ""))

    def patients():
        archive.scan()
        index = pd.read_parquet(archive.private / "index.parquet").set_index("path")
        return index["patient"].sort_index().to_dict()

    before = patients()
    assert before["a"] == before["c"]
    assert len({before["a"], before["b"], before["d"]}) == 3
    assert patients() == before
    (archive.private / "key").write_text("cd" * 32)
    assert not set(patients().values()) & set(before.values())


@pytest.mark.parametrize("fault", ["missing", "readable"])
def test_without_a_key_of_ones_own_nothing_is_scanned(archive, fault):
    """Case 12: key missing or readable by others: refused."""
    archive.add("a", make_file(draw_sector()))
    key = archive.private / "key"
    if fault == "missing":
        key.unlink()
    else:
        key.chmod(0o604)
    with pytest.raises(InputError, match="key missing" if fault == "missing" else "others can read"):
        archive.scan()
    assert not list(archive.private.glob("*.parquet"))


def test_uids_are_valid_and_of_the_key(archive):
    names = Pseudonymizer(PrivateSide(archive.private).key())
    uids = {names.uid(kind, one) for kind in ("study", "series") for one in ("S01", "S02")}
    assert len(uids) == 4
    for uid in uids:
        assert len(uid) <= 64
        assert uid.startswith("2.25.")
        assert int(uid[5:]) < 2**128
    assert names.uid("study", "S01") != Pseudonymizer(b"k" * 32).uid("study", "S01")
