"""Memory and time of listing, scanning and indexing a million files, each command in a process of its own.

    python benchmarks/intake_memory.py [--files 1000000]

The files are not made: listing sees names and sizes that a directory would give, and the scan's findings are
made up, of the size of real ones. What is measured is what grows with the number of files: of echo clips and
of MRI images, of which a study has many more.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cineclr.intake import scan
from cineclr.intake.cmr.headers import pack
from cineclr.intake.cmr.index import index_cmr
from cineclr.intake.cmr.scan import scan_cmr
from cineclr.intake.files import listing
from cineclr.intake.index import index_studies
from cineclr.private import init

SHARDS = 32
CLIPS = 40  # files of an echo study
SLICES, PHASES, IMAGES = 12, 30, 600  # of an MRI series in images; images of a study


def pretend(count: int) -> Callable[..., Iterator[tuple[Path, SimpleNamespace]]]:
    """Return what stands in for walking a folder of `count` files."""

    def walk(folder: Path, root: int, counts: object) -> Iterator[tuple[Path, SimpleNamespace]]:
        for number in range(count):
            path = folder / f"archive/{number // 4000:04d}/study-{number // CLIPS:07d}/IM_{number:08d}.dcm"
            yield path, SimpleNamespace(st_size=5_000_000, st_mtime_ns=1_500_000_000_000_000_000 + number)

    return walk


def look(self: Any, listed: Any) -> Iterator[dict[str, object]]:
    """Stands in for reading a file: a clip that passes."""
    number = int(listed.path[-12:-4])
    names = self.names
    yield {
        **{"file": listed.file, "source": listed.file, "root": listed.root, "path": listed.path},
        **{"size": listed.size, "mtime_ns": listed.mtime_ns, "code": "passed"},
        "study": names.pseudonym("study", str(number // CLIPS)),
        "patient": names.pseudonym("patient", str(number // CLIPS // 3)),
        "video": names.pseudonym("video", str(number)),
        **{
            "syntax": "1.2.840.10008.1.2.4.50",
            "frames": 75,
            "rows": 600,
            "columns": 800,
            "vendor": "philips",
        },
        **{"photometric": "YBR_FULL_422", "frame_time_ms": 33.3, "year": 2018, "heart_rate": 70},
        "regions": '[{"x0": 20, "y0": 24, "x1": 779, "y1": 575, "format": 1, "type": 1}]',
        **{"vendor": "philips", "model": "epiq 7", "pixel_sha256": f"{number:064x}"},
    }


def look_at_image(self: Any, listed: Any) -> Iterator[dict[str, object]]:
    """Stands in for reading a file: an MRI image of a cine that passes."""
    number = int(listed.path[-12:-4])
    names, series, phase = self.names, number // (SLICES * PHASES), number % PHASES
    z = float(number // PHASES % SLICES) * 10
    yield {
        **{"file": listed.file, "source": listed.file, "root": listed.root, "path": listed.path},
        **{"size": listed.size, "mtime_ns": listed.mtime_ns, "code": "passed"},
        "study": names.pseudonym("study", str(number // IMAGES)),
        "patient": names.pseudonym("patient", str(number // IMAGES)),
        "video": names.pseudonym("video", str(number)),
        "cine": names.pseudonym("cine", str(series)),
        **{"syntax": "1.2.840.10008.1.2.1", "frames": 1, "rows": 208, "columns": 180, "vendor": "siemens"},
        **{"photometric": "MONOCHROME2", "year": 2018, "model": "aera", "pixel_sha256": f"{number:064x}"},
        **{"description": "cine_retro_SA", "orientation": pack((1, 0, 0, 0, 1, 0)), "positions": pack((z,))},
        **{"times": pack((phase * 33.3,)), "row_mm": 1.8, "column_mm": 1.8, "instance": number},
        **{"series_number": series, "acquired": 36_000.0, "phases": PHASES, "derived": False},
    }


def list_all(private: Path, count: int) -> None:
    listing._walk = pretend(count)  # type: ignore[assignment]
    listing.list_files(private, SHARDS, private / "files.parquet")
    listing.list_files(private, SHARDS, private / "cmr/files.parquet", wing="cmr")


def scan_one(private: Path, count: int) -> None:
    scan.Scanner.scan = look  # type: ignore[method-assign]
    scan.scan_dicom(private, private / "files.parquet", 0, private / "scan/shard_0.parquet")


def scan_all(private: Path, count: int) -> None:
    scan.Scanner.scan = look  # type: ignore[method-assign]
    for shard in range(1, SHARDS):
        scan.scan_dicom(private, private / "files.parquet", shard, private / f"scan/shard_{shard}.parquet")


def index(private: Path, count: int) -> None:
    parts = [private / f"scan/shard_{shard}.parquet" for shard in range(SHARDS)]
    output = [private / f"index/shard_{shard}.parquet" for shard in range(SHARDS)]
    index_studies(private, parts, output, private / "ledger.parquet")


def scan_all_images(private: Path, count: int) -> None:
    scan.Scanner.scan = look_at_image  # type: ignore[method-assign]
    for shard in range(SHARDS):
        scan_cmr(private, private / "cmr/files.parquet", shard, private / f"cmr/scan/shard_{shard}.parquet")


def index_images(private: Path, count: int) -> None:
    cmr = private / "cmr"
    parts = [cmr / f"scan/shard_{shard}.parquet" for shard in range(SHARDS)]
    output = [cmr / f"index/shard_{shard}.parquet" for shard in range(SHARDS)]
    index_cmr(private, parts, output, cmr / "series.parquet", cmr / "ledger.parquet")


def measure(step: Callable[[Path, int], None], private: Path, count: int) -> tuple[float, float, float]:
    """Return the seconds of a step, and the peak of memory in MB before it and after."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    step(private, count)
    seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, before / 1000, peak / 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    count = parser.parse_args().files
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("echo", "cmr"):
            (folder / name).mkdir()
            (folder / f"{name}.csv").write_text("study_id\n")
        sheets, reports = [folder / "echo.csv", folder / "cmr.csv"], folder / "cmr.csv"
        init(folder / "private", [folder / "echo"], sheets[0], [folder / "cmr"], sheets[1], reports)
        steps = {
            **{"list_files": list_all, "scan_dicom": scan_one, "others": scan_all, "index_studies": index},
            **{"scan_cmr": scan_all_images, "index_cmr": index_images},
        }
        for name, step in steps.items():
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                seconds, before, peak = pool.submit(measure, step, folder / "private", count).result()
            if name != "others":
                print(f"{name}: {seconds:.0f} s, {before:.0f} MB before, {peak:.0f} MB at its peak")


if __name__ == "__main__":
    main()
