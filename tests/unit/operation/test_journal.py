import json
import logging
from types import SimpleNamespace

import pytest
from journal_files import add, begin, start

from cineclr.operation import history
from cineclr.operation.history import journals, read_journal
from cineclr.operation.journal import Journal, describe

SLURM = "Job 7 has been submitted with SLURM jobid 4711 (log: .snakemake/slurm_logs/rule_x/lvh/4711.log)."
LACKING = (
    "MissingOutputException in rule x in file Snakefile, line 3:\n"
    "Job 7  completed successfully, but some output files are missing. Missing files after 5 seconds."
)


def message(text):
    return logging.LogRecord("snakemake.logging", logging.INFO, "", 0, text, None, None)


def test_a_real_snakemake_is_noted_even_where_its_own_log_is_quiet(broken_run):
    run = read_journal(journals(broken_run / "results/main")[-1])
    assert run.planned == {"good": 1, "train": 2, "lacking": 1, "all": 1}
    states = {(job.rule, *job.wildcards.values()): (job.state, job.attempt) for job in run.jobs.values()}
    assert states == {
        ("good",): ("done", 1),
        ("train", "lvh"): ("failed", 2),
        ("train", "as"): ("failed", 2),
        ("lacking",): ("failed", 2),
    }
    train = next(job for job in run.jobs.values() if job.rule == "train")
    assert train.asks == {"gpu": 2, "mem_mb": 64000, "runtime": 720}
    assert train.logs == [f"results/main/logs/train/{train.wildcards['task']}.log"]
    assert run.ended is not None
    assert run.waiting() == {"all": 1}


def test_what_is_said_in_words_only_is_understood():
    submitted = describe(message(SLURM))
    assert submitted == {
        "event": "submitted",
        "job": 7,
        "slurm": "4711",
        "slurm_log": ".snakemake/slurm_logs/rule_x/lvh/4711.log",
    }
    assert describe(message(LACKING))["event"] == "failed"
    assert describe(message("Select jobs to execute...")) is None
    assert describe(message(None)) is None


def test_slurms_verdict_is_kept_and_commands_are_not():
    error = SimpleNamespace(
        event="job_error", jobid=3, rule_msg="SLURM sbatch failed.\n  sbatch call: x /data/y"
    )
    assert describe(error) == {"event": "failed", "job": 3, "message": "SLURM sbatch failed."}


def test_a_fault_of_the_journal_does_not_reach_snakemake(tmp_path, capsys):
    journal = Journal(tmp_path / "a.jsonl")
    journal.emit(SimpleNamespace(event="job_info"))  # a record without any field
    assert "AttributeError" in capsys.readouterr().err
    journal.close()
    journal.emit(SimpleNamespace(event="job_finished", job_id=1))
    events = [json.loads(line)["event"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert events == ["begun", "ended"]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    path = begin(tmp_path, {"x": 3})
    start(path, 1, "x")
    with path.open("a") as file:
        file.write('{"time": 1001.0, "event": "fini')
    run = read_journal(path)
    assert [job.state for job in run.jobs.values()] == ["running"]
    assert run.waiting() == {"x": 2}
    assert run.ended is None


def test_a_restarted_job_runs_again_and_can_end_well(tmp_path):
    path = begin(tmp_path, {"x": 1})
    start(path, 1, "x")
    add(path, event="failed", job=1, message="")
    assert [job.attempt for job in read_journal(path).of_state("failed")] == [1]
    start(path, 1, "x")
    assert [job.attempt for job in read_journal(path).of_state("running")] == [2]
    add(path, event="finished", job=1)
    assert len(read_journal(path).of_state("done")) == 1


@pytest.mark.parametrize(
    ("host", "pid", "alive"), [("elsewhere", 1, None), ("here", 2**22 + 1, False), ("here", None, False)]
)
def test_whether_snakemake_lives_is_only_said_where_it_can_be_known(tmp_path, monkeypatch, host, pid, alive):
    monkeypatch.setattr(history.socket, "gethostname", lambda: "here")
    monkeypatch.setattr(history, "_command_of", lambda number: b"bash" if number == 4 else b"")
    run = history.Run({"host": host, "pid": pid or 4})
    monkeypatch.setattr(history.os, "kill", _kill)
    assert run.is_alive() is alive


def _kill(pid, signal):
    if pid != 4:
        raise ProcessLookupError
