"""A training step with everything around it against the bare model: how much do data and bookkeeping cost?

    python benchmarks/training_step.py [--threads 1] [--repeats 7]

Ours is the loop as trainings run it: clips from a packed store on disk, augmentation, frame order, NT-Xent,
guarded update, history. The bare one is the same network, losses and optimizer on random tensors of the same
shape and arithmetic that lie ready. Both take turns in one run; medians of a step's time: on a CPU that of
all threads of this process (other jobs on the machine disturb it less), on a GPU that of the clock.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import nn

from cineclr.config.base import Execution
from cineclr.config.echo import PretrainMethod
from cineclr.losses.ntxent import nt_xent
from cineclr.models.r3d import R3D18
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.loop import Loop
from cineclr.training.pretrain import ContrastiveModel, Pretraining
from cineclr.training.session import start_fabric

# Four videos of a study make six pairs: an epoch has 6 batches.
VIDEOS_PER_PAIR = 4


class PackedStore:
    """What a training reads of `cineclr.video.store.ClipStore`: frames in one memory-mapped array."""

    def __init__(self, folder: Path, size: int, videos: int, frames: int = 32) -> None:
        array = np.lib.format.open_memmap(
            folder / "frames.npy", "w+", np.uint8, (videos * frames, size, size)
        )
        array[:] = np.random.default_rng(0).integers(0, 256, array.shape, dtype=np.uint8)
        array.flush()
        self.frames, self.array = frames, np.load(folder / "frames.npy", mmap_mode="r")
        self.videos = pd.DataFrame({"study": np.arange(videos) // 4, "frames": frames})
        self.size = (size, size)

    def clip(self, row: int, start: int, length: int) -> np.ndarray:
        first = row * self.frames + start
        return self.array[first : first + length]


def make_model(settings: PretrainMethod, width: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = ContrastiveModel(R3D18(width), settings, predict_order=True)
    return model, torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)


class Bare:
    """The network's steps on tensors that lie ready."""

    def __init__(self, fabric: Fabric, settings: PretrainMethod, width: int, size: int) -> None:
        module, optimizer = make_model(settings, width)
        self.fabric, self.settings = fabric, settings
        self.model, self.optimizer = fabric.setup(module, optimizer)
        clips = 2 * settings.batch_size
        self.clips = torch.rand(clips, settings.frames, size, size, device=fabric.device)
        self.orders = torch.randint(24, (clips,), device=fabric.device)

    def step(self) -> None:
        embeddings, scores = self.model(self.clips)
        loss = nt_xent(*embeddings.chunk(2), self.settings.temperature).loss
        loss = loss + nn.functional.cross_entropy(scores.float(), self.orders)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(fabric: Fabric, width: int, size: int, settings: PretrainMethod, repeats: int) -> None:
    """Print the medians of one network and clip size, an epoch of the loop against as many bare steps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = PackedStore(folder, size, videos=VIDEOS_PER_PAIR * settings.batch_size)
        training = Pretraining("echoclr", settings, store, store.videos, 0, fabric)
        module, optimizer = make_model(settings, width)
        loop = Loop(fabric, module, optimizer, training, Checkpoints(folder, "key"), Execution())
        bare = Bare(fabric, settings, width, size)
        clock = time.process_time if fabric.device.type == "cpu" else time.perf_counter
        steps, seconds, waits = training.steps(), ([], []), []
        for _ in range(repeats + 1):  # the first, in which memory is allotted, does not count
            training.epochs = loop.position.epoch + 1
            synchronize(fabric.device)
            start = clock()
            loop.run()
            middle = clock()
            for _ in range(steps):
                bare.step()
            synchronize(fabric.device)
            seconds[0].append((middle - start) / steps)
            seconds[1].append((clock() - middle) / steps)
            waits.append(loop.timings["data_wait_share"])
    ours, plain = (statistics.median(values[1:]) for values in seconds)
    ratio = statistics.median(a / b for a, b in zip(seconds[0][1:], seconds[1][1:], strict=True))
    shape = f"{2 * settings.batch_size} x {settings.frames} x {size} x {size}"
    print(
        f"width {width:2}, clips {shape}: ours {1000 * ours:.1f} ms, bare {1000 * plain:.1f} ms a step; "
        f"{100 * (ratio - 1):+.1f} %; waited for data {100 * statistics.median(waits[1:]):.2f} % of the time"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    repeats = options.repeats
    for width, size, batch in ((8, 56, 32), (64, 112, 8)):
        settings = PretrainMethod(
            epochs=1, batch_size=batch, learning_rate=1e-3, devices=1, cpu_threads=options.threads
        )
        fabric = start_fabric(settings.precision, 1, options.threads, seed=0)
        device = fabric.device
        kind = "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
        print(f"{kind}, {options.threads} CPU threads, {settings.precision}: ", end="", flush=True)
        measure(fabric, width, size, settings, repeats if width == 8 else max(repeats // 3, 1))


if __name__ == "__main__":
    main()
