import os
import signal
import time
from pathlib import Path

import pytest
import torch

from cineclr.training import session
from cineclr.training.device import use_precision
from cineclr.training.session import CLOCK_MARGIN, StopFlag, start_fabric


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without a GPU")
def test_starts_in_one_process_inside_a_slurm_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM's variables would make Lightning expect a task per device, started by srun."""
    variables = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "pretrain", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}
    for name, value in {**variables, "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}.items():
        monkeypatch.setenv(name, value)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    fabric = start_fabric("bf16-mixed", devices=2, cpu_threads=1, seed=3)
    assert (fabric.world_size, fabric.device.type) == (1, "cpu")
    assert torch.initial_seed() == 3
    assert torch.get_num_threads() == 1
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)] == handlers


def test_signal_is_remembered_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with StopFlag() as stop:
        assert stop.received == ""
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.received == "SIGUSR1"
    assert signal.getsignal(signal.SIGUSR1) == before


@pytest.mark.parametrize(("left", "margin"), [(36000, CLOCK_MARGIN), (100, 10)])
def test_training_stops_before_the_end_of_the_job(
    monkeypatch: pytest.MonkeyPatch, left: float, margin: float
) -> None:
    end = time.time() + left
    monkeypatch.setenv("SLURM_JOB_END_TIME", f"{end}")
    stop = StopFlag()
    for seconds, stops in ((margin + 2, False), (margin - 2, True)):
        monkeypatch.setattr(session.time, "time", lambda seconds=seconds: end - seconds)
        assert bool(stop.received) == stops


def test_an_older_slurm_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    squeue = tmp_path / "squeue"
    squeue.write_text('#!/bin/sh\necho "1-00:02:03 $*"\n')
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert session.seconds_left_of_job() == float("inf")  # an answer that cannot be read
    squeue.write_text('#!/bin/sh\ntest "$3" = 7 && echo 1-00:02:03\n')
    assert session.seconds_left_of_job() == 86523
    monkeypatch.delenv("SLURM_JOB_ID")
    assert session.seconds_left_of_job() == float("inf")


@pytest.mark.parametrize(
    ("precision", "kind"),
    [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.bfloat16)],
)
def test_prediction_computes_as_training_does_on_a_cpu(precision: str, kind: torch.dtype) -> None:
    layer, x = torch.nn.Linear(2, 2), torch.rand(1, 2)
    with use_precision(precision, torch.device("cpu")):  # type: ignore[arg-type]
        assert layer(x).dtype == kind
