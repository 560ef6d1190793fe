import json
import os
import subprocess
import sys

import pytest
from results_table import write_table
from test_flow_chart import FLOW

from cineclr.errors import InputError
from cineclr.reporting.summary import summarize


def make_run(folder, name):
    run = folder / name
    (run / "echo/cohort").mkdir(parents=True)
    (run / "echo/tables").mkdir()
    (run / "echo/cohort/flow.json").write_text(json.dumps(FLOW))
    write_table(run / "echo/tables/table_s2_lvh.csv", missing=["kinetics400"])
    write_table(run / "echo/tables/table_s3_severe_as.csv")
    return run


def test_summary_fits_a_screen_and_says_what_matters(tmp_path, capsys):
    summarize(make_run(tmp_path, "main"))
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines[:20])) <= 100
    assert "60 clips, 9 studies" in text
    assert "best internal: 0.800 (CI 0.770-0.830), EchoCLR trained on 5,194 (100%)" in text
    assert "Kinetics-400 not run: no weights" in text
    kinetics = [line for line in lines if line.startswith("Kinetics-400")]
    assert kinetics[1].split()[1:3] == ["0.55", "(0.52-0.58)"]
    assert f"Tables   {tmp_path / 'main/echo/tables'}" in text
    assert "Report" not in text


def test_what_the_run_took_stands_before_the_places_of_its_files(tmp_path, capsys):
    run = make_run(tmp_path, "main")
    (run / "benchmarks/finetune_echo").mkdir(parents=True)
    (run / "benchmarks/finetune_echo/a.tsv").write_text("s\th:m:s\tmax_rss\n7200\t2:00:00\t2048\n")
    summarize(run)
    text = capsys.readouterr().out
    assert "finetune_echo     1  2 h 00 min" in text
    assert text.index("Stage") < text.index("Tables ")


def test_of_several_runs_the_newest_is_shown(tmp_path, capsys):
    for age, name in enumerate(["first", "last", "middle"]):
        make_run(tmp_path, name)
        stamp = {"first": 1, "last": 3, "middle": 2}[name] * 1000 + age
        os.utime(tmp_path / name / "echo/cohort/flow.json", (stamp, stamp))
    summarize(tmp_path)
    assert capsys.readouterr().out.startswith("Run last\n")


def test_no_run_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="run snakemake first"):
        summarize(tmp_path)


def test_summary_imports_neither_matplotlib_nor_torch_nor_scipy():
    heavy = "('matplotlib', 'torch', 'scipy')"
    code = f"import sys, cineclr.reporting.summary; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
