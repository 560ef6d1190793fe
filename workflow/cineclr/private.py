"""The private side of a run: the pseudonym key, where the data lie, all that may name a patient."""

import hashlib
import hmac
import os
import secrets
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from cineclr.config.base import parse_settings
from cineclr.errors import InputError
from cineclr.publishing import publish
from cineclr.sources import CmrSources, Sources

Kind = Literal["patient", "study", "video", "file", "cine"]
Options = dict[str, list[Path] | Path | None]  # of the command line: folders, and a folder or file
KEY_BYTES = 32
FOLDERS = ("--videos", "--cmr-hdf5")


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
        parts = (part.strip().upper().replace("\0", "\ufffd") for part in (issuer, identifier))
        message = "\0".join((kind, *parts))
        return kind[0].upper() + hmac.digest(self.key, message.encode(), "sha256").hex()[:16]

    def study(self, study_id: str, sources: Sources | CmrSources) -> str:
        """Return the pseudonym of a study_id of the user's sheets, which may be one already."""
        if sources.link == "pseudonym":
            return study_id
        return self.pseudonym("study", study_id, "" if sources.link == "study_uid" else sources.issuer)

    def uid(self, kind: str, pseudonym: str) -> str:
        """Return a DICOM UID for a pseudonym: a UUID drawn by the key, under the root 2.25 (PS3.5 B.2).

        Its bits are as random as those of a version 4 UUID to anyone without the key.
        """
        drawn = hmac.digest(self.key, "\0".join(("uid", kind, pseudonym)).encode(), "sha256")
        return f"2.25.{uuid.UUID(bytes=drawn[:16], version=4).int}"

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
    both. `link` says what the sheets' study_id holds; with HDF5 files it is their pseudonym. An existing key
    is kept (a new key means new pseudonyms and a new split); an existing sources.yaml is not overwritten.
    """
    if (dicom and videos) or (cmr_dicom and cmr_hdf5):
        raise InputError("give --dicom or --videos, not both, and --cmr-dicom or --cmr-hdf5")
    echo = _describe_wing({**_one_of("--videos", videos, "--dicom", dicom), "--sheet": sheet}, link)
    images = _one_of("--cmr-hdf5", cmr_hdf5, "--cmr-dicom", cmr_dicom)
    cmr_link = "pseudonym" if cmr_hdf5 else link
    cmr = _describe_wing({**images, "--cmr-sheet": cmr_sheet, "--cmr-reports": cmr_reports}, cmr_link)
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
