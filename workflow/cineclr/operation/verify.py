"""Verification: are the videos, clips and MRI studies of a run still what was written?"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cineclr.errors import InputError
from cineclr.ledger import PASSED
from cineclr.progress import track
from cineclr.publishing import sha256_file
from cineclr.video.hdf5 import CLIPS, StudyStore
from cineclr.video.store import ClipStore


def verify(run: str = "main", root: Path = Path()) -> None:
    """Compare every video and clip of a run with its manifest, and every slice of MRI with its checksum.

    `root` is the folder that holds results/. Raises InputError that lists what is damaged, missing or in no
    manifest, and what to run.
    """
    results = root / "results" / run
    kinds = {
        "deidentify_echo": (_check_videos, sorted(results.glob("echo/videos/shard_*.parquet"))),
        "preprocess_clips": (_check_clips, sorted(results.glob("echo/clips/shard_*.parquet"))),
        "convert_studies": (_check_studies, sorted(results.glob("cmr/studies/shard_*/"))),
    }
    if not any(shards for _, shards in kinds.values()):
        raise InputError(
            f"run {run!r}: results/{run} holds no videos, clips or MRI studies; name another: --run"
        )
    wrong = {
        rule: [
            line for shard in track(shards, f"verify what {rule} made", len(shards)) for line in find(shard)
        ]
        for rule, (find, shards) in kinds.items()
    }
    if lines := list(itertools.chain(*wrong.values())):
        again = " ".join(rule for rule, found in wrong.items() if found)
        head = f"{len(lines)} outputs are not as they were written; snakemake --forcerun {again}"
        raise InputError("\n  ".join([head, *lines]))
    videos, clips, studies = (len(shards) for _, shards in kinds.values())
    print(
        f"{videos} shards of videos, {clips} of clips and {studies} of MRI studies are as they were written"
    )


def _check_videos(manifest: Path) -> Iterator[str]:
    """Yield what is wrong with the videos of a shard, by their pseudonyms."""
    table = pd.read_parquet(manifest)
    table = table[table["code"] == PASSED]
    folder = manifest.with_suffix("")
    for path, sha256 in zip(table["path"], table["sha256"], strict=True):
        if not (folder / path).is_file():
            yield f"{folder.name}/{path}: missing"
        elif sha256_file(folder / path) != sha256:
            yield f"{folder.name}/{path}: damaged (checksum)"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for path in sorted(found - set(table["path"])):
        yield f"{folder.name}/{path}: in no manifest"


def _check_clips(index: Path) -> Iterator[str]:
    """Yield what is wrong with a shard of packed clips; the first of its videos that is damaged."""
    try:
        store = ClipStore.open([index], [index.with_suffix(".npy")])
        store.verify(range(len(store)))
    except InputError as error:
        yield str(error)


def _check_studies(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a shard of MRI studies: files that its list lacks or names, damaged slices."""
    listed = set(pd.read_parquet(folder / CLIPS)["study"])
    there = {path.stem for path in folder.glob("*.h5")}
    for study in sorted(listed ^ there):
        yield f"{folder.name}/{study}.h5: {'missing' if study in listed else 'in no list'}"
    if not listed or listed - there:
        return
    store = StudyStore.open([folder])
    for row in range(len(store)):
        try:
            store.read(row)
        except InputError as error:
            yield str(error)
