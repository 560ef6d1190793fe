"""A disk that is full: the command fails with a message of ours, and nothing is published."""

import resource
import subprocess
import sys

from intake_files import compress, draw_sector, make_file

SMALL = 20_000  # bytes that a file may have


def test_a_full_disk_stops_the_command_and_publishes_nothing(archive):
    """Case 24."""
    archive.add("a", compress(make_file(draw_sector(1))))
    assert archive.scan(1).to_list() == ["passed"]
    command = [
        *(sys.executable, "-m", "cineclr", "deidentify-echo", "--private", archive.private),
        *("--index", archive.private / "index.parquet", "--shard", "0", "--videos", archive.videos),
        *("--output", archive.manifest, "--settings", "{}"),
    ]

    def fill_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))

    done = subprocess.run(command, preexec_fn=fill_disk, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: F" in done.stderr
    assert "File too large" in done.stderr
    assert "Mend the disk" in done.stderr
    assert list(archive.results.rglob("*")) == [archive.results / "scan.parquet"]
    assert archive.deidentify().to_list() == ["passed"]
    assert len(list(archive.videos.rglob("*.avi"))) == 1
