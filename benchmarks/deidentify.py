"""De-identification: how fast, and in what memory, is DICOM -> masked, verified AVI?

    python benchmarks/deidentify.py

Four ways, on one thread each and in a fresh process each, of two clips: the echo of pydicom-data (120 frames
of 480x640, JPEG Baseline) and 75 frames of it enlarged to 600x800.

usual   as in the papers' released code: `pixel_array`, then frame by frame in OpenCV (grey, threshold,
        largest contour, convex hull, mask), then `cv2.VideoWriter`; it verifies nothing
ours    the scan's look at the file, then decoding, mask, colour check, encoding, verification, checksums
bare    whole frames: fragments, libjpeg's luma by Pillow, `cv2.VideoWriter` (MJPG); no mask, no check
floor   what ours cannot do without: its decoder on whole frames, its encoder on the region under a fan

Rates are frames per second of processor time, of the fastest of several runs, which other work on the machine
disturbs least; those by the clock are given beside. By the clock two workers are twice one only where two
cores are idle; by processor time they are, unless one disturbs the other.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

REPEATS = 9
VIDEOS, FRAMES = 447_653, 75  # of the paper
LARGE, LARGE_FRAMES = (600, 800), 75
QUALITY = 90
CORNERS = ("MinX0", "MinY0", "MaxX1", "MaxY1")


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
    from cineclr.config.echo import Deidentify
    from cineclr.intake.echo.clean import Job, clean_clip
    from cineclr.intake.echo.mask import choose_region
    from cineclr.intake.triage import examine

    header = examine(source, by_accession=False).header
    if not (header and header.frames and header.rows and header.columns and header.frame_time_ms):
        raise SystemExit("the example lacks what de-identification needs")
    region = choose_region(header.regions, header.rows, header.columns)
    if region is None:
        raise SystemExit("the example has no region")
    job = Job(source, region, header.frames, 1000 / header.frame_time_ms, avi, Deidentify())
    if (code := clean_clip(job).code) != "passed":
        raise SystemExit(f"the example was set aside: {code}")


def bare(source: Path, avi: Path) -> None:
    dataset = pydicom.dcmread(source)
    size = (int(dataset.Columns), int(dataset.Rows))
    writer = cv2.VideoWriter(str(avi), cv2.VideoWriter_fourcc(*"MJPG"), 30, size, isColor=False)
    for stream in generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)):
        image = Image.open(BytesIO(stream))
        image.draft("L", image.size)
        writer.write(np.asarray(image))
    writer.release()


def floor(source: Path, avi: Path) -> None:
    from cineclr.intake.echo.jpeg import decode_luma
    from cineclr.video.codecs import JpegEncoder

    dataset = pydicom.dcmread(source)
    boxes = [region for region in dataset.SequenceOfUltrasoundRegions if region.RegionSpatialFormat == 1]
    x0, y0, x1, y1 = (boxes[0][f"RegionLocation{corner}"].value for corner in CORNERS)
    encoder = JpegEncoder(95)
    mask = None
    with avi.open("wb") as file:
        for stream in generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)):
            part = decode_luma(stream)[y0 : y1 + 1, x0 : x1 + 1]
            mask = draw_fan(part.shape) if mask is None else mask
            file.write(encoder.encode(part & mask))


def draw_fan(shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask of the sector's kind: a fan that fills two thirds of its box, uint8 (H, W)."""
    rows, columns = shape
    outline = np.array(
        [[columns // 2, 0], [0, rows * 3 // 4], [columns // 2, rows], [columns, rows * 3 // 4]]
    )
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), cv2.convexHull(outline), 255).astype(np.uint8)


WAYS: dict[str, Callable[[Path, Path], None]] = {"usual": usual, "ours": ours, "bare": bare, "floor": floor}


def run_way(way: str, source: Path) -> dict[str, float]:
    """Return processor and wall seconds of the fastest run, and this process's peak memory in MB."""
    cv2.setNumThreads(1)
    if way == "ours":
        from cineclr.intake.worker import keep_freed_memory

        keep_freed_memory()  # as its worker does
    processor, wall = [], []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            starts = time.process_time(), time.perf_counter()
            WAYS[way](source, Path(folder, f"{repeat}.avi"))
            processor.append(time.process_time() - starts[0])
            wall.append(time.perf_counter() - starts[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fastest = {"processor": min(processor), "wall": min(wall)}
    return {**fastest, "all_processor": sum(processor), "all_wall": sum(wall), "peak_mb": peak}


def start(way: str, source: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--way", way, "--source", str(source)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = child.communicate()
    if child.returncode:
        raise SystemExit("a way failed")
    return dict(json.loads(output))


def enlarge(source: Path, target: Path) -> None:
    """Write the first frames of a clip enlarged, JPEG Baseline with halved chroma columns as scanners do."""
    dataset = pydicom.dcmread(source)
    factor = LARGE[0] / dataset.Rows
    streams = []
    for stream in list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))):
        image = Image.open(BytesIO(stream)).convert("RGB").resize(LARGE[::-1], Image.Resampling.BICUBIC)
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:2")
        streams.append(buffer.getvalue())
        if len(streams) == LARGE_FRAMES:
            break
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = *LARGE, len(streams)
    for region in dataset.SequenceOfUltrasoundRegions:
        for corner in CORNERS:
            element = region[f"RegionLocation{corner}"]
            element.value = int(element.value * factor)
    dataset.PixelData = encapsulate(streams)
    dataset.save_as(target)


def compare(source: Path) -> None:
    """Print rates, memory and the ratios that matter for one clip."""
    header = pydicom.dcmread(source, stop_before_pixels=True)
    frames = int(header.NumberOfFrames)
    each = source.stat().st_size / frames / 1e3
    print(f"\n{header.Rows}x{header.Columns}, {frames} frames, {each:.0f} kB each")
    found = {way: finish(start(way, source)) for way in WAYS}
    for way, one in found.items():
        rates = f"{frames / one['processor']:7.0f} frames/s {frames / one['wall']:7.0f} by the clock"
        print(f"  {way:6} {rates}  {one['peak_mb']:5.0f} MB")
    cost = {way: one["processor"] for way, one in found.items()}
    print(f"  ours / usual  {cost['usual'] / cost['ours']:5.1f}   (target 10)")
    print(f"  ours / bare   {cost['bare'] / cost['ours']:5.2f}   (target 0.70)")
    print(f"  ours / floor  {cost['floor'] / cost['ours']:5.2f}")
    alone = finish(start("ours", source))
    pair = [finish(child) for child in [start("ours", source), start("ours", source)]]
    by_clock, by_processor = (
        sum(alone[name] / one[name] for one in pair) for name in ("all_wall", "all_processor")
    )
    print(f"  two workers   {by_processor:5.2f} times one, {by_clock:.2f} by the clock   (target 2)")
    hours = VIDEOS * FRAMES * cost["ours"] / frames / 3600
    print(f"  core-hours for the paper's {VIDEOS:,} videos of {FRAMES} frames {hours:5.1f}   (target 15)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--source", type=Path)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(run_way(options.way, options.source)))
        return
    example = get_testdata_file("color3d_jpeg_baseline.dcm", download=False)
    if example is None:
        raise SystemExit("pydicom-data is not installed")
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder, "large.dcm")
        enlarge(Path(example), large)
        for source in (Path(example), large):
            compare(source)


if __name__ == "__main__":
    main()
