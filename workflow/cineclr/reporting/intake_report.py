"""The intake report: one page on which a privacy officer and a data manager see what became of the files.

It is drawn from tables without identifiers; counts of files stand as they are, counts of studies as in all
that is published (`reporting.suppress`). The same inputs give the same page.
"""

import itertools
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import jinja2
import pandas as pd

from cineclr.cohort.flow import describe_flow, sort_into_buckets
from cineclr.config.base import Section, parse_settings
from cineclr.config.cmr import Studies
from cineclr.config.echo import Deidentify
from cineclr.errors import InputError
from cineclr.files import read_fact, read_parquet
from cineclr.ledger import MEANING, PASSED, Code, count_codes
from cineclr.publishing import publish
from cineclr.reporting.flow_chart import FlowChart
from cineclr.reporting.flow_chart import describe_flow as draw_flow
from cineclr.reporting.suppress import WITHHELD, withhold
from cineclr.reporting.thumbnails import draw_pictures

Wing = Literal["echo", "cmr"]
TEMPLATE = "intake_report.html"
TITLE: dict[Wing, str] = {"echo": "Echocardiography: intake", "cmr": "Cardiac MRI: intake"}
STAGES: dict[Wing, tuple[str, str]] = {"echo": ("scan", "deidentify"), "cmr": ("scan_cmr", "studies")}
UNIT: dict[Wing, str] = {"echo": "clip", "cmr": "image"}
SETTINGS: dict[Wing, type[Section]] = {"echo": Deidentify, "cmr": Studies}
STAGE_NAME = {
    "scan": "scan",
    "scan_cmr": "scan",
    "deidentify": "de-identification",
    "studies": "conversion",
}
# Kinds of counts in the table of `describe-scan` -> heading; of those marked, studies are counted too.
COUNTED = {
    "vendor": ("Vendors", True),
    "model": ("Models", True),
    "syntax": ("Compression (transfer syntax)", True),
    "frames": ("Frames per file", False),
    "rate": ("Frames per second", False),
}
KEPT = [*range(0, 101, 10)]  # per cent of the region inside the mask
# What decides about pixels; packages that are not installed are left out.
PACKAGES = (
    *("numpy", "opencv-python-headless", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg"),
    *("pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "av", "rapidocr", "onnxruntime"),
)


@dataclass(frozen=True)
class Bar:
    """A row of a table of counts; `share` is in per cent of the longest one, empty columns are not shown."""

    label: str
    files: str
    share: float
    passed: str = ""
    studies: str = ""


@dataclass(frozen=True)
class Bars:
    """A table of counts with its heading."""

    title: str
    rows: tuple[Bar, ...]


@dataclass(frozen=True)
class Reason:
    """Why files were set aside, and how many."""

    stage: str
    code: str
    meaning: str
    files: str


def write_intake_report(
    wing: Wing,
    contents: Path,
    ledger: Path,
    manifests: list[Path],
    folders: list[Path],
    settings: str,
    min_cell: int,
    seed: int,
    output: Path,
) -> None:
    """Write the page of one wing: flow, reasons, what the files were, masked thumbnails, settings, versions.

    `contents` is the table of describe-scan, `ledger` every file's code after the scan, `manifests` what
    became of those that passed it, `folders` what was made of them, `settings` the stage's, as JSON. Raises
    ValueError where a file got lost between the two stages, InputError where they are of different scans.
    """
    scanned, done = pd.read_parquet(ledger), read_parquet(manifests)
    counts = pd.read_parquet(contents)
    if counts.loc[counts["what"] == "vendor", "files"].sum() != len(scanned):
        raise InputError("the counts of describe-scan are of another scan; make them again")
    pictures = draw_pictures(wing, done, folders, seed)
    page = {
        "title": TITLE[wing],
        "chart": _draw_flow(wing, scanned, done, min_cell),
        "reasons": [*_reasons(STAGES[wing][0], scanned), *_reasons(STAGES[wing][1], done)],
        "counted": _count_contents(counts, min_cell),
        "kept": _count_kept(done) if "kept_fraction" in done else None,
        "pictures": pictures,
        "settings": _describe_settings(parse_settings(SETTINGS[wing], json.loads(settings))),
        "versions": _list_versions(manifests),
        "fingerprint": read_fact(ledger, "key_fingerprint"),
        "min_cell": min_cell,
    }
    with publish(output) as temporary:
        temporary.write_text(render(page))


def render(page: dict[str, Any]) -> str:
    """Return the page as HTML; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE).render(page)


def _draw_flow(wing: Wing, scanned: pd.DataFrame, done: pd.DataFrame, min_cell: int) -> FlowChart:
    stages = dict(zip(STAGES[wing], (scanned, done), strict=True))
    flow = describe_flow(stages, sort_into_buckets(stages))
    return draw_flow({**flow, "unit": UNIT[wing], "studies_by_split": {}, "videos": {}}, min_cell)


def _reasons(stage: str, table: pd.DataFrame) -> list[Reason]:
    """Return why a stage set files aside, in the order of the closed list."""
    counts = count_codes(table["code"])
    return [
        Reason(STAGE_NAME[stage], code, MEANING[Code(code)], f"{number:,}")
        for code, number in counts.items()
        if code != PASSED
    ]


def _count_contents(counts: pd.DataFrame, min_cell: int) -> list[Bars]:
    """Return a table of counts for each kind in the table of describe-scan."""
    tables = []
    for what, (title, with_studies) in COUNTED.items():
        rows = counts[counts["what"] == what]
        if rows.empty:
            continue
        hidden = withhold(rows["studies"].tolist(), min_cell)
        studies = [WITHHELD if row in hidden else f"{n:,}" for row, n in enumerate(rows["studies"])]
        shown = studies if with_studies else [""] * len(rows)
        labels, files, passed = (rows[name].tolist() for name in ("value", "files", "passed"))
        tables.append(_draw(title, labels, files, passed, shown))
    return tables


def _count_kept(done: pd.DataFrame) -> Bars:
    """Return how much of the ultrasound region the mask left, of all clips that were masked."""
    per_cent = done["kept_fraction"].dropna().astype("float64") * 100
    labels = [f"{low} to {high} %" for low, high in itertools.pairwise(KEPT)]
    classes = pd.cut(per_cent, [*KEPT[:-1], float("inf")], right=False, labels=labels)
    return _draw("Area kept by the mask", labels, classes.value_counts(sort=False).tolist())


def _draw(
    title: str,
    labels: Sequence[str],
    files: Sequence[int],
    passed: Sequence[int] = (),
    studies: Sequence[str] = (),
) -> Bars:
    longest = max([*files, 1])
    rows = [
        Bar(
            label,
            f"{number:,}",
            round(100 * number / longest, 1),
            f"{passed[row]:,}" if passed else "",
            studies[row] if studies else "",
        )
        for row, (label, number) in enumerate(zip(labels, files, strict=True))
    ]
    return Bars(title, tuple(rows))


def _describe_settings(settings: Section) -> list[tuple[str, str, str]]:
    """Return name, value and meaning of each setting."""
    fields = type(settings).model_fields
    values = settings.model_dump(mode="json")
    return [(name, json.dumps(values[name]), field.description or "") for name, field in fields.items()]


def _list_versions(manifests: list[Path]) -> list[tuple[str, str]]:
    """Return versions: of the package that made the files, and of what decodes and masks on this machine."""
    made = sorted({read_fact(path, "cineclr_version") for path in manifests})
    versions = [("cineclr", ", ".join(made)), ("Python", platform.python_version())]
    for name in PACKAGES:
        try:
            versions.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return versions
