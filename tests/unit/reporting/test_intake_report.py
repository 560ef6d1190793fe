import base64
import json
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest

from cineclr.config.cmr import Studies
from cineclr.config.echo import Deidentify
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.intake.contents import classify, describe_scan
from cineclr.ledger import MEANING, Code
from cineclr.reporting.intake_report import write_intake_report
from cineclr.video.avi import write_avi

VOID = {"meta", "img", "br"}
BASELINE, JPEG_XL = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.110"
# Of 46 files of 30 studies: 40 pass the scan, 38 the de-identification.
SET_ASIDE = {0: Code.NOT_DICOM, 1: Code.UNSUPPORTED_SYNTAX, 2: Code.SINGLE_FRAME, 3: Code.SINGLE_FRAME}
SET_ASIDE |= {4: Code.SECONDARY_CAPTURE, 5: Code.DUPLICATE_PIXELS}


class Page(HTMLParser):
    """Parses a page strictly: every tag is closed in its turn; keeps headings, rows of cells, pictures."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.headings, self.pictures, self.addresses = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.addresses += [values[name] for name in ("src", "href", "action") if name in values]
        if tag == "img":
            self.pictures.append(values["src"])
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag in ("h1", "h2"):
            self.headings.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data.strip()
        elif self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data.strip()

    def row(self, first):
        return next(row for row in self.rows if row[0] == first)


def scan_table():
    rows = []
    for number in range(46):
        code = SET_ASIDE.get(number, "passed")
        row = {"file": f"F{number:016x}", "code": str(code), "study": f"S{number % 30:016x}"}
        row |= {"video": f"V{number:016x}", "syntax": BASELINE, "frames": 20 + number, "vendor": "ge"}
        row |= {"model": "vivid e95", "frame_time_ms": 33.333 if number % 2 else 20.0, "path": "DOE^JANE"}
        if number >= 44:
            row |= {"vendor": "butterfly", "model": "other"}
        if code == Code.UNSUPPORTED_SYNTAX:
            row["syntax"] = JPEG_XL
        if code == Code.NOT_DICOM:
            row |= dict.fromkeys(("study", "video", "syntax", "frames", "vendor", "model", "frame_time_ms"))
        rows.append(row)
    return pd.DataFrame(rows).astype({"frames": "Int64", "frame_time_ms": "Float64"})


class Intake:
    """A scan's and a de-identification's tables and videos, in two shards."""

    def __init__(self, folder):
        self.folder, scan = folder, scan_table()
        write_parquet(scan[::2], folder / "scan_0.parquet")
        write_parquet(scan[1::2], folder / "scan_1.parquet")
        write_parquet(scan[["file", "study", "video", "code"]], self.ledger, key_fingerprint="abcdef012345")
        self.describe()
        self.folders = [folder / f"shard_{shard}" for shard in range(2)]
        self.manifests = [folder / f"shard_{shard}.parquet" for shard in range(2)]
        passed = scan[scan["code"] == "passed"].reset_index(drop=True)
        for shard in range(2):
            rows = passed[shard::2].copy()
            rows["code"] = ["mask_failed", *["passed"] * (len(rows) - 1)]
            rows["kept_fraction"] = [0.01, *np.linspace(0.42, 0.78, len(rows) - 1)]
            rows["path"] = rows["study"] + "/" + rows["video"] + ".avi"
            for path in rows.loc[rows["code"] == "passed", "path"]:
                (self.folders[shard] / path).parent.mkdir(parents=True, exist_ok=True)
                clip = np.full((3, 60, 480), 90 + shard, np.uint8)
                write_avi(self.folders[shard] / path, clip, 30)
            write_parquet(
                rows[["file", "study", "video", "code", "path", "kept_fraction"]], self.manifests[shard]
            )

    @property
    def ledger(self):
        return self.folder / "scan.parquet"

    @property
    def contents(self):
        return self.folder / "contents.parquet"

    def describe(self):
        scan = [self.folder / f"scan_{shard}.parquet" for shard in range(2)]
        describe_scan(scan, self.ledger, self.contents)

    def write(self, name="report.html", min_cell=11, seed=0, settings=None):
        settings = settings or Deidentify(jpeg_quality=91)
        write_intake_report(
            "echo", self.contents, self.ledger, self.manifests, self.folders, settings.model_dump_json(),
            min_cell, seed, self.folder / name,
        )  # fmt: skip
        return (self.folder / name).read_text()


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    return Intake(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(intake):
    return Page(intake.write())


def test_the_flow_counts_every_file(page):
    assert page.row("Files found")[1].startswith("46 files")
    readable = page.row("Echo cine clips, readable")
    assert readable[1].startswith("40 clips")
    assert readable[2] == "6"
    masked = page.row("Clips de-identified")
    assert masked[1].startswith("38 clips")
    assert masked[2] == "2"


def test_each_reason_has_its_meaning_and_count(page):
    expected = {
        Code.NOT_DICOM: "1",
        Code.SINGLE_FRAME: "2",
        Code.MASK_FAILED: "2",
        Code.DUPLICATE_PIXELS: "1",
    }
    told = {row[1]: row for row in page.rows if len(row) == 4 and row[1] in MEANING}
    for code, files in expected.items():
        assert told[code][2:] == [MEANING[code], files]
    assert told[Code.NOT_DICOM][0] == "scan"
    assert told[Code.MASK_FAILED][0] == "de-identification"


def test_compressions_are_told_by_name(page):
    assert page.row("JPEG Baseline (Process 1)")[2] == "44"
    assert page.row("JPEG XL Lossless")[2:4] == ["1", "0"]


def test_studies_are_counted_but_for_few(intake, page):
    assert page.row("ge")[2:] == ["43", "38", "withheld"]  # else it would tell how many the others are
    assert page.row("butterfly")[2:] == ["2", "2", "withheld"]
    everything = Page(intake.write("all.html", min_cell=1))
    assert everything.row("butterfly")[2:] == ["2", "2", "2"]
    assert everything.row("ge")[4] == "30"


def test_frames_rates_and_kept_area_are_classes(page):
    assert page.row("10 to 24")[2] == "4"
    assert page.row("25 to 49")[2] == "25"
    assert page.row("50 to 74")[2] == "16"
    assert page.row("30 to 39")[2] == "23"
    assert page.row("40 to 59")[2] == "22"
    assert page.row("0 to 10 %")[2] == "2"
    assert sum(int(page.row(f"{low} to {low + 10} %")[2]) for low in range(0, 100, 10)) == 40


def test_thumbnails_are_frames_of_what_passed(page):
    assert len(page.pictures) == 12
    for picture in page.pictures:
        kind, data = picture.split(",")
        assert kind == "data:image/jpeg;base64"
        frame = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
        assert frame.shape == (30, 240)
        assert 88 <= frame.mean() <= 93


def test_the_seed_draws_the_thumbnails(intake):
    assert intake.write("a.html") == intake.write("b.html")
    assert Page(intake.write("c.html", seed=1)).pictures != Page(intake.write("a.html")).pictures


def test_settings_versions_and_key_are_told(page, intake):
    assert page.row("jpeg_quality")[1] == "91"
    assert page.row("pydicom")[1]
    assert page.row("cineclr")[1]
    assert "abcdef012345" in intake.write()


def test_the_page_stands_alone_and_names_nothing(intake, page):
    text = intake.write()
    assert all(address.startswith("data:") for address in page.addresses)
    assert "<script" not in text
    assert str(intake.folder) not in text
    assert "DOE" not in text
    assert page.headings[0] == "Echocardiography: intake"


def test_what_is_shown_is_escaped(intake):
    counts = pd.read_parquet(intake.contents)
    original = intake.contents.read_bytes()
    counts.loc[counts["value"] == "butterfly", "value"] = "<script>alert(1)</script>"
    write_parquet(counts, intake.contents)
    try:
        assert "<script>" not in intake.write("escaped.html")
    finally:
        intake.contents.write_bytes(original)


def test_a_file_lost_between_the_stages_stops_the_report(intake):
    lost = pd.read_parquet(intake.manifests[0])
    original = intake.manifests[0].read_bytes()
    write_parquet(lost[1:], intake.manifests[0])
    try:
        with pytest.raises(ValueError, match="1 of them are missing"):
            intake.write("lost.html")
    finally:
        intake.manifests[0].write_bytes(original)
    assert not (intake.folder / "lost.html").exists()


def test_counts_of_another_scan_are_refused(intake, tmp_path):
    counts = pd.read_parquet(intake.contents)
    write_parquet(counts.assign(files=counts["files"] + 1), tmp_path / "contents.parquet")
    with pytest.raises(InputError, match="of another scan"):
        write_intake_report(
            "echo", tmp_path / "contents.parquet", intake.ledger, intake.manifests, intake.folders,
            Deidentify().model_dump_json(), 11, 0, tmp_path / "a.html",
        )  # fmt: skip


def test_a_wrong_setting_is_named(intake, tmp_path):
    with pytest.raises(InputError, match="jpeg_quality"):
        write_intake_report(
            "echo", intake.contents, intake.ledger, intake.manifests, intake.folders,
            json.dumps({"jpeg_quality": 5}), 11, 0, tmp_path / "a.html",
        )  # fmt: skip


def test_a_run_without_a_single_clip_has_a_page_too(tmp_path):
    scan = scan_table().assign(code=str(Code.NOT_DICOM))
    scan.loc[:, ["vendor", "model", "syntax", "frames", "frame_time_ms", "study", "video"]] = None
    write_parquet(scan, tmp_path / "part.parquet")
    write_parquet(scan[["file", "study", "video", "code"]], tmp_path / "scan.parquet")
    describe_scan([tmp_path / "part.parquet"], tmp_path / "scan.parquet", tmp_path / "contents.parquet")
    empty = {name: pd.Series(dtype="str") for name in ("file", "study", "video", "code", "path")}
    write_parquet(pd.DataFrame(empty), tmp_path / "shard_0.parquet")
    write_intake_report(
        "cmr", tmp_path / "contents.parquet", tmp_path / "scan.parquet", [tmp_path / "shard_0.parquet"],
        [tmp_path / "shard_0"], Studies().model_dump_json(), 11, 0, tmp_path / "report.html",
    )  # fmt: skip
    page = Page((tmp_path / "report.html").read_text())
    assert page.pictures == []
    assert page.row("not known")[2] == "46"


def test_classes_hold_every_number():
    numbers = pd.Series([1, 2, 9, 10, 250, pd.NA], dtype="Int64")
    found = classify(numbers, (1, 2, 10, 100)).fillna("not known").tolist()
    assert found == ["1", "2 to 9", "2 to 9", "10 to 99", "100 or more", "not known"]
