"""The private side of a run: the pseudonym key, where the data lie, all that may name a patient."""

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from cineclr.config.base import Section, parse_settings
from cineclr.errors import InputError
from cineclr.files import publish

Kind = Literal["patient", "study", "video", "file", "cine"]
Options = dict[str, list[Path] | Path | None]  # of the command line: folders, and a folder or file
KEY_BYTES = 32
FOLDERS = ("--videos", "--cmr-hdf5")


def _with_text_keys(values: Any) -> Any:
    """Let numbers stand without quotes; YAML has already turned a bare yes or no into a truth value."""
    if not isinstance(values, dict) or not all(isinstance(column, dict) for column in values.values()):
        return values
    if any(isinstance(key, bool) for column in values.values() for key in column):
        raise ValueError("put yes, no, true, false, on and off in quotes")
    return {name: {str(key): ours for key, ours in column.items()} for name, column in values.items()}


class SheetColumns(Section):
    """Names of the sheet's columns, where they differ from ours."""

    study_id: str = "study_id"
    patient_id: str = "patient_id"
    study_date: str = "study_date"
    sex: str = "sex"
    age: str = "age"
    as_severity: str = "as_severity"
    low_flow_low_gradient: str = "low_flow_low_gradient"
    lv_mass_index: str = "lv_mass_index"


class Weights(Section):
    """Weight files of the user's own, each with the SHA-256 that the file must have."""

    view_classifier: Path | None = None
    view_classifier_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    kinetics400: Path | None = None
    kinetics400_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class CmrColumns(Section):
    """Names of the MRI sheet's columns, where they differ from ours."""

    study_id: str = "study_id"
    patient_id: str = "patient_id"
    study_date: str = "study_date"
    sex: str = "sex"
    age: str = "age"
    cohort: str = "cohort"
    lvef: str = "lvef"


class ReportColumns(Section):
    """Names of the report file's columns, where they differ from ours."""

    study_id: str = "study_id"
    report: str = "report"


class CmrWeights(Section):
    """Models of the user's own: files with the SHA-256 that they must have, and folders."""

    kinetics400: Path | None = None
    kinetics400_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    published: Path | None = None
    published_sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    text_encoder: Path | None = Field(None, description="folder of a BERT as transformers saves it")
    splitter: Path | None = Field(None, description="folder of stanza's resources with an English tokenizer")
    language_model: Path | None = Field(None, description="folder of a causal model that labels reports")


class CmrSources(Section):
    """The MRI part of `sources.yaml`."""

    dicom: list[Path] = Field([], description="folders that hold the DICOM files, at any depth")
    hdf5: Path | None = Field(None, description="instead of dicom: folder of HDF5 files of our schema")
    sheet: Path = Field(description="CSV or Excel file with one row per study")
    reports: Path = Field(description="CSV or Excel file with a report per study")
    splits: Path | None = Field(None, description="CSV `study_id,split`, taken instead of drawing")
    link: Literal["study_uid", "accession", "pseudonym"] = Field(
        "study_uid", description="what study_id holds; a pseudonym is that of the HDF5 file"
    )
    issuer: str = Field(
        "local", description="who issued patient and accession numbers, where headers do not say"
    )
    columns: CmrColumns = CmrColumns()
    report_columns: ReportColumns = ReportColumns()
    further: list[str] = Field(
        [], description="further columns for the cohort's table; none of them may identify a patient"
    )
    values: dict[str, dict[str, str | int]] = Field(
        {}, description="our column -> {value in the sheet: our value}"
    )
    labels: Path | None = Field(
        None,
        description="CSV `study_id` and a column per diagnosis: 1, 0 or empty (text.labels.source: sheet)",
    )
    series_views: Path | None = Field(
        None, description="CSV `series_description,view`: names that the rules do not map, or map wrongly"
    )
    weights: CmrWeights = CmrWeights()

    @property
    def roots(self) -> list[Path]:
        """Return the folders of the MRI files."""
        return [self.hdf5] if self.hdf5 else self.dicom

    @model_validator(mode="after")
    def _files_are_of_one_kind(self) -> Self:
        if bool(self.dicom) == bool(self.hdf5):
            raise ValueError("name the MRI files: dicom, or hdf5 instead of it")
        return self

    _keys_are_text = field_validator("values", mode="before")(_with_text_keys)


class Sources(Section):
    """`sources.yaml`: where the data lie and how the sheet is to be read."""

    dicom: list[Path] = Field([], description="folders that hold the echo DICOM files, at any depth")
    videos: Path | None = Field(
        None, description="instead of dicom: folder of de-identified videos, <study_id>/<any name>.avi"
    )
    sheet: Path | None = Field(None, description="CSV or Excel file with one row per echo study")
    splits: Path | None = Field(None, description="CSV `study_id,split`, taken instead of drawing")
    link: Literal["study_uid", "accession"] = Field("study_uid", description="what study_id holds")
    issuer: str = Field(
        "local", description="who issued patient and accession numbers, where headers do not say"
    )
    columns: SheetColumns = SheetColumns()
    further: list[str] = Field(
        [], description="further columns for Table 1; none of them may identify a patient"
    )
    values: dict[str, dict[str, str | int]] = Field(
        {}, description="our column -> {value in the sheet: our value}"
    )
    view_labels: Path | None = Field(
        None, description="CSV `video_id,view` (SOPInstanceUID) to train a view classifier"
    )
    weights: Weights = Weights()
    withdrawn: Path | None = Field(
        None, description="CSV with a column `patient_id`: nothing of these patients is used, in both papers"
    )

    cmr: CmrSources | None = Field(None, description="cardiac MRI, the second paper")

    _keys_are_text = field_validator("values", mode="before")(_with_text_keys)

    @model_validator(mode="after")
    def _something_is_there(self) -> Self:
        if self.dicom and self.videos:
            raise ValueError("names dicom and videos; the echo files are one or the other")
        if bool(self.roots) != bool(self.sheet):
            raise ValueError("dicom and sheet belong together (or videos and sheet): name both, or neither")
        if not self.roots and self.cmr is None:
            raise ValueError("names no data: dicom and sheet for echo, or a section cmr for cardiac MRI")
        return self

    @property
    def roots(self) -> list[Path]:
        """Return the folders of the echo files."""
        return [self.videos] if self.videos else self.dicom

    @property
    def echo_sheet(self) -> Path:
        """Return the echo sheet; raise InputError if the sources name no echo data."""
        if self.sheet is None:
            raise InputError("sources.yaml: dicom and sheet are missing; name them to run the echo stages")
        return self.sheet


@dataclass(frozen=True)
class PrivateSide:
    """The folder `private/<run>`; every path in it has a fixed name."""

    root: Path

    def sources(self) -> Sources:
        """Read `sources.yaml`; raise InputError that names the key at fault."""
        path = self.root / "sources.yaml"
        if not path.is_file():
            raise InputError(
                f"{path}: missing; make it: cineclr init --private {self.root} --dicom FOLDER --sheet FILE"
            )
        try:
            values = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            raise InputError(f"{path}{line}: not valid YAML") from None
        return parse_settings(Sources, values, where="sources.yaml: ", quote=False)

    def cmr_sources(self) -> CmrSources:
        """Return the MRI part of the sources; raise InputError if there is none."""
        sources = self.sources()
        if sources.cmr is None:
            raise InputError(
                "sources.yaml: cmr: missing; name dicom, sheet and reports of the MRI studies there"
            )
        return sources.cmr

    def key(self) -> bytes:
        """Read the pseudonym key; refuse one that is damaged or that others can read."""
        path = self.root / "key"
        if not path.is_file():
            raise InputError(
                f"{path}: pseudonym key missing. Make it with `cineclr init`, or put the run's old key there"
            )
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"{path}: others can read the pseudonym key. Run: chmod 600 {path}")
        try:
            key = bytes.fromhex(path.read_text().strip())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise InputError(
                f"{path}: not a key of {KEY_BYTES} bytes in hexadecimal; restore it from your backup"
            )
        return key


@dataclass(frozen=True)
class Pseudonymizer:
    """Turns identifiers into pseudonyms: HMAC-SHA256 of (kind, issuer, identifier) under the key."""

    key: bytes

    def pseudonym(self, kind: Kind, identifier: str, issuer: str = "") -> str:
        """Return a letter for the kind and 16 hexadecimal digits; case and outer space do not matter."""
        message = "\0".join((kind, issuer.strip().upper(), identifier.strip().upper()))
        return kind[0].upper() + hmac.digest(self.key, message.encode(), "sha256").hex()[:16]

    def study(self, study_id: str, sources: Sources | CmrSources) -> str:
        """Return the pseudonym of a study_id of the user's sheets, which may be one already."""
        if sources.link == "pseudonym":
            return study_id
        return self.pseudonym("study", study_id, "" if sources.link == "study_uid" else sources.issuer)

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that tell two keys apart and reveal neither."""
        return hashlib.sha256(b"fingerprint" + self.key).hexdigest()[:12]


def shard_of(pseudonym: str, shards: int) -> int:
    """Return the shard, 0 to shards - 1, to which a pseudonym belongs."""
    return int(pseudonym[1:], 16) % shards


def make_private_folder(root: Path) -> None:
    """Make the folder of the private side, readable by its owner only."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)


def write_private(path: Path, content: str | bytes) -> None:
    """Publish a file that only its owner may read."""
    with publish(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)


def init(
    private: Path,
    dicom: list[Path] | None = None,
    sheet: Path | None = None,
    cmr_dicom: list[Path] | None = None,
    cmr_sheet: Path | None = None,
    cmr_reports: Path | None = None,
    link: Literal["study_uid", "accession"] = "study_uid",
    videos: Path | None = None,
    cmr_hdf5: Path | None = None,
) -> None:
    """Make the private side of a run: a new pseudonym key, and sources.yaml that says where the data lie.

    Echo needs --dicom, or --videos for a folder of de-identified AVI files, and --sheet; cardiac MRI needs
    --cmr-dicom, or --cmr-hdf5 for a folder of our HDF5 files, --cmr-sheet and --cmr-reports; give either or
    both. An existing key is kept (a new key means new pseudonyms and a new split); an existing sources.yaml
    is not overwritten.
    """
    if (dicom and videos) or (cmr_dicom and cmr_hdf5):
        raise InputError("give --dicom or --videos, not both, and --cmr-dicom or --cmr-hdf5")
    echo = _describe_wing({**_one_of("--videos", videos, "--dicom", dicom), "--sheet": sheet}, link)
    images = _one_of("--cmr-hdf5", cmr_hdf5, "--cmr-dicom", cmr_dicom)
    cmr = _describe_wing({**images, "--cmr-sheet": cmr_sheet, "--cmr-reports": cmr_reports}, link)
    if not echo and not cmr:
        raise InputError("give --dicom and --sheet, or --cmr-dicom, --cmr-sheet and --cmr-reports")
    if (private / "sources.yaml").exists():
        raise InputError(f"{private / 'sources.yaml'} exists already; edit it, or move it away first")
    if (private / "truth").exists():
        raise InputError(f"{private} holds a demo, whose key is no secret; choose another run name")
    make_private_folder(private)
    if not (private / "key").exists():
        write_private(private / "key", secrets.token_hex(KEY_BYTES) + "\n")
    sources = {**echo, **({"cmr": cmr} if cmr else {})}
    write_private(private / "sources.yaml", yaml.safe_dump(sources, sort_keys=False))
    print(f"{private}: key and sources.yaml are ready. Back up the key in a safe place. Next: cineclr check")


def _one_of(option: str, folder: Path | None, other: str, folders: list[Path] | None) -> Options:
    """Return the option by which the files are named."""
    return {option: folder} if folder else {other: folders}


def _describe_wing(options: Options, link: str) -> dict[str, Any]:
    """Return one wing's part of sources.yaml; empty where none of its options is given."""
    if not any(options.values()):
        return {}
    part: dict[str, Any] = {}
    for option, value in options.items():
        if not value:
            raise InputError(f"{option} is missing; {', '.join(options)} belong together")
        name = option.removeprefix("--").removeprefix("cmr-")
        is_folder = isinstance(value, list) or option in FOLDERS
        for path in value if isinstance(value, list) else [value]:
            if not (path.is_dir() if is_folder else path.is_file()):
                raise InputError(f"{option}: no such {'folder' if is_folder else 'file'}: {path}")
        part[name] = (
            [str(path.resolve()) for path in value] if isinstance(value, list) else str(value.resolve())
        )
    return {**part, "link": link}
