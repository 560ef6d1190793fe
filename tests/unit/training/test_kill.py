"""Trainings as a cluster treats them: the real command, killed again and again, ends as if never killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cineclr.config.base import Execution, Section
from cineclr.config.echo import Augmentation, Encoder, Finetune, PretrainMethod

ENCODER = Encoder(width=8, kinetics400="none")
EXECUTION = Execution(save_minutes=0)  # a checkpoint after every step
PRETRAIN = PretrainMethod(
    epochs=8, batch_size=8, learning_rate=1e-3, cpu_threads=1, augmentation=Augmentation(pad=1)
)
FINETUNE = Finetune(
    frames=4, batch_size=8, max_epochs=6, patience=6, cpu_threads=1, augmentation=Augmentation(pad=1)
)
CELL = {"task": "severe_as", "init": "random", "ratio": 1.0, "learning_rate": 1e-3}
SECONDS = 60.0


class Command:
    """One training as a command line; every `start` is the same command, with output in `folder`."""

    def __init__(self, name: str, settings: Section, folder: Path, **options: Any) -> None:
        models = {"settings": settings, "encoder": ENCODER, "execution": EXECUTION}
        options |= {key: json.dumps(model.model_dump(mode="json")) for key, model in models.items()}
        options |= {"seed": 0, "checkpoints": folder / "checkpoints", "history": folder / "history.csv"}
        options["output"] = folder / "model.safetensors"
        self.arguments = [sys.executable, "-m", "cineclr", name]
        for key, value in options.items():
            values = value if isinstance(value, list) else [value]
            self.arguments += [f"--{key.replace('_', '-')}", *map(str, values)]
        self.folder, self.log = folder, ""

    def start(self, **environment: str) -> "subprocess.Popen[str]":
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment}
        return subprocess.Popen(self.arguments, stderr=subprocess.PIPE, text=True, env=variables)

    def finish(self, process: "subprocess.Popen[str]") -> int:
        self.log = process.communicate(timeout=SECONDS)[1]
        return process.returncode

    def steps(self) -> int:
        """Return the steps after which the newest checkpoint was written."""
        files = (self.folder / "checkpoints").glob("*/0*.pt")
        return max((int(path.name.split("-")[0]) for path in files), default=0)

    def half_written(self) -> bool:
        return any((self.folder / "checkpoints").glob("*/.writing*"))

    def results(self) -> list[bytes]:
        return [(self.folder / name).read_bytes() for name in ("model.safetensors", "history.csv")]


def wait(process: "subprocess.Popen[str]", reached: Callable[[], bool]) -> None:
    """Let the process run in slices until something holds while it stands still."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        if reached():
            return
        assert process.poll() is None, "ended before it was to be killed"
        process.send_signal(signal.SIGCONT)
    raise AssertionError("never came there")


def kill(command: Command, number: signal.Signals, reached: Callable[[], bool]) -> None:
    process = command.start()
    wait(process, reached)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    code = command.finish(process)
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 1
        assert f"stopped by {number.name}; the state is saved, run the same command again" in command.log
    assert not (command.folder / "model.safetensors").exists()


def chain(command: Command, numbers: list[signal.Signals], rng: np.random.Generator) -> None:
    """Kill the command by each signal, some steps further each time."""
    for number in numbers:
        before, further = command.steps(), int(rng.integers(1, 7))
        kill(command, number, lambda before=before, further=further: command.steps() >= before + further)
        if before:
            assert "resumed in epoch" in command.log


@pytest.fixture
def commands(cohort: Any, tmp_path: Path) -> Callable[..., tuple[Command, Command]]:
    def make(name: str, settings: Section, **options: Any) -> tuple[Command, Command]:
        made = []
        for part in ("whole", "killed"):
            fit = {"fit": tmp_path / part / "fit.json"} if name == "finetune-echo" else {}
            made.append(Command(name, settings, tmp_path / part, **cohort.inputs(), **options, **fit))
        return made[0], made[1]

    return make


def test_killed_pretraining_ends_with_the_same_bytes(
    commands: Callable[..., tuple[Command, Command]],
) -> None:
    """SIGKILL at any step and amid a checkpoint's writing, and the clock."""
    whole, killed = commands("pretrain-echo", PRETRAIN, method="echoclr")
    undisturbed = whole.start()
    chain(killed, [signal.SIGKILL], np.random.default_rng(0))
    kill(killed, signal.SIGKILL, lambda: killed.half_written() and killed.steps() > 0)
    assert killed.half_written()
    before = killed.steps()
    late = killed.start(SLURM_JOB_END_TIME=f"{time.time():.0f}")
    assert killed.finish(late) == 1
    assert "stopped by the end of the job's time" in killed.log
    assert killed.steps() == before + 1  # every job gets a step further, however late it starts
    assert killed.finish(killed.start()) == 0, killed.log
    assert "resumed in epoch" in killed.log
    assert whole.finish(undisturbed) == 0, whole.log
    assert killed.results() == whole.results()
    assert not (killed.folder / "checkpoints").exists()


def test_killed_fine_tuning_ends_with_the_same_bytes(
    commands: Callable[..., tuple[Command, Command]],
) -> None:
    """SIGKILL at any step and the signals of a cluster."""
    whole, killed = commands("finetune-echo", FINETUNE, **CELL)
    undisturbed = whole.start()
    chain(killed, [signal.SIGUSR1, signal.SIGKILL, signal.SIGTERM], np.random.default_rng(1))
    assert killed.finish(killed.start()) == 0, killed.log
    assert whole.finish(undisturbed) == 0, whole.log
    assert killed.results() == whole.results()
    assert (killed.folder / "fit.json").read_bytes() == (whole.folder / "fit.json").read_bytes()
