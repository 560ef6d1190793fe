"""Verification: are the videos and clips of a run still those whose checksums its manifests hold?"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cineclr.errors import InputError
from cineclr.ledger import PASSED
from cineclr.progress import track
from cineclr.publishing import sha256_file
from cineclr.video.store import ClipStore


def verify(run: str = "main", root: Path = Path()) -> None:
    """Compare every video and packed clip of a run of the first paper with its manifest.

    `root` is the folder that holds results/. Raises InputError that lists what is damaged, missing or in no
    manifest, and what to run.
    """
    results = root / "results" / run
    manifests = sorted(results.glob("echo/videos/shard_*.parquet"))
    indexes = sorted(results.glob("echo/clips/shard_*.parquet"))
    if not manifests and not indexes:
        raise InputError(
            f"run {run!r}: results/{run} holds no manifest of videos or clips; name another: --run"
        )
    wrong: list[str] = []
    for manifest in track(manifests, "verify videos", len(manifests)):
        wrong += _check_videos(manifest)
    for index in track(indexes, "verify clips", len(indexes)):
        wrong += _check_clips(index)
    if wrong:
        head = f"{len(wrong)} outputs are not as they were written; snakemake --forcerun deidentify_echo"
        raise InputError("\n  ".join([head, *wrong]))
    print(f"{len(manifests)} shards of videos and {len(indexes)} of clips are as their manifests say")


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
