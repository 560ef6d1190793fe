"""Files that lie, are cut off or damaged: each ends in one bucket, and the next file is processed."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile import BUCKETS, fill_disk, judge, obey
from intake_files import compress, draw_sector, make_file, to_bytes
from pydicom.encaps import encapsulate, generate_frames
from syntax_files import MAKERS, file_of

from cineclr.config.echo import Deidentify
from cineclr.intake.echo.clean import Cleaned, Job, clean_clip
from cineclr.intake.headers import Region
from cineclr.intake.worker import Failure, Worker

REGION = Region(20, 24, 171, 139, 1, 1)
SECONDS = 20  # no file may take longer


@pytest.fixture(scope="module")
def worker():
    with Worker(clean_clip, memory_gb=1, seconds=SECONDS) as worker:
        yield worker


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    path.write_bytes(to_bytes(compress(make_file(draw_sector(5)))))
    return path


def job_of(path: Path, frames: int = 18) -> Job:
    return Job(path, REGION, frames, 50, path.with_suffix(".avi"), Deidentify())


def with_fragments(count: int, announced: int = 18) -> bytes:
    dataset = compress(make_file(draw_sector(1)))
    frames = list(generate_frames(dataset.PixelData, number_of_frames=18))
    dataset.PixelData = encapsulate((frames * 2)[:count])
    dataset.NumberOfFrames = announced
    return to_bytes(dataset)


@pytest.mark.parametrize("fragments", [1, 11, 17])
def test_fewer_fragments_than_frames_and_the_next_file_is_processed(fragments, archive, worker, good):
    """Case 13: set aside by the scan; if the file changes after it, by the decoder."""
    archive.add("a", with_fragments(fragments))
    archive.add("b", make_file(draw_sector(2)))
    assert archive.scan(1).to_list() == ["frame_mismatch", "passed"]
    assert archive.deidentify().to_list() == ["passed"]
    failure = worker.run(job_of(archive.dicom / "a"))
    assert isinstance(failure, Failure)
    assert not failure.ours
    assert worker.run(job_of(good)).code == "passed"


def announcing(value: bytes | None) -> bytes:
    """Return a file whose NumberOfFrames is this text, which no writer would accept."""
    if value is None:
        return to_bytes(make_file(draw_sector(1), NumberOfFrames=None))
    data = to_bytes(compress(make_file(draw_sector(1), NumberOfFrames="18")))
    old = b"\x28\x00\x08\x00IS\x02\x0018"
    assert old in data
    padded = value + b" " * (len(value) % 2)
    return data.replace(old, b"\x28\x00\x08\x00IS" + len(padded).to_bytes(2, "little") + padded)


@pytest.mark.parametrize("value", [b"0", b"-1", b"1A", b"10000000", b"", b"1e9", b"18\\18", None])
def test_a_number_of_frames_that_is_none(value, archive):
    """Case 14."""
    archive.add("a", announcing(value))
    archive.add("b", make_file(draw_sector(2)))
    assert archive.scan(1).to_list() == ["implausible_size", "passed"]


def test_a_colour_jpeg_called_grey(archive):
    """Case 18: it would decode to a plausible wrong picture."""
    dataset = compress(make_file(draw_sector(1)[..., None].repeat(3, 3)))
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    archive.add("a", dataset)
    archive.add("b", make_file(draw_sector(2)))
    assert archive.scan(1).to_list() == ["frame_mismatch", "passed"]


@pytest.mark.parametrize("syntax", MAKERS)
def test_a_file_cut_off_is_set_aside_and_the_next_is_processed(syntax, worker, good, tmp_path):
    """Case 15: 10 offsets, the last of them two bytes before the end, since the very last may be padding."""
    whole, path = file_of(syntax), tmp_path / "cut"
    for length in np.linspace(100, len(whole) - 2, 10).astype(int):
        path.write_bytes(whole[:length])
        code = judge(path, worker)
        assert code in BUCKETS - {"passed"}, length
    assert not path.with_suffix(".avi").exists()
    assert worker.run(job_of(good)).code == "passed"


def mutate(whole: bytes, number: int) -> bytes:
    """Return the file with one byte changed: every second time in its first kilobytes, which say the most."""
    rng = np.random.default_rng(number)
    data = bytearray(whole)
    end = len(data) if number % 2 else min(len(data), 3000)
    data[rng.integers(end)] ^= int(rng.integers(1, 256))
    return bytes(data)


def check_mutations(syntax: str, numbers: range, worker: Worker, folder: Path) -> pd.Series:
    """Judge mutated files; each must end in one bucket, in time; return how many ended in each."""
    whole, path, codes = file_of(syntax), folder / "mutated", []
    for number in numbers:
        path.write_bytes(mutate(whole, number))
        start = time.monotonic()
        codes.append(judge(path, worker))
        assert time.monotonic() - start < SECONDS + 10, number
        assert path.with_suffix(".avi").exists() == (codes[-1] == "passed"), number
        path.with_suffix(".avi").unlink(missing_ok=True)
    assert set(codes) <= BUCKETS
    path.write_bytes(whole)
    assert judge(path, worker) == "passed"
    return pd.Series(codes).value_counts()


@pytest.mark.parametrize("syntax", MAKERS)
def test_mutated_files_end_in_one_bucket_each(syntax, worker, tmp_path):
    """Case 16: 12 of the 2,000."""
    check_mutations(syntax, range(12), worker, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("syntax", MAKERS)
def test_two_thousand_mutated_files_end_in_one_bucket_each(syntax, worker, tmp_path):
    """Case 16: all 2,000 of each syntax."""
    counts = check_mutations(syntax, range(2000), worker, tmp_path)
    print(f"\n{syntax}: {counts.to_dict()}")
    assert counts.sum() == 2000
    assert len(counts) > 3


def test_mutated_files_are_all_accounted_for(archive):
    """Case 16: through scan, index and de-identification, every file has one row with one code."""
    for number, syntax in enumerate(MAKERS):
        for change in range(3):
            archive.add(f"{number}_{change}", mutate(file_of(syntax), 100 * number + change))
    scanned = archive.scan(2)
    assert len(scanned) == 3 * len(MAKERS)
    assert set(scanned) <= BUCKETS
    index = pd.read_parquet(archive.private / "index.parquet")
    assert len(index) == (scanned == "passed").sum()
    assert len(archive.deidentify(seconds=SECONDS)) == len(index)


@pytest.mark.parametrize("fault", ["crash", "hang", "spin", "eat"])
def test_a_decoder_that_fails_costs_its_file_alone(fault, good, tmp_path):
    """Case 22: one that crashes, hangs, or eats memory; the next file is processed."""
    hostile = tmp_path / fault
    hostile.write_bytes(good.read_bytes())
    with Worker(obey, memory_gb=0.5, seconds=2) as worker:
        failure = worker.run(job_of(hostile))
        assert isinstance(failure, Failure)
        assert not failure.ours
        assert isinstance(worker.run(job_of(good)), Cleaned)
    assert not hostile.with_suffix(".avi").exists()


def test_a_full_disk_is_the_systems_fault_and_leaves_nothing(good):
    """Case 24: in the child."""
    with Worker(fill_disk, memory_gb=1, seconds=20) as worker:
        failure = worker.run(job_of(good))
    assert isinstance(failure, Failure)
    assert failure.ours
    assert "File too large" in failure.reason
    assert [path.name for path in good.parent.iterdir()] == ["good"]
