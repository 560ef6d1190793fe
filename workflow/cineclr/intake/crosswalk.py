"""The crosswalk: which study, patient and video a pseudonym stands for; made on request, encrypted only.

No table of a run holds an original identifier, so they are read again from the files' headers. They go from
memory into an age file (age-encryption.org/v1), which any `age` program opens; nothing is written in clear.
"""

import getpass
import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyrage

from cineclr.errors import InputError
from cineclr.files import read_parquet
from cineclr.intake.echo.videos import examine_video
from cineclr.intake.files.members import Members, Place
from cineclr.intake.headers import IDENTITY_KEYWORDS, read_identity
from cineclr.intake.index import ORDER
from cineclr.intake.scan import pseudonyms_of
from cineclr.intake.triage import Finding, open_quietly, read_dataset
from cineclr.intake.values import text_of
from cineclr.ledger import PASSED, Code
from cineclr.private import PrivateSide, Pseudonymizer, write_private
from cineclr.progress import track
from cineclr.sources import CmrSources, Sources

log = logging.getLogger(__name__)

LEAST_PASSPHRASE = 12  # characters
AGE_HEADER = b"age-encryption.org/v1\n"
# `object_uid`: SOPInstanceUID of an echo video, SeriesInstanceUID of an MRI cine; of an AVI that came
# de-identified, its path below its folder.
COLUMNS = [
    *("wing", "study", "patient", "video"),
    *("study_uid", "accession", "accession_issuer", "patient_id", "patient_issuer", "object_uid"),
]
Seal = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Found(Finding):
    """The identifiers in one file's header; `series` is the SeriesInstanceUID."""

    series: str = ""


def export_crosswalk(
    private: Path,
    output: Path,
    recipients: list[str] | None = None,
    passphrase_file: Path | None = None,
) -> None:
    """Write original identifiers beside their pseudonyms, as an encrypted CSV that `age --decrypt` opens.

    Encrypted to --recipients (public keys: age1… or ssh-ed25519 …), or by a passphrase: the first line of
    --passphrase-file, which only you may read, or asked for on the terminal. The output may lie anywhere but
    below a folder named results. Needs a finished scan; a file that has changed since is an error.
    """
    _refuse_results(output)
    if recipients and passphrase_file:
        raise InputError("give --recipients or --passphrase-file, not both")
    seal = _seal_to(recipients) if recipients else _seal_by(_read_passphrase(passphrase_file))
    rows = sorted(set(_identify(PrivateSide(private))))
    if not rows:
        raise InputError("no scanned file has identifiers; run `snakemake intake` first")
    text = StringIO()
    pd.DataFrame(rows, columns=COLUMNS).to_csv(text, index=False, lineterminator="\n")
    sealed = seal(text.getvalue().encode())
    if not sealed.startswith(AGE_HEADER):
        raise ValueError("the crosswalk was not encrypted; nothing is written")
    write_private(output, sealed)
    log.info("%d rows, encrypted. To read them: age --decrypt -o crosswalk.csv FILE", len(rows))


def _refuse_results(output: Path) -> None:
    if "results" in output.absolute().parts or "results" in output.resolve().parts:
        raise InputError(
            "--output: the crosswalk may not lie below a folder named results; choose another place"
        )


def _seal_to(recipients: list[str]) -> Seal:
    keys = [_parse_recipient(number, text) for number, text in enumerate(recipients, 1)]
    return lambda data: pyrage.encrypt(data, keys)


def _parse_recipient(number: int, text: str) -> "pyrage.x25519.Recipient | pyrage.ssh.Recipient":
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise InputError(
            f"--recipients: number {number} is no public key of age (age1…) or SSH (ssh-ed25519 …, ssh-rsa …)"
        ) from None


def _seal_by(passphrase: str) -> Seal:
    if len(passphrase) < LEAST_PASSPHRASE:
        raise InputError(f"the passphrase has fewer than {LEAST_PASSPHRASE} characters; choose a longer one")
    return lambda data: pyrage.passphrase.encrypt(data, passphrase)


def _read_passphrase(path: Path | None) -> str:
    """Return the first line of a file that nobody else may read, or what is typed twice on the terminal."""
    if path is None:
        typed = getpass.getpass("Passphrase for the crosswalk: ")
        if getpass.getpass("The same again: ") != typed:
            raise InputError("the two passphrases differ; try again")
        return typed
    if not path.is_file():
        raise InputError("--passphrase-file: no such file")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError("--passphrase-file: others can read it; run chmod 600 on it")
    return next(iter(path.read_text().splitlines()), "").strip()


def _identify(side: PrivateSide) -> Iterator[tuple[str, ...]]:
    """Yield a row of COLUMNS for each scanned file that has identifiers, of both wings."""
    names, sources = Pseudonymizer(side.key()), side.sources()
    for wing, part, folder in (("echo", sources, "scan"), ("cmr", sources.cmr, "cmr/scan")):
        scanned = sorted((side.root / folder).glob("shard_*.parquet"))
        if part is None or not scanned or (isinstance(part, CmrSources) and part.hdf5):
            continue  # HDF5 files of the user's own came with pseudonyms
        table = read_parquet(scanned).dropna(subset="study").sort_values(ORDER)
        with Members(part, side.root / f"extracted_crosswalk_{wing}") as members:
            for row in track(table.to_dict("records"), f"crosswalk {wing}", len(table)):
                yield (wing, *_describe(row, part, names, members))


def _describe(
    row: dict, sources: Sources | CmrSources, names: Pseudonymizer, members: Members
) -> tuple[str, ...]:
    """Return a file's pseudonyms and identifiers; raise InputError where they no longer belong together."""
    found = _read(row, sources, members)
    identity, same = found.identity, ("study", "patient", "video")
    known = {name: row[name] if isinstance(row[name], str) else None for name in same}
    if identity is None or pseudonyms_of(identity, names, sources) != known:
        raise InputError(
            f"file {row['file']} has changed since it was scanned, or the key has; run `snakemake intake`, "
            "then ask for the crosswalk again"
        )
    is_cine = isinstance(sources, CmrSources)
    known["video"] = row["cine"] if is_cine else row["video"]
    shown = [value if isinstance(value, str) else "" for value in known.values()]
    accession = (identity.accession, identity.accession_issuer)
    patient = (identity.patient, identity.patient_issuer)
    return (*shown, identity.study, *accession, *patient, found.series if is_cine else identity.video)


def _read(row: dict, sources: Sources | CmrSources, members: Members) -> Found:
    """Return the identifiers of a scanned file; raise InputError where the disk does not let it be read."""
    place = Place.of(row)
    try:
        with members.on_disk([place]) as (path,):
            if isinstance(sources, Sources) and sources.videos:
                return Found(PASSED, examine_video(path, place.below_root).identity)
            found = open_quietly(path, _read_header)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InputError(f"file {row['file']} cannot be read ({reason}); mend that, then try again") from None
    return found if isinstance(found, Found) else Found(found.code)


def _read_header(file: BinaryIO) -> Finding:
    dataset = read_dataset(file, (*IDENTITY_KEYWORDS, "SeriesInstanceUID"))
    if isinstance(dataset, Code):
        return Finding(dataset)
    return Found(PASSED, read_identity(dataset), series=text_of(dataset, "SeriesInstanceUID"))
