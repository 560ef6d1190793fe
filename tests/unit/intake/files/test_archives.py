"""Files in archives: each is a file of its own, and nothing in an archive reaches beyond it."""

import bz2
import contextlib
import errno
import gzip
import hashlib
import lzma
import random
import stat
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from archive_files import (
    TAR_MODES,
    archive_of,
    encrypted_zip,
    overlapping_zip,
    tar_device,
    tar_of,
    zip_link,
    zip_of,
)
from intake_files import Archive, compress, draw_sector, make_file, to_bytes
from pydicom.data import get_testdata_file

from cineclr.errors import InputError
from cineclr.intake import scan
from cineclr.intake.files import archives
from cineclr.intake.files.archives import ArchiveError, is_archive, open_archive

KINDS = ["zip", *TAR_MODES]


def clip(seed, **changes):
    return to_bytes(compress(make_file(draw_sector(seed), **changes)))


def native(seed, **changes):
    return to_bytes(make_file(draw_sector(seed), **changes))


def digests(folder):
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.avi"))


def test_files_in_archives_become_the_same_videos_as_files_in_folders(tmp_path):
    """Whatever the kind of archive and its name; what else it holds is judged as a file, too."""
    packed, plain = Archive(tmp_path / "packed"), Archive(tmp_path / "plain")
    directory = Path(get_testdata_file("DICOMDIR", download=False)).read_bytes()
    for number, kind in enumerate(KINDS):
        first, second = clip(number), native(10 + number)
        members = {
            "s/": b"",
            "s/IM_1": first,
            "s/sub/IM_2": second,
            "notes": b"-",
            "DICOMDIR": directory,
        }
        packed.add(f"{number}/export", archive_of(kind, members))
        plain.add(f"{number}/1", first)
        plain.add(f"{number}/2", second)
    codes = packed.scan(shards=3)
    expected = {
        "s/IM_1": "passed",
        "s/sub/IM_2": "passed",
        "notes": "not_dicom",
        "DICOMDIR": "not_an_image",
    }
    assert codes.to_dict() == {
        f"{number}/export!{name}": code for number in range(len(KINDS)) for name, code in expected.items()
    }
    assert set(packed.deidentify()) == {"passed"}
    plain.scan()
    plain.deidentify()
    assert digests(packed.videos) == digests(plain.videos)
    assert len(digests(packed.videos)) == 2 * len(KINDS)


COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("compress_file", COMPRESSORS.values(), ids=COMPRESSORS)
def test_a_dicom_file_compressed_by_itself_is_an_archive_of_one(tmp_path, compress_file):
    packed, plain = Archive(tmp_path / "packed"), Archive(tmp_path / "plain")
    for number in range(2):
        packed.add(f"IM_{number}.dcm.gz", compress_file(clip(number)))
        plain.add(f"IM_{number}", clip(number))
    packed.add("notes.gz", compress_file(b"no DICOM file " * 100))
    packed.add("cut.gz", gzip.compress(native(7))[:-2000])
    codes = packed.scan(shards=2)
    expected = {"IM_0.dcm.gz!content": "passed", "IM_1.dcm.gz!content": "passed"}
    assert codes.to_dict() == {**expected, "notes.gz": "not_dicom", "cut.gz": "unreadable_archive"}
    packed.deidentify()
    plain.scan()
    plain.deidentify()
    assert digests(packed.videos) == digests(plain.videos)
    assert len(digests(packed.videos)) == 2


def test_members_lie_on_the_private_side_for_their_owner_while_they_are_judged(archive, monkeypatch):
    seen = []

    def examine(path, by_accession):
        seen.append(
            (path.parent, stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode))
        )
        assert len(list(path.parent.iterdir())) == 1
        return original(path, by_accession)

    original = scan.examine
    monkeypatch.setattr(scan, "examine", examine)
    archive.add("a.zip", zip_of({"1": clip(1), "2": clip(2)}))
    left = archive.private / "extracted_echo_scan_0", archive.private / "extracted_echo_deidentify_9"
    for folder in left:  # of a job that was killed
        folder.mkdir()
        (folder / "0").write_bytes(b"a patient's")
    archive.scan(shards=1)
    assert seen == [(left[0], 0o600, 0o700)] * 2
    assert not any(folder.exists() for folder in left)
    assert [path.name for path in archive.dicom.iterdir()] == ["a.zip"]


UNSAFE = {
    "absolute": lambda: tar_of({"/etc/passwd": clip(1)}),
    "parent": lambda: tar_of({"a/../../../x": clip(1)}),
    "zip absolute": lambda: zip_of({"/tmp/x": clip(1)}),
    "zip parent": lambda: zip_of({"../x": clip(1)}),
    "zip backslash": lambda: zip_of({"..\\x": clip(1)}),
    "drive": lambda: zip_of({"C:x": clip(1)}),
    "symbolic link": lambda: tar_of({"x": "-> /etc/passwd"}),
    "hard link": lambda: tar_of({"x": "=> /etc/passwd"}),
    "zip link": lambda: zip_link("x", b"/etc/passwd"),
    "device": lambda: tar_device("x"),
}
OTHERS = {
    "encrypted": (lambda: encrypted_zip({"x": clip(1)}), "encrypted_member"),
    "nested zip": (lambda: tar_of({"x.dcm": zip_of({"y": clip(1)})}), "nested_archive"),
    "nested tar.gz": (lambda: zip_of({"x": tar_of({"y": clip(1)}, "tar.gz")}), "nested_archive"),
    "bomb": (lambda: zip_of({"x": bytes(4_000_000)}), "archive_limit"),
    "method": (lambda: zip_of({"x": clip(1)}, zipfile.ZIP_BZIP2), "unreadable_archive"),
}


def test_nothing_in_an_archive_leads_out_of_it_nor_is_opened_further(archive):
    """Case 29: names that lead out, links, devices, archives in archives, bombs: a code each."""
    for name, make in UNSAFE.items():
        archive.add(name, make())
    for name, (make, _) in OTHERS.items():
        archive.add(name, make())
    archive.add("z", clip(2))
    before = sorted(archive.dicom.parent.rglob("*"))
    codes = archive.scan(shards=1)
    by_archive = codes.rename(lambda place: place.split("!")[0]).to_dict()
    expected = dict.fromkeys(UNSAFE, "unsafe_member") | {name: code for name, (_, code) in OTHERS.items()}
    assert by_archive == expected | {"z": "passed"}
    assert len(codes) == len(by_archive)
    made = {path for path in archive.dicom.parent.rglob("*") if path not in before}
    assert all(path.is_relative_to(archive.private) or path.is_relative_to(archive.results) for path in made)


def test_a_compressed_tar_that_grows_is_left_where_it_does(archive):
    """Case 29: what came before the bomb goes on, nothing behind it is reached."""
    archive.add("a", tar_of({"1": clip(1), "2": bytes(60_000_000), "3": clip(3)}, "tar.gz"))
    assert archive.scan(shards=1).to_dict() == {"a!1": "passed", "a!2": "archive_limit", "a": "archive_limit"}


LIMITS = [
    ("LARGEST_MEMBER", 200_000, {"a!1": "passed", "a!2": "archive_limit", "a!3": "passed"}),
    ("MOST_MEMBERS", 2, {"a!1": "passed", "a!2": "passed", "a": "archive_limit"}),
]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.xz"])
@pytest.mark.parametrize(("limit", "most", "expected"), LIMITS)
def test_limits_hold_for_each_kind(archive, monkeypatch, kind, limit, most, expected):
    """Case 29: sizes and numbers of members are limited."""
    big = clip(2) + random.Random(1).randbytes(80_000)
    assert len(clip(1)) < 200_000 < len(big)
    monkeypatch.setattr(archives, limit, most)
    archive.add("a", archive_of(kind, {"1": clip(1), "2": big, "3": clip(3)}))
    assert archive.scan(shards=1).to_dict() == expected


def test_members_that_share_their_bytes_are_limited_together(archive, monkeypatch):
    """Case 29: a directory may name the same bytes many times."""
    monkeypatch.setattr(archives, "SMALL", 100_000)
    archive.add("a", overlapping_zip(60, 50_000))
    codes = archive.scan(shards=1)
    assert len(codes) in (1, 60)  # newer versions of Python refuse the whole
    assert set(codes) <= {"archive_limit", "not_dicom", "unreadable_archive"}
    assert (codes == "not_dicom").sum() * 50_000 <= archives.LARGEST_RATIO * (
        archive.dicom / "a"
    ).stat().st_size


def test_a_directory_larger_than_memory_is_not_read(tmp_path, monkeypatch):
    """Case 29: the number of entries is bounded before they are parsed."""
    (tmp_path / "a").write_bytes(zip_of({f"{number}": b"" for number in range(100)}))
    monkeypatch.setattr(archives, "LARGEST_READ", 4_000)
    with pytest.raises(ArchiveError, match="archive_limit"), open_archive(tmp_path / "a"):
        pass


def cut(data, share):
    return data[: int(len(data) * share)]


def overwrite(data, at, patch):
    return data[:at] + patch + data[at + len(patch) :]


def three(kind):
    return archive_of(kind, {"1": native(1), "2": native(2), "3": native(3)})


SECOND = 512 + len(native(1)) // 512 * 512 + 512 * bool(len(native(1)) % 512)  # header of the second in a tar
FIRST_TWO = {"a!1": "passed", "a!2": "unreadable_archive", "a": "unreadable_archive"}
DAMAGED = {
    "tar.gz cut": (lambda: cut(three("tar.gz"), 0.5), FIRST_TWO),
    "tar cut": (lambda: cut(three("tar"), 0.5), FIRST_TWO),
    "tar cut between members": (lambda: three("tar")[:SECOND], {"a!1": "passed", "a": "unreadable_archive"}),
    "tar header": (
        lambda: overwrite(three("tar"), SECOND, b"\xff" * 200),
        {"a!1": "passed", "a": "unreadable_archive"},
    ),
    "tar zeroed": (
        lambda: overwrite(three("tar"), SECOND, bytes(512)),
        {"a!1": "passed", "a": "unreadable_archive"},
    ),
    "zip cut": (lambda: cut(three("zip"), 0.5), {"a": "unreadable_archive"}),
    "zip member": (
        lambda: overwrite(three("zip"), 5_000, bytes(60)),
        {"a!1": "unreadable_archive", "a!2": "passed", "a!3": "passed"},
    ),
    "zip of nothing": (lambda: zip_of({}), {"a": "not_dicom"}),
    "gzip of no tar": (lambda: gzip.compress(b"no tar" * 500), {"a": "not_dicom"}),
    "gzip start": (lambda: b"\x1f\x8b" + bytes(3_000), {"a": "not_dicom"}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_of_a_damaged_archive_what_can_be_listed_goes_on_and_the_rest_is_said(archive, name):
    make, expected = DAMAGED[name]
    archive.add("a", make())
    assert archive.scan(shards=1).to_dict() == expected


def negative_size():
    """A tar whose second header leads back to the first: tarfile reads such a one for ever."""
    data = bytearray(tar_of({"1": b"x", "2": b"y"}))
    data[1024 + 124 : 1024 + 136] = b"\xff" * 10 + b"\xf8\x00"
    data[1024 + 148 : 1024 + 156] = b" " * 8
    data[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(data[1024:1536])
    return bytes(data)


def test_a_header_that_leads_back_ends_the_archive(archive):
    archive.add("a", negative_size())
    assert archive.scan(shards=1).to_dict() == {"a!1": "not_dicom", "a": "unreadable_archive"}


def test_a_dicom_file_whose_preamble_looks_like_an_archive_is_none(tmp_path):
    data = native(1)
    for start in (b"PK\3\4", b"\x1f\x8b\x08"):
        (tmp_path / "a").write_bytes(start + data[len(start) :])
        assert not is_archive(tmp_path / "a")


def test_names_that_are_no_text_or_that_members_share_are_files_too(archive):
    archive.add("a", tar_of({"M\udcfcller": clip(1)}))
    archive.add("b", tar_of([("1", clip(2)), ("1", clip(3))]))
    archive.add("c", zip_of({"München": clip(4)}))
    codes = archive.scan(shards=1)
    assert codes.to_list() == ["passed"] * 4
    assert archive.deidentify().to_list() == ["passed"] * 4


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_compressed_archive_is_read_forward(archive, monkeypatch, kind):
    """By the scan and by a shard of the de-identification, in whatever order the studies are."""
    back = []

    class Watched(gzip.GzipFile):
        def seek(self, offset, whence=0):
            if 0 < offset < self.tell():
                back.append(offset)
            return super().seek(offset, whence)

    monkeypatch.setitem(archives.COMPRESSIONS, b"\x1f\x8b", lambda file: Watched(fileobj=file))
    members = {f"{number:02d}": clip(number) for number in range(6)}
    archive.add("a", archive_of(kind, members))
    archive.scan(shards=1)
    assert set(archive.deidentify()) == {"passed"}
    assert len(digests(archive.videos)) == 6
    assert not back


def test_an_archive_that_has_changed_since_the_scan_stops_the_work(archive):
    """Another file of the same name, size and place would else go under the first one's pseudonym."""
    archive.add("a", tar_of({"x": native(1)}))
    archive.scan()
    archive.add("a", tar_of({"x": native(2)}))
    with pytest.raises(InputError, match=r"file F\w+ has changed since it was scanned"):
        archive.deidentify()
    assert not archive.videos.exists()
    assert not list(archive.private.glob("extracted*"))


def test_copies_are_set_aside_across_archives_folders_and_shards(archive):
    """Case 30: one file in a folder, a ZIP and twice in a tar: the first path stays, whatever the shards."""
    one = native(1)
    archive.add("c/plain", one)
    archive.add("b.zip", zip_of({"y": one, "z": native(2)}))
    archive.add("a.tar", tar_of({"1": native(3), "2": one, "3": one}))
    expected = {
        "a.tar!1": "passed",
        "a.tar!2": "passed",
        "a.tar!3": "duplicate_pixels",
        "b.zip!y": "duplicate_pixels",
        "b.zip!z": "passed",
        "c/plain": "duplicate_pixels",
    }
    for shards in (1, 4):
        assert archive.scan(shards=shards).to_dict() == expected
    assert len(pd.read_parquet(archive.private / "index.parquet")) == 3


def test_a_disk_that_fails_within_an_archive_stops_the_scan(archive, monkeypatch):
    """It says nothing about the archive, whose files would else be set aside."""

    def fail(self, size=None):
        raise OSError(errno.EIO, "Input/output error", "/SMITH")

    archive.add("a", tar_of({"x": clip(1)}))
    monkeypatch.setattr(archives._Guarded, "read", fail)
    with pytest.raises(InputError, match=r"file F\w+ cannot be read \(Input/output error\)"):
        archive.scan()
    assert not list(archive.private.glob("extracted*"))


@pytest.mark.parametrize("kind", KINDS)
def test_one_wrong_byte_anywhere_gives_a_member_or_a_code(tmp_path, kind):
    """Nothing but ArchiveError comes out; of a ZIP, whose members have checksums, no wrong byte either."""
    contents = {f"{number}": random.Random(number).randbytes(700 + number) for number in range(4)}
    data, chance = archive_of(kind, contents), random.Random(kind)
    known = {hashlib.sha256(content).hexdigest() for content in contents.values()}
    for count in range(150):
        at = chance.randrange(len(data))
        (tmp_path / "a").write_bytes(overwrite(data, at, bytes([chance.randrange(256)])))
        with contextlib.suppress(ArchiveError), open_archive(tmp_path / "a") as archive:
            for number, member in enumerate(archive.members() if archive else ()):
                target = tmp_path / f"{count}_{number}"
                with contextlib.suppress(ArchiveError):
                    digest = archive.extract(member, target)
                    assert digest in known or kind.startswith("tar")
