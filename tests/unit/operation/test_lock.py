import os

import pytest

from cineclr.errors import InputError
from cineclr.operation.lock import hold_lock


def test_the_holder_is_named_and_its_end_frees_the_lock(tmp_path):
    path = tmp_path / "new" / "lock"
    held = hold_lock(path)
    with pytest.raises(InputError, match=f"works in this folder: process {os.getpid()} on "):
        hold_lock(path)
    held.close()
    hold_lock(path).close()
