"""De-identification: how fast, and in what memory, is DICOM -> masked, verified AVI?

    python benchmarks/deidentify.py

Four ways, on one thread each and in a fresh process each, of two clips: the echo of pydicom-data (120 frames
of 480x640, JPEG Baseline) and 75 frames of it enlarged to 600x800.

usual   as in the papers' released code: `pixel_array`, then frame by frame in OpenCV (grey, threshold,
        largest contour, convex hull, mask), then `cv2.VideoWriter`; it verifies nothing
ours    the scan's look at the file, then decoding, mask, colour check, encoding, verification, checksums
bare    whole frames: fragments, libjpeg's luma by Pillow, `cv2.VideoWriter` (MJPG); no mask, no check
floor   what ours cannot do without: its decoder on whole frames and its encoder on the masked region

Rates are those of the fastest of several runs, which other work on the machine disturbs least.
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

REPEATS = 7
VIDEOS, FRAMES = 447_653, 75  # of the paper
LARGE, LARGE_FRAMES = (600, 800), 75
QUALITY = 90


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
    from cineclr.intake.clean import Job, clean_clip
    from cineclr.intake.mask import choose_region
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
    from cineclr.intake.jpeg import decode_luma
    from cineclr.video.avi import Video
    from cineclr.video.codecs import open_encoder

    made = avi.with_name("ours.avi")
    if not made.exists():
        ours(source, made)
    mask = np.max(list(Video(made).read()), axis=0) > 0
    dataset = pydicom.dcmread(source)
    streams = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    start = time.perf_counter()
    encoder = open_encoder("mjpg", mask.shape, 95)
    with avi.open("wb") as file:
        for stream in streams:
            frame = decode_luma(stream)
            part = frame[frame.shape[0] - mask.shape[0] :, frame.shape[1] - mask.shape[1] :]
            file.write(encoder.encode(part * mask))
    raise TimedError(time.perf_counter() - start)


class TimedError(Exception):
    """A way that took its own time, without its preparations."""


WAYS: dict[str, Callable[[Path, Path], None]] = {"usual": usual, "ours": ours, "bare": bare, "floor": floor}


def run_way(way: str, source: Path) -> dict[str, float]:
    """Return seconds of the fastest run, of all runs, and this process's peak memory in MB."""
    cv2.setNumThreads(1)
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(REPEATS):
            start = time.perf_counter()
            try:
                WAYS[way](source, Path(folder, f"{repeat}.avi"))
                times.append(time.perf_counter() - start)
            except TimedError as timed:
                times.append(timed.args[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": min(times), "total": sum(times), "peak_mb": peak}


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
        for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1"):
            keyword = f"RegionLocation{corner}"
            setattr(region, keyword, int(getattr(region, keyword) * factor))
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
        print(f"  {way:6} {frames / one['seconds']:7.0f} frames/s  {one['peak_mb']:5.0f} MB")
    rates = {way: frames / one["seconds"] for way, one in found.items()}
    print(f"  ours / usual {rates['ours'] / rates['usual']:.1f}   (target 10)")
    print(f"  ours / bare  {rates['ours'] / rates['bare']:.2f}   (target 0.70)")
    print(f"  ours / floor {rates['ours'] / rates['floor']:.2f}")
    alone = finish(start("ours", source))
    pair = [finish(child) for child in [start("ours", source), start("ours", source)]]
    speedup = sum(alone["total"] / one["total"] for one in pair)
    print(f"  two workers  {speedup:.2f} times one   (target 2)")
    print(f"  core-hours for the paper's videos {VIDEOS * FRAMES / rates['ours'] / 3600:.1f}   (target 15)")


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
