"""De-identification: how much faster is DICOM -> masked, verified AVI than the usual way, in one run?

The usual way, as in the papers' released code: `pixel_array`, then frame by frame in OpenCV (grey, threshold,
largest contour, convex hull, mask), then `cv2.VideoWriter`; it verifies nothing. Both on one thread.

    python benchmarks/deidentify.py
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.examples import get_path

from cineclr.config.echo import Deidentify
from cineclr.intake.clean import Job, clean_clip
from cineclr.intake.mask import choose_region
from cineclr.intake.triage import examine

REPEATS = 5


def usual(source: Path, avi: Path) -> None:
    dataset = pydicom.dcmread(source)
    frames = dataset.pixel_array
    size = (int(dataset.Columns), int(dataset.Rows))
    writer = cv2.VideoWriter(str(avi), cv2.VideoWriter_fourcc(*"MJPG"), 30, size)
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        binary = cv2.threshold(np.where(grey > 0, 255, 0).astype(np.uint8), 200, 255, cv2.THRESH_BINARY)[1]
        contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        hull = cv2.convexHull(max(contours, key=cv2.contourArea))
        mask = cv2.fillConvexPoly(np.zeros_like(grey), hull, 255)
        writer.write(cv2.cvtColor(cv2.bitwise_and(grey, mask), cv2.COLOR_GRAY2BGR))
    writer.release()


def ours(source: Path, avi: Path) -> None:
    header = examine(source, by_accession=False).header
    if not (header and header.frames and header.rows and header.columns and header.frame_time_ms):
        raise SystemExit("the example lacks what de-identification needs")
    region = choose_region(header.regions, header.rows, header.columns)
    if region is None:
        raise SystemExit("the example has no region")
    job = Job(source, region, header.frames, 1000 / header.frame_time_ms, avi, Deidentify())
    if clean_clip(job).code != "passed":
        raise SystemExit("the example was set aside")


def seconds(function: Callable[[Path, Path], None], source: Path, folder: Path) -> float:
    """Return the median time of a call."""
    times = []
    for repeat in range(REPEATS):
        start = time.perf_counter()
        function(source, folder / f"{function.__name__}{repeat}.avi")
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    cv2.setNumThreads(1)
    sources = [get_path("ybr_color"), get_testdata_file("color3d_jpeg_baseline.dcm", download=False)]
    print(f"{'file':32} {'frames':>6} {'usual':>10} {'ours':>10}  ratio")
    for source in [Path(source) for source in sources if source]:
        frames = int(pydicom.dcmread(source, stop_before_pixels=True).NumberOfFrames)
        with tempfile.TemporaryDirectory() as folder:
            slow, fast = (seconds(function, source, Path(folder)) for function in (usual, ours))
        rates = f"{frames / slow:7.0f}/s {frames / fast:8.0f}/s"
        print(f"{source.name:32} {frames:6} {rates}  {slow / fast:.1f}")


if __name__ == "__main__":
    main()
