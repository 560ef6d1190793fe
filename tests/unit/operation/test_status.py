import time

import pytest
from journal_files import add, begin, start

from cineclr.cli import main
from cineclr.errors import InputError
from cineclr.operation import status as room
from cineclr.operation.status import status


def test_failed_jobs_are_named_with_their_reason_and_log(broken_run, capsys):
    status(root=broken_run)
    text = capsys.readouterr().out
    assert "1 of 5 jobs of this start are done (20 %), 0 cut short, 3 failed, 1 waiting" in text
    assert "Snakemake ended at" in text
    assert "  train task=lvh\n      cineclr train: error: task lvh: no study has a label\n" in text
    assert "failed in attempt 2 at" in text
    assert "log: results/main/logs/train/as.log" in text
    assert "  lacking\n      the command ended well but did not write all of its outputs" in text
    assert "Done: 1 good" in text


def test_running_jobs_show_since_when_and_their_last_line(tmp_path, capsys, monkeypatch):
    path = begin(tmp_path, {"pretrain_echo": 2, "finetune_echo": 120})
    began = time.time() - 7500
    start(path, 1, "pretrain_echo", began, method="echoclr")
    add(path, event="submitted", job=1, slurm="4711", slurm_log="x.log")
    start(path, 2, "pretrain_echo", began, method="simclr")
    add(path, event="submitted", job=2, slurm="4712", slurm_log="y.log")
    log = tmp_path / "results/main/logs/pretrain_echo/1.log"
    log.parent.mkdir()
    log.write_text("device: 2 x GPU\npretrain echoclr ██░░ 40/300\n")
    monkeypatch.setattr(room.Run, "is_alive", lambda run: True)
    status(root=tmp_path)
    text = capsys.readouterr().out
    assert "Snakemake runs (process 1)" in text
    assert "0 of 122 jobs of this start are done (0 %), 2 running, 0 failed, 120 waiting" in text
    assert "2 h 05 min, SLURM job 4711\n      pretrain echoclr ██░░ 40/300\n" in text
    assert "SLURM job 4712\n      nothing in its log yet: in SLURM's queue, or starting\n" in text
    assert "Waiting: 120 finetune_echo" in text


def test_a_killed_snakemake_is_told_from_a_running_one_and_its_locks_are_named(killed_run, capsys):
    folder, pid, kill = killed_run
    status(root=folder)
    text = capsys.readouterr().out
    assert f"Snakemake runs (process {pid}) since" in text
    assert "Running:\n  good\n" in text
    assert "unlock" not in text
    kill()
    status(root=folder)
    text = capsys.readouterr().out
    assert "Snakemake no longer runs" in text
    assert "0 running" not in text
    assert "1 cut short" in text
    assert "snakemake --unlock" in text


def test_a_snakemake_on_another_machine_is_not_judged(tmp_path, capsys):
    start(begin(tmp_path, {"x": 2}), 1, "x")
    status(root=tmp_path)
    text = capsys.readouterr().out
    assert "on elsewhere; whether it still runs can only be seen there" in text
    assert "1 running" in text


def test_many_jobs_are_counted_instead_of_listed(tmp_path, capsys, monkeypatch):
    path = begin(tmp_path, {"x": 30})
    for job in range(30):
        start(path, job, "x", number=str(job))
        add(path, event="failed", job=job, message="")
    status(root=tmp_path)
    text = capsys.readouterr().out
    assert text.count("ended without a word") == room.SHOWN
    assert "and 10 x" in text


def test_the_newest_start_counts(tmp_path, capsys):
    path = begin(tmp_path, {"x": 30})
    newer = path.with_name("2026-01-02T000000.jsonl")
    newer.write_text(path.read_text().replace('"x": 30', '"x": 7'))
    status(root=tmp_path)
    assert "of 7 jobs" in capsys.readouterr().out


def test_no_run_is_an_error_that_names_the_runs_there_are(tmp_path, capsys):
    begin(tmp_path, {"x": 1})
    with pytest.raises(InputError, match=r"run 'other'.*runs here: main"):
        status("other", tmp_path)
    assert main(["status", "--run", "other", "--root", str(tmp_path)]) == 1
    assert main(["status", "--root", str(tmp_path)]) == 0
