"""Stages killed at random moments: what has a final name is whole, and a rerun ends as if undisturbed."""

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from archive_files import tar_of
from intake_files import Archive, compress, draw_sector, make_file, to_bytes

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.deidentify import deidentify_echo
from cineclr.intake.files.listing import list_files
from cineclr.intake.index import index_studies
from cineclr.intake.scan import scan_dicom

KILLS = 10  # of each stage
SHARDS = 2
OLD = 1_500_000_000  # seconds: long before any listing
PRELOADED = ["cineclr.intake.echo.deidentify", "cineclr.intake.scan", "cineclr.intake.index"]


def scan(private: Path, results: Path) -> None:
    """List, scan and index. An output that is there counts as made, as if no mark said otherwise."""
    files, parts = private / "files.parquet", [private / f"scan/shard_{k}.parquet" for k in range(SHARDS)]
    index, ledger = private / "index.parquet", results / "scan.parquet"
    if not files.exists():
        list_files(private, SHARDS, files)
    for shard, part in enumerate(parts):
        if not part.exists():
            scan_dicom(private, files, shard, part)
    if not (index.exists() and ledger.exists()):
        index_studies(private, parts, [index], ledger)


def deidentify(private: Path, results: Path) -> None:
    """De-identify; again what is there counts as made."""
    videos, manifest = results / "videos", results / "videos.parquet"
    if not (videos.exists() and manifest.exists()):
        deidentify_echo(private, private / "index.parquet", 0, Deidentify(), videos, manifest)


STAGES = {"scan": scan, "deidentify": deidentify}
OUTPUTS = {
    "scan": ("private/files.parquet", "private/scan", "private/index.parquet", "results/scan.parquet"),
    "deidentify": ("results/videos", "results/videos.parquet"),
}


def run(name: str, private: Path, results: Path) -> None:
    os.umask(0o077)
    STAGES[name](private, results)


def start(name: str, archive: Archive) -> multiprocessing.process.BaseProcess:
    """Start a stage as a process of its own, forked from one that has done the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=run, args=(name, archive.private, archive.results))
    process.start()
    return process


def finish(name: str, archive: Archive) -> float:
    """Run a stage to its end; return the seconds that it took."""
    began = time.monotonic()
    process = start(name, archive)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def kill(name: str, archive: Archive, seconds: float) -> bool:
    """Run a stage and kill it after so many seconds; return whether it was still at work."""
    process = start(name, archive)
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def outputs(archive: Archive) -> dict[str, bytes]:
    """Return the bytes of everything that stands under the final name of an output."""
    folder, found = archive.private.parent, {}
    for name in sum(OUTPUTS.values(), ()):
        paths = [folder / name, *(folder / name).rglob("*")]
        shown = (path for path in paths if path.is_file() and not path.name.startswith("."))
        found |= {str(path.relative_to(folder)): path.read_bytes() for path in shown}
    return found


def remove(name: str, archive: Archive) -> None:
    """Remove a stage's outputs, as Snakemake does before it runs a job again."""
    for output in OUTPUTS[name]:
        path = archive.private.parent / output
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def make_archive(folder: Path) -> Archive:
    """Files whose identifiers are the same each time, some of them in an archive."""
    archive = Archive(folder)
    ids = [{"StudyInstanceUID": f"1.2.{number}", "SOPInstanceUID": f"1.3.{number}"} for number in range(10)]
    clips = [to_bytes(compress(make_file(draw_sector(k), **one))) for k, one in enumerate(ids)]
    for number, clip in enumerate(clips[:7]):
        archive.add(f"{number}", clip)
    archive.add("t", tar_of({str(number): clip for number, clip in enumerate(clips[7:])}, "tar.gz"))
    for path in archive.dicom.iterdir():
        os.utime(path, (OLD, OLD))
    return archive


@pytest.mark.parametrize("stage", STAGES)
def test_kills_at_random_moments_cost_time_and_nothing_else(tmp_path, stage):
    """Cases 23 and 27: ten kills of the scan, ten of the de-identification, no mark of what is incomplete."""
    calm, killed = make_archive(tmp_path / "calm"), make_archive(tmp_path / "killed")
    finish("scan", calm)  # and the imports
    remove("scan", calm)
    seconds = {name: finish(name, calm) for name in STAGES}[stage]
    expected = outputs(calm)
    assert len([name for name in expected if name.endswith(".avi")]) == 10
    if stage == "deidentify":
        finish("scan", killed)
    chance = random.Random(stage)
    struck = 0
    while struck < KILLS:
        if kill(stage, killed, chance.uniform(0.05, 1) * seconds):
            struck += 1
        else:
            seconds *= 0.9  # it had ended before
        found = outputs(killed)
        assert [name for name, content in found.items() if content != expected[name]] == []
        if chance.random() < 0.8:
            remove(stage, killed)
    for name in STAGES:
        finish(name, killed)
    assert outputs(killed) == expected
    left = [*killed.private.rglob("*"), *killed.results.rglob("*")]
    assert [path for path in left if path.name.startswith((".", "extracted_"))] == []
