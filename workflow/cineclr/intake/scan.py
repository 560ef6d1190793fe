"""Scan: judge every listed file, and every file in an archive, by its header and pixel data on disk."""

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.errors import InputError
from cineclr.files import frame_of, write_parquet
from cineclr.intake.echo.videos import examine_video
from cineclr.intake.files.archives import ArchiveError, Member, is_archive, open_archive
from cineclr.intake.files.listing import locate
from cineclr.intake.files.members import Archive, Members, place_within
from cineclr.intake.files.memory import Memory, basis_of
from cineclr.intake.headers import Identity, pack_regions
from cineclr.intake.index import ORDER
from cineclr.intake.syntaxes import match_syntax
from cineclr.intake.triage import Finding, examine
from cineclr.ledger import Code, count_codes
from cineclr.private import CmrSources, PrivateSide, Pseudonymizer, Sources
from cineclr.progress import track

log = logging.getLogger(__name__)

# `source` is the listed file: the archive of a member, else the file itself. Size and time are those of it.
SCAN_COLUMNS = {
    **{"file": "str", "source": "str", "root": "int64", "path": "str", "size": "Int64", "mtime_ns": "Int64"},
    **{"member": "str", "member_at": "Int64", "member_bytes": "Int64", "member_sha256": "str"},
    **{"code": "str", "study": "str", "patient": "str"},
    **{"video": "str", "syntax": "str", "frames": "Int64", "rows": "Int64", "columns": "Int64"},
    **{"photometric": "str", "frame_time_ms": "Float64", "regions": "str", "year": "Int64", "vendor": "str"},
    **{"model": "str", "heart_rate": "Int64", "study_day": "Int64", "age": "Int64", "pixel_sha256": "str"},
}
BATCH = 5_000  # rows held as such; then they are packed
TOLD_EVERY = 10_000  # files of one archive, which is one step of the progress
# Finds out about a file: its path on disk, and its place below the root, as if archives were folders.
Judge = Callable[[Path, str], dict[str, object]]


def scan_dicom(private: Path, files: Path, shard: int, output: Path) -> None:
    """Judge the files of one shard: is each a clip that can be de-identified, and if not, why?

    Files that have not changed since an earlier scan are not read again. Where sources.yaml names `videos`,
    the files are AVI that have been de-identified before.
    """
    side = PrivateSide(private)
    sources, names = side.sources(), Pseudonymizer(side.key())

    def judge(path: Path, place: str) -> dict[str, object]:
        if sources.videos:
            return describe_finding(examine_video(path, place), names, sources)
        return describe_finding(examine(path, sources.link == "accession"), names, sources)

    memory = Memory(private / f"memory/echo_{shard}", basis_of(sources, names), SCAN_COLUMNS)
    with Members(sources, private / f"extracted_echo_scan_{shard}") as members:
        scan_shard(files, shard, Scanner(sources, names, members, judge), memory, output)


@dataclass(frozen=True)
class Scanner:
    """Judges listed files; `members` takes the members of archives while they are judged."""

    sources: Sources | CmrSources
    names: Pseudonymizer
    members: Members
    judge: Judge

    def scan(self, listed: Any) -> Iterator[dict[str, object]]:
        """Yield what is found of a row of files.parquet: one row, or one per member and what ends an archive.

        Raises InputError for a file that the disk or the rights do not let be read.
        """
        listed_as = {"source": listed.file, "size": listed.size, "mtime_ns": listed.mtime_ns}
        shared = listed_as | {"file": listed.file, "root": listed.root, "path": listed.path}
        try:
            for found in self._look(listed):
                yield shared | found
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise InputError(f"file {listed.file} cannot be read ({reason}); mend that, then go on") from None

    def _look(self, listed: Any) -> Iterator[dict[str, object]]:
        path, count = locate(self.sources, listed.root, listed.path), 0
        try:
            with open_archive(path) as archive:
                if archive is not None:
                    for count, member in enumerate(archive.members(), 1):
                        yield self._look_into(archive, member, listed, count)
                        if count % TOLD_EVERY == 0:
                            log.info("archive %s: %d files so far", listed.file, count)
        except ArchiveError as error:  # what could not be listed is accounted for as the archive itself
            yield {"code": str(error.code)}
            return
        if not count:
            yield self.judge(path, listed.path)

    def _look_into(self, archive: Archive, member: Member, listed: Any, number: int) -> dict[str, object]:
        file = self.names.pseudonym("file", f"{listed.file}/{number}/{member.name}")
        row: dict[str, object] = {"file": file, "member": member.name}
        if member.code is not None:
            return row | {"code": str(member.code)}
        try:
            with self.members.extracted(archive, member) as (path, sha256):
                row |= {"member_at": member.at, "member_bytes": member.size, "member_sha256": sha256}
                if is_archive(path):
                    return row | {"code": str(Code.NESTED_ARCHIVE)}
                return row | self.judge(path, place_within(listed.path, member.name))
        except ArchiveError as error:
            return row | {"code": str(error.code)}


def scan_shard(files: Path, shard: int, scanner: Scanner, memory: Memory, output: Path) -> None:
    """Publish what is found of the files of a shard, in the order of their paths."""
    listed_ns = files.stat().st_mtime_ns
    listed = pd.read_parquet(files, filters=[("shard", "==", shard)]).sort_values(["root", "path"])
    known = memory.recall(listed)
    fresh = listed[~listed["file"].isin(known["source"])]
    looked = track(fresh.itertuples(index=False), f"scan shard {shard}", len(fresh))
    rows = itertools.chain.from_iterable(map(scanner.scan, looked))
    batches = iter(lambda: list(itertools.islice(rows, BATCH)), [])
    found = [known, *(frame_of(batch, memory.columns) for batch in batches)]
    scanned = pd.concat(found).sort_values(ORDER, kind="stable", ignore_index=True)
    write_parquet(scanned, output, key_fingerprint=scanner.names.fingerprint())
    memory.keep(scanned, listed_ns)
    log.info(
        "scan shard %d: %d files, %d of which were known: %s",
        *(shard, len(scanned), len(known), count_codes(scanned["code"])),
    )


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
