"""Nothing of a header leaves the private side, wherever it stands and however it is wrong."""

import base64
import gzip
import json
import logging
import shutil
import sys
import warnings
import zlib
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from canaries import (
    DAY,
    MEDIA_UID,
    NEEDED,
    NUMBER,
    PADDING,
    ROOT,
    SIGNATURES,
    attributes,
    comment,
    find_canaries,
    plant_everywhere,
    plant_specially,
    set_raw,
    token,
)
from intake_files import Archive, compress, draw_sector, make_file, make_region, to_bytes
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from cineclr.config.echo import Deidentify
from cineclr.intake.contents import describe_scan
from cineclr.intake.echo.dicom_out import write_dicom
from cineclr.ledger import MEANING
from cineclr.reporting.intake_report import write_intake_report

sys.path.insert(0, str(Path(__file__).parent / "cmr"))
from cmr_files import Cine, CmrArchive, decode_in_process

IDENTIFIERS = ("StudyInstanceUID", "SOPInstanceUID", "PatientID", "PatientName", "StudyDate")
US_STILL = "1.2.840.10008.5.1.4.1.1.6.1"


def start(seed: int, **changes: object):
    """Return a clip without identifiers, for canaries to take their place."""
    dataset = make_file(draw_sector(seed), **changes)
    for keyword in IDENTIFIERS:
        del dataset[keyword]
    return dataset


def everywhere(seed=1):
    """Every attribute, at the root, in every sequence, and every one nested; also within the regions."""
    dataset = start(seed)
    region = make_region()
    plant_everywhere(region, deep=False)
    issuer = Dataset()
    plant_everywhere(issuer, deep=False)
    dataset.SequenceOfUltrasoundRegions, dataset.IssuerOfAccessionNumberSequence = [region], [issuer]
    plant_everywhere(dataset)
    return dataset


def specially(seed=2):
    dataset = compress(start(seed))
    streams = generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames)
    dataset.PixelData = encapsulate([comment(stream) for stream in streams])
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = f"{ROOT}.9.1", f"{ROOT}.9.2"
    dataset.PatientID = token()
    plant_specially(dataset)
    return dataset


def enumerated(seed=3):
    texts = {"Manufacturer": f"{token()} GE Vingmed", "ManufacturerModelName": f"Vivid E95 {token()}"}
    texts |= {"ImageType": [token(), token()], "BurnedInAnnotation": token(), "PatientSex": token()}
    return make_file(draw_sector(seed), Modality=token(), PatientID=token(), StudyDate=DAY, **texts)


def of_unknown_syntax(seed):
    """Return a file whose transfer syntax is a canary; no library writes it."""
    data, known = to_bytes(make_file(draw_sector(seed))), b"1.2.840.10008.1.2.1\0"
    assert data.count(known) == 1
    return data.replace(known, f"{ROOT}.7".encode())


# Attributes that are read, and bytes that their type does not allow: pydicom warns, or raises.
WRONG = {
    "StudyDate": "DA",
    "PatientBirthDate": "DA",
    "PatientAge": "AS",
    "StudyInstanceUID": "UI",
    "SOPInstanceUID": "UI",
    "AccessionNumber": "SH",
    "HeartRate": "IS",
    "NumberOfFrames": "IS",
    "FrameTime": "DS",
    "FrameTimeVector": "DS",
    "CineRate": "IS",
    "Rows": "US",
    "SpecificCharacterSet": "CS",
    "SequenceOfUltrasoundRegions": "LO",
    "PhotometricInterpretation": "CS",
    "Manufacturer": "SQ",
    "BitsStored": "US",
}


def wrong(keyword, seed):
    dataset = make_file(draw_sector(seed))
    set_raw(dataset, keyword, WRONG[keyword], f"{token()}^JOHN {'x' * 70}\\1A".encode() + b"\xff\xfe")
    return dataset


FILES = {
    "everywhere": (everywhere, "passed"),
    "specially": (specially, "passed"),
    "enumerated": (enumerated, "passed"),
    "syntax": (lambda: of_unknown_syntax(4), "unsupported_syntax"),
    "photometric": (
        lambda: make_file(draw_sector(5), PhotometricInterpretation=token()),
        "unsupported_syntax",
    ),
    "a class": (lambda: make_file(draw_sector(6), SOPClassUID=f"{ROOT}.8"), "other_modality"),
    "a still": (
        lambda: make_file(draw_sector(7)[:1], SOPClassUID=US_STILL, PatientID=token()),
        "single_frame",
    ),
    "cut": (lambda: to_bytes(everywhere(8))[:9000], None),
    **{f"wrong {name}": (lambda n=name, k=k: wrong(n, 20 + k), None) for k, name in enumerate(WRONG)},
}


class Handover:
    """What a run hands on of these files: videos, tables, DICOM, the report, and what it says meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.archive = Archive(folder)
        for name, (make, _) in FILES.items():
            self.archive.add(name, make())

    def run(self) -> None:
        self.codes = self.archive.scan()
        self.deidentified = self.archive.deidentify()
        self.hand_on()

    def hand_on(self) -> None:
        archive, results = self.archive, self.archive.results
        scan = [archive.private / f"scan/shard_{shard}.parquet" for shard in range(2)]
        describe_scan(scan, results / "scan.parquet", results / "contents.parquet")
        write_intake_report(
            "echo", results / "contents.parquet", results / "scan.parquet", [archive.manifest],
            [archive.videos], Deidentify().model_dump_json(), 11, 0, results / "intake_report.html",
        )  # fmt: skip
        dicom, table = results / "dicom", results / "dicom.parquet"
        write_dicom(archive.private, archive.manifest, archive.videos, True, dicom, table)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run in which everything said is kept: logs, warnings, both streams."""
    folder = tmp_path_factory.mktemp("canaries")
    done = Handover(folder)
    said = folder / "results/said.log"
    said.parent.mkdir()
    handler = logging.FileHandler(said)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    streams = sys.stdout, sys.stderr
    with (said.parent / "streams.log").open("w") as file, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        sys.stdout = sys.stderr = file
        try:
            done.run()
        finally:
            sys.stdout, sys.stderr = streams
            root.removeHandler(handler)
            root.setLevel(level)
    (said.parent / "warnings.log").write_text("\n".join(str(one.message) for one in warned))
    return done


def test_the_files_go_where_they_should(run):
    told = {name: code for name, (_, code) in FILES.items() if code}
    assert run.codes[list(told)].to_dict() == told
    assert set(run.codes) <= {"passed", *MEANING}
    assert set(run.deidentified[["everywhere", "specially", "enumerated"]]) == {"passed"}
    assert len(list((run.archive.results / "dicom").rglob("*.dcm"))) == (run.deidentified == "passed").sum()


def test_canaries_are_in_every_attribute_of_the_profile():
    """Case 1: canaries in every PS3.15 attribute, root and nested."""
    table = pytest.importorskip("dicomanonymizer.dicom_anonymization_databases.dicomfields_2026c")
    lists = [tags for name, tags in vars(table).items() if name.endswith("_TAGS")]
    profile = {tag[0] << 16 | tag[1] for tags in lists for tag in tags if len(tag) == 2}
    assert len(profile) > 600
    elsewhere = {PADDING, SIGNATURES, MEDIA_UID}  # planted specially; group 0 is none of a file's
    planted = {tag for tag, _ in attributes(NEEDED)} | elsewhere
    assert [f"{tag:08X}" for tag in profile - planted if tag >> 16] == []


def test_the_search_finds_them_at_the_root_and_nested(run):
    found = find_canaries(run.archive.dicom)
    texts = [tag for tag, vr in attributes(NEEDED) if vr in ("PN", "LO", "SH", "ST", "LT", "UT", "CS")]
    tokens = {line for line in found if line.startswith("everywhere: b'ZQX")}
    assert len(tokens) > 4 * len(texts) > 4000  # root, a nested item, a region, an issuer
    assert len({line for line in found if line.startswith("specially: ")}) > 30


def test_no_canary_leaves_the_private_side(run):
    """Cases 1, 2, 3, 5: every attribute, root and nested; private, orphan, overlay, curve, preamble, icon;
    names in enumerated fields; values that pydicom quotes in warnings and exceptions."""
    results = run.archive.results
    kinds = {path.suffix for path in results.rglob("*") if path.is_file()}
    assert {".avi", ".dcm", ".parquet", ".html", ".log"} <= kinds
    assert find_canaries(results) == []


def test_the_private_tables_hold_none_either(run):
    """Case 3: names in enumerated fields do not even reach the scan's tables."""
    scan = pd.concat(map(pd.read_parquet, sorted((run.archive.private / "scan").glob("*.parquet"))))
    assert NUMBER not in scan.select_dtypes("number").to_numpy(na_value=0)
    text = scan.drop(columns="path").to_csv()
    assert "ZQX" not in text.upper()
    assert ROOT not in text
    assert set(scan["vendor"].dropna()) <= {"ge", "other"}


def test_the_wrong_values_are_quoted_by_who_reads_them_carelessly(run):
    """Case 5: without care, warnings and exceptions would hold what these files do."""
    quoted = set()
    for keyword in WRONG:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                value = pydicom.dcmread(run.archive.dicom / f"wrong {keyword}").get(keyword)
                said = [str(one.message) for one in warned] + [repr(value)]
            except Exception as error:
                said = [str(one.message) for one in warned] + [str(error)]
        if any("ZQX" in text for text in said):
            quoted.add(keyword)
    assert len(quoted) >= 12, quoted


def hidden_in(kind, text, folder):
    """Write a text in one of the ways in which a file may hide it."""
    data = text.encode()
    if kind == "gzip":
        (folder / "a.gz").write_bytes(gzip.compress(b"some " + data))
    elif kind == "zlib":
        (folder / "a.png").write_bytes(b"\x89PNG" + zlib.compress(data * 3))
    elif kind == "parquet":
        pd.DataFrame({"a": [text] * 50}).to_parquet(folder / "a.parquet", compression="zstd")
    elif kind == "metadata":
        pd.DataFrame({"a": [1]}).rename(columns={"a": text}).to_parquet(folder / "b.parquet")
    elif kind == "base64":
        (folder / "a.html").write_text("src='data:x;base64," + base64.b64encode(b"!" + data).decode() + "'")
    elif kind == "base64 of gzip":
        (folder / "b.html").write_bytes(base64.b64encode(gzip.compress(data)))
    elif kind == "name":
        (folder / f"{text}.txt").write_text("nothing")
    elif kind == "lower case":
        (folder / "a.txt").write_text(text.lower())
    else:
        (folder / "a.json").write_text(json.dumps({"number": NUMBER}))


@pytest.mark.parametrize(
    "kind",
    ["gzip", "zlib", "parquet", "metadata", "base64", "base64 of gzip", "name", "lower case", "number"],
)
def test_one_leak_is_found(kind, tmp_path):
    assert find_canaries(tmp_path) == []
    hidden_in(kind, token(), tmp_path)
    assert len(find_canaries(tmp_path)) >= 1


def test_a_leak_in_the_program_is_found(run, monkeypatch):
    """The maker's own text in place of the list's word, as if the list were not there."""
    leaky = run.archive
    index = pd.read_parquet(leaky.private / "index.parquet")
    monkeypatch.setattr("cineclr.intake.headers.match_vendor", lambda text: text)
    before = leaky.manifest.read_bytes()

    def run_anew():
        shutil.rmtree(leaky.private / "memory")  # else the scan would not read a file again
        leaky.scan()
        leaky.deidentify()

    try:
        run_anew()
        found = find_canaries(leaky.results)
    finally:
        monkeypatch.undo()
        run_anew()
    assert any(name.startswith("videos.parquet: ") for name in found)
    pd.testing.assert_frame_equal(pd.read_parquet(leaky.private / "index.parquet"), index)
    assert leaky.manifest.read_bytes() == before


def test_no_canary_of_an_mri_study_leaves(tmp_path, monkeypatch):
    """Cases 1, 2: the same for cardiac MRI, from scan to HDF5."""
    decode_in_process(monkeypatch)
    archive = CmrArchive(tmp_path)
    for number, phase, dataset in Cine(slices=1, phases=8).files():
        dataset.InstanceNumber = number * 8 + phase + 1
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
            del dataset[keyword]
        dataset.StudyInstanceUID, dataset.PatientID = f"{ROOT}.11", token()
        if phase == 3:
            plant_specially(dataset)
            plant_everywhere(dataset, CMR_NEEDED, deep=True)
        archive.add(f"{number}/{phase:02d}", to_bytes(dataset))
    codes = archive.run()
    assert set(codes) == {"passed"}
    assert find_canaries(archive.dicom) != []
    assert find_canaries(archive.results) == []


# What tells a frame's place and time, and the meaning of its pixels.
CMR_NEEDED = {
    *("SeriesInstanceUID", "SeriesDescription", "ImagePositionPatient", "ImageOrientationPatient"),
    *("SliceLocation", "PixelSpacing", "TriggerTime", "TemporalPositionIdentifier", "AcquisitionTime"),
    *("InstanceNumber", "SeriesNumber", "CardiacNumberOfImages", "ImageType", "Modality", "Manufacturer"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "SharedFunctionalGroupsSequence"),
    *("PerFrameFunctionalGroupsSequence", "SmallestImagePixelValue", "LargestImagePixelValue"),
}
