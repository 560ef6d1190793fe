"""The index: what the scan's shards found, gathered; copies set aside, every file accounted for."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset

from cineclr.cohort.withdrawn import find_withdrawn
from cineclr.errors import InputError
from cineclr.files import read_fact, write_parquet
from cineclr.intake.syntaxes import warn_undecodable
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import PrivateSide, shard_of

log = logging.getLogger(__name__)

# Of millions of files only these columns are held at a time.
GATHERED = [
    *(
        "file",
        "source",
        "root",
        "path",
        "member_at",
        "code",
        "study",
        "patient",
        "video",
        "pixel_sha256",
        "syntax",
    ),
]
ORDER = ["root", "path", "member_at"]
# What the scan says of a file that may change while what is in it does not.
ONLY_SCAN = ["source", "size", "mtime_ns"]
AT_ONCE = 8  # study shards held at a time: the scan is read once for so many


def index_studies(private: Path, scan: list[Path], output: list[Path], ledger: Path) -> None:
    """Gather the scan: set duplicates and withdrawn patients aside, index the clips that passed.

    `output` is a file for each study shard; `ledger` accounts for every file. Copies of a withdrawn patient's
    pixels are withdrawn too, whoever they claim to be of.
    """
    table, key = gather_scan(scan, private / "files.parquet", ("study_day",))
    set_copies_aside(table, ["pixel_sha256"])
    set_copies_aside(table, ["video"])  # the same object, stored a second time
    withdrawn = find_withdrawn(PrivateSide(private), "echo").rows(table)
    copied = table["pixel_sha256"].isin(table.loc[withdrawn, "pixel_sha256"].dropna())
    table.loc[(table["code"] == PASSED) & (withdrawn | copied), "code"] = str(Code.WITHDRAWN)
    first_days = table[table["code"] == PASSED].groupby("patient")["study_day"].min()
    for index, path in zip(read_shards(scan, table, len(output)), output, strict=True):
        write_parquet(count_days(index, first_days), path, key_fingerprint=key)
    write_ledger(table[["file", "study", "video", "code"]], ledger, key)
    warn_undecodable(table)
    log.info("%d files: %s", len(table), count_codes(table["code"]))
    passed = table.loc[table["code"] == PASSED, "study"]
    log.info("%d clips of %d studies go on", len(passed), passed.nunique())


def gather_scan(scan: list[Path], files: Path, further: tuple[str, ...] = ()) -> tuple[pd.DataFrame, str]:
    """Return the columns `GATHERED` and `further` of all shards, by path, and the key's fingerprint.

    Raises InputError unless every listed file was scanned once, all under one key.
    """
    columns = [*GATHERED, *further]
    table = pd.concat([pd.read_parquet(path, columns=columns) for path in scan], ignore_index=True)
    table = table.sort_values(ORDER, kind="stable", ignore_index=True)
    listed = pd.read_parquet(files, columns=["file"])["file"]
    same = listed.isin(table["source"]).all() and table["source"].isin(listed).all()
    if not same or table["file"].duplicated().any():
        raise InputError(
            f"the scan holds {table['source'].nunique()} files, but {len(listed)} are listed; "
            "scan all shards again"
        )
    keys = {read_fact(path, "key_fingerprint") for path in scan}
    if len(keys) != 1:
        raise InputError("the shards were scanned under different keys; restore the key and scan all again")
    return table, keys.pop()


def set_copies_aside(table: pd.DataFrame, columns: list[str]) -> None:
    """Give all files that passed and agree in `columns`, but the first of them, the code of a duplicate."""
    passed = table["code"] == PASSED
    again = table.loc[passed, columns].duplicated()
    table.loc[again.index[again], "code"] = str(Code.DUPLICATE_PIXELS)


def read_shards(scan: list[Path], table: pd.DataFrame, shards: int) -> Iterator[pd.DataFrame]:
    """Yield, study shard by study shard, all that the scan found of the files that passed.

    A shard whose rows are as they were has the same rows as before in the same order, whatever was added
    elsewhere.
    """
    passed = table.loc[table["code"] == PASSED, ["file", "study"]]
    shard_by_study = {study: shard_of(study, shards) for study in passed["study"].unique()}
    places = passed["study"].map(shard_by_study).to_numpy(np.int64)
    scanned = pyarrow.dataset.dataset([str(path) for path in scan], format="parquet")
    for first in range(0, shards, AT_ONCE):
        files = passed.loc[(places >= first) & (places < first + AT_ONCE), "file"]
        wanted = pc.field("file").isin(pyarrow.array(files))
        rows = scanned.to_table(filter=wanted).to_pandas().drop(columns=ONLY_SCAN)
        rows = rows.sort_values(ORDER, kind="stable")
        rows["study_shard"] = rows["study"].map(shard_by_study).astype("int64")
        for shard in range(first, min(first + AT_ONCE, shards)):
            yield rows[rows["study_shard"] == shard].reset_index(drop=True)


def count_days(index: pd.DataFrame, first_days: pd.Series) -> pd.DataFrame:
    """Return the index with `days_since_first`, since the patient's first study, in place of the date.

    `first_days` is the day of that study by patient. It is missing where the date is, or the patient.
    """
    first = index["patient"].map(first_days).astype("Int64")
    return index.drop(columns="study_day").assign(days_since_first=index["study_day"] - first)


def write_shards(table: pd.DataFrame, paths: list[Path], key: str) -> None:
    """Publish the rows of each study shard as a file of its own.

    A shard whose rows are as they were has the same bytes as before, by which Snakemake knows that nothing
    has to be made of it again.
    """
    for shard, path in enumerate(paths):
        write_parquet(table[table["study_shard"] == shard], path, key_fingerprint=key)


def write_ledger(accounts: pd.DataFrame, path: Path, key: str) -> None:
    """Publish file, study, video and code of every file; open to others, being pseudonyms and codes only."""
    write_parquet(accounts.sort_values("file", ignore_index=True), path, key_fingerprint=key)
    path.chmod(0o644)
