"""Scan: list every file, judge each by its header and pixel data on disk, and index the clips that go on."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.errors import InputError
from cineclr.files import read_fact, read_parquet, write_parquet
from cineclr.intake.headers import Identity, pack_regions
from cineclr.intake.syntaxes import match_syntax
from cineclr.intake.triage import Finding, examine
from cineclr.intake.videos import examine_video
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer, Sources, shard_of
from cineclr.progress import track

log = logging.getLogger(__name__)

# Bytes of a file name that are no UTF-8 (in Python U+DC80 to U+DCFF), as characters that Parquet can hold.
_STORED = {0xDC00 + byte: 0xF700 + byte for byte in range(0x80, 0x100)}
_ON_DISK = {stored: raw for raw, stored in _STORED.items()}

FILE_COLUMNS = {
    **{"file": "str", "root": "int64", "path": "str", "size": "int64", "mtime_ns": "int64", "shard": "int64"}
}
SCAN_COLUMNS = {
    **{"file": "str", "root": "int64", "path": "str", "code": "str", "study": "str", "patient": "str"},
    **{"video": "str", "syntax": "str", "frames": "Int64", "rows": "Int64", "columns": "Int64"},
    **{"photometric": "str", "frame_time_ms": "Float64", "regions": "str", "year": "Int64", "vendor": "str"},
    **{"model": "str", "heart_rate": "Int64", "study_day": "Int64", "age": "Int64", "pixel_sha256": "str"},
}


def frame_of(rows: list[dict[str, object]], columns: dict[str, str]) -> pd.DataFrame:
    """Return rows as a data frame with exactly these columns and types, also when there are none."""
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def list_files(private: Path, shards: int, output: Path, wing: Literal["echo", "cmr"] = "echo") -> None:
    """List every file in a wing's folders in sources.yaml, whatever its name or extension."""
    side = PrivateSide(private)
    names = Pseudonymizer(side.key())
    sources: Sources | CmrSources = side.cmr_sources() if wing == "cmr" else side.sources()
    roots = sources.roots
    _refuse_nested(roots)
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for root, folder in enumerate(roots):
        if not folder.is_dir():
            raise InputError(
                f"sources.yaml: folder {root + 1} of the files does not exist; mend the path or mount it"
            )
        for path in _walk(folder, root):
            status = path.stat()
            relative = place_of(path, folder)
            identifier = f"{root}/{relative}"
            while (file := names.pseudonym("file", identifier)) in seen:
                identifier += "#"  # paths that differ in case only are different files
            seen.add(file)
            rows.append(
                {"file": file, "root": root, "path": relative, "size": status.st_size}
                | {"mtime_ns": status.st_mtime_ns, "shard": shard_of(file, shards)}
            )
    if not rows:
        raise InputError("sources.yaml: the folders hold no file; mend the paths")
    table = frame_of(rows, FILE_COLUMNS)
    write_parquet(table, output)
    log.info("%d files, %.1f GB, for %d scan jobs", len(table), table["size"].sum() / 1e9, shards)


def _refuse_nested(roots: list[Path]) -> None:
    """Raise InputError if a folder is, or lies in, another one: its files would count twice."""
    places = [root.resolve() for root in roots]
    for number, place in enumerate(places, 1):
        if any(place.is_relative_to(other) for k, other in enumerate(places, 1) if k != number):
            raise InputError(
                f"sources.yaml: folder {number} of dicom is, or lies in, another of the list, and its files "
                "would count twice; remove it"
            )


def _walk(folder: Path, root: int) -> Iterator[Path]:
    """Yield the regular files of a folder at any depth, in a fixed order."""

    def refuse(error: OSError) -> None:
        raise InputError(
            f"sources.yaml: folder {root + 1} of the files holds a folder that cannot be read "
            f"({os.strerror(error.errno or 0)}); give the right to read it, or move it away"
        )

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            if path.is_file():
                yield path


def scan_dicom(private: Path, files: Path, shard: int, output: Path) -> None:
    """Judge the files of one shard: is each a clip that can be de-identified, and if not, why?

    Where sources.yaml names `videos`, the files are AVI that have been de-identified before.
    """
    side = PrivateSide(private)
    sources, names = side.sources(), Pseudonymizer(side.key())

    def judge(path: Path) -> dict[str, object]:
        if sources.videos:
            return describe_finding(examine_video(path, place_of(path, sources.videos)), names, sources)
        return describe_finding(examine(path, sources.link == "accession"), names, sources)

    scanned = frame_of(scan_files(files, shard, sources, judge), SCAN_COLUMNS)
    write_parquet(scanned, output, key_fingerprint=names.fingerprint())
    log.info("scan shard %d: %d files: %s", shard, len(scanned), count_codes(scanned["code"]))


def scan_files(
    files: Path, shard: int, sources: Sources | CmrSources, judge: Callable[[Path], dict[str, object]]
) -> list[dict[str, object]]:
    """Return file, root, path and what `judge` finds, of every file of a shard, in the order of their paths.

    Raises InputError for a file that the disk or the rights do not let be read.
    """
    table = pd.read_parquet(files)
    table = table[table["shard"] == shard].sort_values(["root", "path"])
    rows = []
    listed = zip(table["file"], table["root"], table["path"], strict=True)
    for file, root, path in track(listed, f"scan shard {shard}", len(table)):
        try:
            found = judge(locate(sources, root, path))
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise InputError(f"file {file} cannot be read ({reason}); mend that, then go on") from None
        rows.append({"file": file, "root": root, "path": path} | found)
    return rows


def locate(sources: Sources | CmrSources, root: int, path: str) -> Path:
    """Return where a file of the index lies; the private side only."""
    return sources.roots[root] / path.translate(_ON_DISK)


def place_of(path: Path, folder: Path) -> str:
    """Return where a file lies below a folder, as the index holds it."""
    return str(path.relative_to(folder)).translate(_STORED)


def describe_finding(
    finding: Finding, names: Pseudonymizer, sources: Sources | CmrSources
) -> dict[str, object]:
    """Return a finding's columns: code, pseudonyms and the allow-listed part of the header."""
    syntax = match_syntax(finding.syntax) if finding.syntax else None
    row: dict[str, object] = {"code": str(finding.code), "syntax": syntax}
    row |= {"pixel_sha256": finding.pixel_sha256 or None}
    if finding.identity:
        row |= pseudonyms_of(finding.identity, names, sources)
    if finding.header:
        header = vars(finding.header) | {"regions": pack_regions(finding.header.regions)}
        row |= {name: value for name, value in header.items() if name in SCAN_COLUMNS}
    return row


def pseudonyms_of(
    identity: Identity, names: Pseudonymizer, sources: Sources | CmrSources
) -> dict[str, object]:
    """Return pseudonyms of study, patient and video; None for an identifier that is absent."""
    study, study_issuer = identity.study, ""
    if sources.link == "accession":
        study, study_issuer = identity.accession, identity.accession_issuer or sources.issuer
    issuer = identity.patient_issuer or sources.issuer
    return {
        "study": names.pseudonym("study", study, study_issuer) if study else None,
        "patient": names.pseudonym("patient", identity.patient, issuer) if identity.patient else None,
        "video": names.pseudonym("video", identity.video) if identity.video else None,
    }


def index_studies(private: Path, scan: list[Path], output: list[Path], ledger: Path) -> None:
    """Gather the scan: set duplicates and withdrawn patients aside, index the clips that passed.

    `output` is a file for each study shard; `ledger` accounts for every file. Copies of a withdrawn patient's
    pixels are withdrawn too, whoever they claim to be of.
    """
    table, key = gather_scan(scan, private / "files.parquet")
    for column in ("pixel_sha256", "video"):  # a copy, then the same object stored a second time
        passed = table["code"] == PASSED
        again = table.loc[passed, column].duplicated()
        table.loc[again.index[again], "code"] = str(Code.DUPLICATE_PIXELS)
    withdrawn = find_withdrawn(PrivateSide(private), "echo").rows(table)
    copied = table["pixel_sha256"].isin(table.loc[withdrawn, "pixel_sha256"].dropna())
    table.loc[(table["code"] == PASSED) & (withdrawn | copied), "code"] = str(Code.WITHDRAWN)
    index = count_days(index_shards(table, len(output)))
    write_shards(index, output, key)
    write_ledger(table[["file", "study", "video", "code"]], ledger, key)
    log.info("%d files: %s", len(table), count_codes(table["code"]))
    log.info("%d clips of %d studies go on", len(index), index["study"].nunique())


def index_shards(table: pd.DataFrame, shards: int) -> pd.DataFrame:
    """Return the files of a scan that passed, with the study shard of each."""
    index = table[table["code"] == PASSED].reset_index(drop=True)
    index["study_shard"] = np.array([shard_of(study, shards) for study in index["study"]], dtype=np.int64)
    return index


def count_days(index: pd.DataFrame) -> pd.DataFrame:
    """Return the index with `days_since_first`, since the patient's first study in it, in place of the date.

    It is missing where the date is, or the patient.
    """
    first = index.groupby("patient")["study_day"].transform("min")
    return index.drop(columns="study_day").assign(days_since_first=index["study_day"] - first)


def write_shards(table: pd.DataFrame, paths: list[Path], key: str) -> None:
    """Publish the rows of each study shard as a file of its own.

    A shard whose rows are as they were has the same bytes as before, by which Snakemake knows that nothing
    has to be made of it again.
    """
    for shard, path in enumerate(paths):
        write_parquet(table[table["study_shard"] == shard], path, key_fingerprint=key)


def gather_scan(scan: list[Path], files: Path) -> tuple[pd.DataFrame, str]:
    """Return the scanned files of all shards in the order of their paths, and the key's fingerprint.

    Raises InputError unless every listed file was scanned once, all under one key.
    """
    table = read_parquet(scan).sort_values(["root", "path"], ignore_index=True)
    listed = pd.read_parquet(files, columns=["file"])
    if set(listed["file"]) != set(table["file"]) or table["file"].duplicated().any():
        raise InputError(
            f"the scan holds {len(table)} files, but {len(listed)} are listed; scan all shards again"
        )
    keys = {read_fact(path, "key_fingerprint") for path in scan}
    if len(keys) != 1:
        raise InputError("the shards were scanned under different keys; restore the key and scan all again")
    return table, keys.pop()


def write_ledger(accounts: pd.DataFrame, path: Path, key: str) -> None:
    """Publish file, study, video and code of every file; open to others, being pseudonyms and codes only."""
    write_parquet(accounts.sort_values("file", ignore_index=True), path, key_fingerprint=key)
    path.chmod(0o644)
