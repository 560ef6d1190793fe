import os
import subprocess
import sys

import pytest
import torch

from cineclr import gpus
from cineclr.gpus import take_gpus

HOLD = """
import sys
from cineclr.gpus import _lock
print(all(map(_lock, map(int, sys.argv[1:]))), flush=True)
input()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with three GPUs, as far as PyTorch says, and locks of its own."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in (*gpus.ASSIGNED, gpus.TAKEN):
        os.environ.pop(name, None)
    held: list[int] = []
    monkeypatch.setattr(gpus, "_held", held)
    yield
    for descriptor in held:
        os.close(descriptor)


@pytest.fixture
def hold(machine):
    """Let another process hold GPUs; it ends with the test, or when what is returned is called."""
    children = []

    def start(*numbers):
        command = [sys.executable, "-c", HOLD, *map(str, numbers)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
        children.append(child)
        assert child.stdout.readline() == b"True\n"
        return lambda: (child.kill(), child.wait())

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_a_job_takes_gpus_that_no_other_holds(hold):
    hold(0)
    assert take_gpus(1) == [1]
    assert take_gpus(1) == [1]  # asked again, and in the processes that it starts
    assert os.environ[gpus.TAKEN] == "1"


def test_where_fewer_are_free_than_wanted_those_are_taken(hold):
    hold(1)
    assert take_gpus(3) == [0, 2]


def test_where_none_is_free_the_first_is_shared_and_said(hold, caplog):
    hold(0, 1, 2)
    assert take_gpus(2) == [0]
    assert "every GPU is held by other jobs" in caplog.text


def test_a_gpu_is_free_again_when_its_holder_was_killed(hold):
    kill = hold(0)
    kill()
    assert take_gpus(1) == [0]


@pytest.mark.parametrize("name", gpus.ASSIGNED)
def test_what_others_have_assigned_is_taken_in_order(hold, monkeypatch, name):
    hold(0)
    os.environ[name] = "7"
    assert take_gpus(2) == [0, 1]


def test_without_a_gpu_there_is_none(monkeypatch):
    monkeypatch.delenv(gpus.TAKEN, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert take_gpus(2) == []
