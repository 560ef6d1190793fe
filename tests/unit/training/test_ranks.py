"""Two processes, as two nodes would run them under srun, train as one process does."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from cineclr.config.base import Execution
from cineclr.config.echo import PretrainMethod
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.loop import Loop
from cineclr.training.pretrain import ContrastiveModel, Pretraining
from cineclr.training.session import StoppedError, start_fabric

STEPS = 3


class NormFree(R3D18):
    """The encoder without batch normalisation, whose statistics are each rank's own."""

    def __init__(self) -> None:
        super().__init__(width=8)
        for module in list(self.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, torch.nn.BatchNorm3d):
                    setattr(module, name, torch.nn.GroupNorm(2, child.num_features))


class Shortened(Pretraining):
    """The first steps of an epoch; one rank is told to stop in the first, where `stop` names it."""

    stop: int | None = None

    def steps(self) -> int:
        return STEPS

    def compute(self, model: torch.nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        if self.stop == self.fabric.global_rank:
            self.stop = None
            os.kill(os.getpid(), 15)
        return super().compute(model, batch)


def train(folder: Path, inputs: list[Path], nodes: int, stop: int | None = None) -> None:
    """Train with plain gradient descent, of which equal gradients make equal weights; save them."""
    settings = PretrainMethod(
        epochs=1, batch_size=8, learning_rate=1, cpu_threads=1, precision="32-true", nodes=nodes
    )
    fabric = start_fabric(settings.precision, 1, 1, seed=0, nodes=nodes)
    studies, store = open_inputs(inputs[0], inputs[1:3], inputs[3:5], settings.frames)
    videos = select_videos(store, studies, "train")
    training = Shortened("echoclr", settings, store, videos, 7, fabric)
    training.stop = stop
    model = ContrastiveModel(NormFree(), settings, predict_order=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    loop = Loop(fabric, model, optimizer, training, Checkpoints(folder, f"key{nodes}"), Execution())
    history = loop.run()
    if fabric.is_global_zero:
        torch.save((model.state_dict(), history), folder / f"weights{nodes}.pt")


def start_ranks(folder: Path, inputs: list[Path], *arguments: str) -> list[str]:
    """Run this file as two tasks of srun on two nodes; return what they wrote to stderr."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "SLURM_JOB_ID": "7"}
    shared |= {"SLURM_JOB_NAME": "pretrain", "SLURM_NODELIST": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder), ",".join(map(str, inputs)), *arguments]
    ranks = [
        subprocess.Popen(
            command,
            env={**os.environ, **shared, "SLURM_PROCID": rank, "SLURM_NODEID": rank, "SLURM_LOCALID": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    return [rank.communicate(timeout=120)[1] for rank in ranks]


def test_two_nodes_train_as_one_process(cohort: Any, tmp_path: Path) -> None:
    """Same batches, so the same gathered loss, gradients and weights; one stopped rank stops both."""
    inputs = [cohort.splits, *cohort.clips, *cohort.frames]
    errors = start_ranks(tmp_path, inputs, "stop")
    assert "stopped by a signal to another process; the state is saved" in errors[0], errors
    assert "stopped by SIGTERM; the state is saved" in errors[1], errors
    assert not (tmp_path / "weights2.pt").exists()
    errors = start_ranks(tmp_path, inputs)
    assert "resumed in epoch 1, step 2" in errors[0], errors
    train(tmp_path, inputs, nodes=1)
    (one, history), (two, gathered) = (torch.load(tmp_path / f"weights{nodes}.pt") for nodes in (1, 2))
    # A rank's uniformity is a logarithm over its own clips; the mean of these is nearly that of all.
    assert gathered[0].pop("uniformity") == pytest.approx(history[0].pop("uniformity"), rel=0.01)
    assert gathered[0] == pytest.approx(history[0], rel=1e-4)
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-4, atol=1e-5, msg=name)


def test_several_nodes_need_srun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    with pytest.raises(InputError, match="`srun --nodes 2 --ntasks-per-node 1`, or set nodes: 1"):
        start_fabric("32-true", 1, 1, seed=0, nodes=2)


PAIR = """
import time
from cineclr.training import session

class Pair(session.Fabric):
    def __init__(self, **options):
        super().__init__(**{**options, "devices": 2, "strategy": "ddp"})

session.Fabric = Pair
fabric = session.start_fabric("32-true", 2, 1, seed=0)
fabric.barrier()
if fabric.is_global_zero:
    raise OSError("no space left")
time.sleep(100)  # a collective
"""


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "pair.py"
    script.write_text(PAIR)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    # Returns when stderr is closed, by both.
    done = subprocess.run(
        [sys.executable, script], env=variables, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "no space left" in done.stderr


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    paths = [Path(path) for path in sys.argv[2].split(",")]
    try:
        train(Path(sys.argv[1]), paths, nodes=2, stop=1 if "stop" in sys.argv else None)
    except StoppedError as error:
        print(error, file=sys.stderr)
