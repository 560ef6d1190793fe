import multiprocessing
import os
import time

import pytest

from cineclr.errors import InputError
from cineclr.operation.lock import hold_lock


def test_the_holder_is_named_and_its_end_frees_the_lock(tmp_path):
    """Case 28: a second runner is refused by name of the first."""
    path = tmp_path / "new" / "lock"
    held = hold_lock(path)
    with pytest.raises(InputError, match=f"works in this folder: process {os.getpid()} on "):
        hold_lock(path)
    held.close()
    hold_lock(path).close()


def test_a_lock_that_a_killed_process_left_is_taken(tmp_path):
    """Case 28: what a stale lock says is no lock."""
    path = tmp_path / "lock"
    holder = multiprocessing.get_context("fork").Process(target=_hold, args=(path,))
    holder.start()
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    with pytest.raises(InputError, match=f"works in this folder: process {holder.pid} on "):
        hold_lock(path)
    holder.kill()
    holder.join()
    assert f"process {holder.pid} on " in path.read_text()
    hold_lock(path).close()


def _hold(path):
    held = hold_lock(path)
    time.sleep(60)
    held.close()
