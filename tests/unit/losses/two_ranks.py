"""Two processes that talk over gloo, as two GPUs would."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

START = """
import sys
import torch
import torch.distributed as dist

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
inputs = torch.load(f"{folder}/inputs.pt")
"""
END = """
if rank == 0:
    torch.save(result, f"{folder}/result.pt")
dist.destroy_process_group()
"""


def run_two_ranks(program: str, inputs: Any, folder: Path) -> Any:
    """Run a program that knows `rank` and `inputs` as both ranks; return the `result` of the first."""
    torch.save(inputs, folder / "inputs.pt")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", START + program + END]
    ranks = [subprocess.Popen([*command, rank, str(folder)], env=environment) for rank in "01"]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    return torch.load(folder / "result.pt")
