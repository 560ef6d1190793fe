"""What an earlier scan found is taken again for files that are as they were, and for no others."""

import os

import pandas as pd
import pytest
from archive_files import zip_of
from intake_files import Archive, draw_sector, make_file, to_bytes

from cineclr.intake import scan
from cineclr.intake.files import memory

OLD = 1_500_000_000  # seconds: long before any listing


@pytest.fixture
def looked(monkeypatch):
    """The listed files that a scan opens."""
    opened = []
    original = scan.Scanner.scan

    def watch(self, listed):
        opened.append(listed.path)
        return original(self, listed)

    monkeypatch.setattr(scan.Scanner, "scan", watch)
    return opened


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    for number in range(3):
        add(archive, f"{number}", to_bytes(make_file(draw_sector(number))))
    add(archive, "z", zip_of({"a": to_bytes(make_file(draw_sector(5))), "b": b"text"}))
    return archive


def add(archive, name, content, seconds=OLD):
    archive.add(name, content)
    os.utime(archive.dicom / name, (seconds, seconds))


def tables(archive):
    return [(archive.private / name).read_bytes() for name in ("scan/shard_0.parquet", "index.parquet")]


def test_only_new_and_changed_files_are_opened_and_removed_ones_go(archive, looked):
    codes = archive.scan(shards=1)
    assert looked == ["0", "1", "2", "z"]
    looked.clear()
    before = tables(archive)
    assert archive.scan(shards=1).equals(codes)
    assert looked == []
    assert tables(archive) == before
    add(archive, "1", to_bytes(make_file(draw_sector(1), NumberOfFrames=0)), OLD + 1)
    add(archive, "new", b"text")
    (archive.dicom / "0").unlink()
    codes = archive.scan(shards=1)
    assert looked == ["1", "new"]
    expected = {
        "1": "implausible_size",
        "2": "passed",
        "new": "not_dicom",
        "z!a": "passed",
        "z!b": "not_dicom",
    }
    assert codes.to_dict() == expected


def test_a_scan_with_memory_gives_the_bytes_of_one_without(archive):
    archive.scan(shards=1)
    add(archive, "3", to_bytes(make_file(draw_sector(3))))
    archive.scan(shards=1)
    remembered = tables(archive)
    (archive.private / "memory/echo_0").unlink()
    archive.scan(shards=1)
    assert tables(archive) == remembered


@pytest.mark.parametrize("size", ["same", "other"])
def test_a_file_counts_as_changed_by_its_size_or_its_time(archive, looked, size):
    archive.scan(shards=1)
    looked.clear()
    content = to_bytes(make_file(draw_sector(8)))
    if size == "same":
        add(archive, "2", content, OLD + 1e-6)
    else:
        add(archive, "2", content + b"\0\0", OLD)
    archive.scan(shards=1)
    assert looked == ["2"]


def forget(archive):
    path = archive.private / "memory/echo_0"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(archive):
    path = archive.private / "memory/echo_0"
    path.write_bytes(path.read_bytes()[:20])


def relink(archive):
    sources = archive.private / "sources.yaml"
    sources.write_text(sources.read_text().replace("study_uid", "accession"))


def new_key(archive):
    (archive.private / "key").write_text("cd" * 32)


def reissue(archive):
    with (archive.private / "sources.yaml").open("a") as file:
        file.write("issuer: south\n")


@pytest.mark.parametrize("change", [forget, cut, relink, new_key, reissue])
def test_a_memory_that_is_damaged_or_of_another_key_or_link_is_not_used(archive, looked, change):
    archive.scan(shards=1)
    looked.clear()
    change(archive)
    archive.scan(shards=1)
    assert looked == ["0", "1", "2", "z"]
    looked.clear()
    archive.scan(shards=1)
    assert looked == []


def test_another_version_of_what_reads_files_reads_them_again(archive, looked, monkeypatch):
    archive.scan(shards=1)
    looked.clear()
    monkeypatch.setattr(memory, "_version_of", lambda package: "other" if package == "pydicom" else "")
    archive.scan(shards=1)
    assert looked == ["0", "1", "2", "z"]


def test_a_file_written_just_before_it_was_listed_may_change_unseen_and_is_read_again(archive, looked):
    archive.add("0", to_bytes(make_file(draw_sector(9))))  # now
    archive.scan(shards=1)
    looked.clear()
    archive.scan(shards=1)
    assert looked == ["0"]


def test_memory_is_for_its_owner(archive):
    archive.scan(shards=1)
    assert (archive.private / "memory/echo_0").stat().st_mode & 0o777 == 0o600


def test_a_touched_file_does_not_change_the_index(archive):
    archive.scan(shards=1)
    index = (archive.private / "index.parquet").read_bytes()
    for path in archive.dicom.iterdir():
        os.utime(path, (OLD + 5, OLD + 5))
    archive.scan(shards=1)
    assert (archive.private / "index.parquet").read_bytes() == index
    assert len(pd.read_parquet(archive.private / "index.parquet")) == 4
