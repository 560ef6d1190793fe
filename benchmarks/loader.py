"""Clips per second and core: the packed store against the published way, in one run, with a warm cache.

The published way decodes a whole AVI with `cv2.VideoCapture`, cuts K consecutive frames and augments them
frame by frame on the CPU. Ours draws, reads and augments batches from the packed store: 392 pairs of 4
frames, as in pretraining, and 88 clips of 16 frames, as in fine-tuning. Videos of 75 frames of 112 x 112;
one thread. At the end: the memory of a process after 10, 100 and 1,000 batches, and after as many
prefetched ones.

    python benchmarks/loader.py [--videos 400]
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from cineclr.config.echo import Augmentation
from cineclr.data.augmentation import augment, draw_augmentation
from cineclr.data.order import epoch_order, step_generator
from cineclr.data.reader import prefetch, read_clips
from cineclr.data.sampling import RandomClip
from cineclr.files import write_parquet
from cineclr.video.avi import read_avi, write_avi
from cineclr.video.store import ClipStore, write_frames

FRAMES, SIDE = 75, 112
BATCHES = {4: 2 * 392, 16: 88}  # frames of a clip: clips of a batch
SECONDS = 3.0  # of computing, at least, for each way; not of the clock, which other processes share
AUGMENTATION = Augmentation()


def make_videos(folder: Path, count: int) -> tuple[list[Path], ClipStore]:
    """Write moving speckle in a sector, as AVI files and, decoded from those, as a packed store."""
    rng = np.random.default_rng(0)
    speckle = cv2.GaussianBlur(rng.integers(0, 256, (4 * SIDE, 4 * SIDE)).astype(np.uint8), (0, 0), 1.5)
    triangle = np.array([[SIDE // 2, 0], [0, SIDE], [SIDE, SIDE]])
    sector = cv2.fillConvexPoly(np.zeros((SIDE, SIDE), np.uint8), triangle, 1)
    paths = []
    for number in range(count):
        corners = rng.integers(0, 3 * SIDE, 2) + np.cumsum(rng.integers(-1, 2, (FRAMES, 2)), axis=0)
        corners = corners.clip(0, 3 * SIDE)
        clip = np.stack([speckle[y : y + SIDE, x : x + SIDE] for y, x in corners]) * sector
        paths.append(folder / f"V{number:05d}.avi")
        write_avi(paths[-1], clip, 30)
    index = pd.DataFrame({"file": "F", "study": "S", "video": [path.stem for path in paths]})
    index = index.assign(code="passed", offset=np.arange(count) * FRAMES, frames=FRAMES, fps=30.0)
    index["real_frames"] = FRAMES
    frames = folder / "shard.npy"
    index["sha256"] = write_frames(frames, count * FRAMES, (SIDE, SIDE), map(read_avi, paths))
    write_parquet(index, folder / "shard.parquet")
    return paths, ClipStore.open([folder / "shard.parquet"], [frames])


def read_published(path: Path, frames: int, rng: np.random.Generator) -> Tensor:
    """Decode the whole video, cut a clip, augment it frame by frame: float32 (1, 3, frames, H, W).

    The released code turns frames by a cubic spline (scipy); OpenCV's bilinear, used here, is faster.
    """
    capture = cv2.VideoCapture(str(path))
    video = np.zeros((int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), SIDE, SIDE, 3), np.uint8)
    for frame in video:
        frame[:] = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
    start = rng.integers(0, len(video) - frames + 1)
    pad = AUGMENTATION.pad
    y, x = rng.integers(0, 2 * pad + 1, 2)
    padded = np.pad(video[start : start + frames], ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    clip = padded[:, y : y + SIDE, x : x + SIDE]
    if rng.random() < AUGMENTATION.flip_probability:
        clip = np.stack([cv2.flip(frame, 1) for frame in clip])
    if rng.random() < AUGMENTATION.rotation_probability:
        degrees = rng.uniform(-AUGMENTATION.rotation_degrees, AUGMENTATION.rotation_degrees)
        matrix = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), degrees, 1)
        clip = np.stack([cv2.warpAffine(frame, matrix, (SIDE, SIDE)) for frame in clip])
    return torch.from_numpy(np.moveaxis(clip, 3, 0).astype(np.float32) / 255)[None]


class Reading:
    """Batches of random clips, as trainings read them."""

    def __init__(self, store: ClipStore, frames: int) -> None:
        self.store, self.frames, self.clips = store, frames, BATCHES[frames]
        self.lengths = store.videos["frames"].to_numpy()

    def uint8(self, step: int) -> Tensor:
        """Return the clips of one step: uint8 (B, frames, H, W), ready for the device."""
        rows = np.resize(epoch_order(len(self.store), 0, step), self.clips)
        _, starts = RandomClip(self.frames)(self.lengths[rows], step_generator(0, 0, step))
        return read_clips(self.store, rows, starts, self.frames)

    def augmented(self, step: int) -> Tensor:
        """Return the same, augmented on the CPU: float32."""
        clips = self.uint8(step)
        return augment(clips, draw_augmentation(AUGMENTATION, len(clips), np.random.default_rng(step)))

    def bare(self, step: int) -> Tensor:
        """Return memory-mapped views, every page of which is touched; nothing is drawn or copied."""
        clips = [self.store.clip(row % len(self.store), step % 8, self.frames) for row in range(self.clips)]
        return torch.tensor([int(clip[:, ::32].sum()) for clip in clips])


def clips_per_second(read: Callable[[int], Tensor]) -> float:
    """Return the rate of read(0), read(1), ..., each of which gives len(...) clips, after a first call."""
    read(0)
    clips, start = 0, time.process_time()
    while (seconds := time.process_time() - start) < SECONDS:
        clips += len(read(clips))
    return clips / seconds


def resident() -> float:
    """Return the resident memory of this process without the pages of mapped files, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=400)
    videos = parser.parse_args().videos
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        paths, store = make_videos(Path(folder), videos)
        rng = np.random.default_rng(0)
        print(f"{videos} videos of {FRAMES} frames of {SIDE} x {SIDE}; clips/s on one thread, and ratio")
        for frames in BATCHES:
            reading = Reading(store, frames)
            ways = {
                "(a) published": lambda step, k=frames: read_published(paths[step % videos], k, rng),
                "(b) uint8 batches": reading.uint8,
                "(c) augmented on the CPU": reading.augmented,
                "(d) bare memory map": reading.bare,
            }
            rates = {name: clips_per_second(way) for name, way in ways.items()}
            for name, rate in rates.items():
                print(f"K = {frames:2}  {name:26} {rate:10,.0f}  {rate / rates['(a) published']:8,.1f}x")
        reading = Reading(store, 4)
        for batches in (10, 100, 1000):
            for _ in map(reading.uint8, range(batches)):
                pass
            print(f"memory after {batches:4} batches: {resident():6.0f} MB")
        for _ in prefetch(reading.uint8, range(1000)):
            pass
        print(f"memory after 1000 more, prefetched: {resident():6.0f} MB")


if __name__ == "__main__":
    main()
