import os
from pathlib import Path

import torch

from cineclr.training.checkpoints import Checkpoints, training_key


def test_key_changes_with_settings_tables_and_arrays(tmp_path: Path) -> None:
    table, array = tmp_path / "table", tmp_path / "array"
    table.write_text("a")
    array.write_text("b")
    keys = [training_key({"rate": 1}, [table], [array]), training_key({"rate": 2}, [table], [array])]
    table.write_text("c")
    keys.append(training_key({"rate": 1}, [table], [array]))
    os.utime(array, (1, 1))
    keys.append(training_key({"rate": 1}, [table], [array]))
    assert len(set(keys)) == 4
    assert keys[-1] == training_key({"rate": 1}, [table], [array])


def test_newest_two_are_kept_and_damaged_ones_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "job", "key")
    assert checkpoints.newest() is None
    for step in (1, 2, 10):
        checkpoints.save({"step": step, "weights": torch.full((9,), float(step))}, step)
    files = sorted((tmp_path / "job" / "key").iterdir())
    assert [int(path.name.split("-")[0]) for path in files] == [2, 10]
    newest = checkpoints.newest()
    assert newest is not None
    assert checkpoints.load(newest)["step"] == 10
    files[1].write_bytes(files[1].read_bytes()[:-1])
    assert checkpoints.newest() == files[0]
    assert checkpoints.load(files[0])["step"] == 2
    files[0].write_bytes(b"")
    assert checkpoints.newest() is None


def test_removal_leaves_nothing(tmp_path: Path) -> None:
    for key in ("earlier", "now"):
        Checkpoints(tmp_path / "job", key).save({}, 1)
    Checkpoints(tmp_path / "job", "now").remove()
    assert list(tmp_path.iterdir()) == []
