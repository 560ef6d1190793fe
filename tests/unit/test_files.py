import json
import stat

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cineclr import __version__
from cineclr.errors import InputError
from cineclr.files import read_fact, read_parquet, require_file, write_json, write_parquet, write_table
from cineclr.publishing import publish, sha256_file

FRAME = pd.DataFrame({"study": ["S1", "S2"], "label": [0, 1]})


def test_a_failure_leaves_what_stood_there_and_no_debris(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail():
        with publish(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("first", "second"):
        with publish(tmp_path / "shard") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [path.name for path in (tmp_path / "shard").iterdir()] == ["second"]


def test_parquet_carries_the_version_and_round_trips(tmp_path):
    write_parquet(FRAME, tmp_path / "a.parquet")
    assert pq.read_schema(tmp_path / "a.parquet").metadata[b"cineclr_version"].decode() == __version__
    both = read_parquet([tmp_path / "a.parquet"] * 2)
    assert both["study"].tolist() == ["S1", "S2", "S1", "S2"]


def test_equal_content_is_equal_bytes(tmp_path):
    write_table(FRAME, tmp_path / "a.csv")
    write_table(FRAME.copy(), tmp_path / "b.csv")
    write_json({"b": 1, "a": 2}, tmp_path / "a.json")
    write_json({"a": 2, "b": 1}, tmp_path / "b.json")
    for suffix in ("csv", "parquet", "json"):
        assert sha256_file(tmp_path / f"a.{suffix}") == sha256_file(tmp_path / f"b.{suffix}")
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 2, "b": 1}


def test_published_files_follow_the_umask(tmp_path):
    write_json({}, tmp_path / "a.json")
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) & 0o600 == 0o600


def test_a_missing_file_is_named_by_its_role(tmp_path):
    with pytest.raises(InputError, match=r"sheet: no such file: echo.csv. Give it"):
        require_file(tmp_path / "echo.csv", "sheet", "Give it")


def test_facts_travel_with_a_table(tmp_path):
    write_parquet(FRAME, tmp_path / "a.parquet", key_fingerprint="abc")
    assert read_fact(tmp_path / "a.parquet", "key_fingerprint") == "abc"
    assert read_fact(tmp_path / "a.parquet", "colour") == ""


def test_what_a_kill_left_is_cleared(tmp_path):
    (tmp_path / ".a.99999.tmp.json").write_text("half")
    (tmp_path / ".ab.99999.tmp.json").write_text("another output's")
    write_json({}, tmp_path / "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ab.99999.tmp.json", "a.json"]
