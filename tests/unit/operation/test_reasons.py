import pytest

from cineclr.operation.history import Job
from cineclr.operation.reasons import find_progress, find_reason

OWN = "12:00:01 read: 9 studies\ncineclr finetune-echo: error: task lvh: a subset has no positive\n"
BAR = "pretrain ██████░░░░░░ 40/300 60 s, 400 s left  epoch 2: loss 5.9\n"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "x.py", line 3\nModuleNotFoundError: No module named h5py\n'
)
UNEXPECTED = "  loop.py:97 in _step\ncineclr pretrain-echo: unexpected RuntimeError: shapes differ\n"
TIME_LIMIT = (
    "slurmstepd: error: *** JOB 4711 ON node3 CANCELLED AT 2026-05-01T10:00:00 DUE TO TIME LIMIT ***\n"
)
OOM = "slurmstepd: error: Detected 1 oom_kill event in StepId=4711.0. Some of it was OOM Killed.\n"
EXITED = "srun: error: node3: task 0: Exited with exit code 1\n"
NO_SOURCE = "srun: fatal: Could not establish a configuration source\n"
CANCELLED = "slurmstepd-node3: error: *** JOB 4711 ON node3 CANCELLED AT 2026-05-01T10:00:00 ***\n"


def make_job(folder, log, slurm_log="", message=""):
    path = folder / "results/main/logs/finetune_echo/a.log"
    path.parent.mkdir(parents=True)
    path.write_text(log)
    slurm = folder / ".snakemake/slurm_logs/rule_finetune_echo/a/4711.log"
    slurm.parent.mkdir(parents=True)
    slurm.write_text(slurm_log)
    places = {"logs": [str(path.relative_to(folder))], "slurm_log": str(slurm.relative_to(folder))}
    facts = {"threads": 1, "asks": {}, "started": 0.0, "message": message}
    return Job(rule="finetune_echo", wildcards={}, **places, **facts)


@pytest.mark.parametrize(
    ("log", "slurm_log", "message", "words"),
    [
        (OWN, "", "", "error: task lvh: a subset has no positive"),
        (OWN + "tee: write error\n", "", "", "error: task lvh: a subset has no positive"),
        (UNEXPECTED, "", "", "unexpected RuntimeError: shapes differ"),
        (TRACEBACK, "", "", "ModuleNotFoundError: No module named h5py"),
        (BAR, TIME_LIMIT, "", "out of time: --set-resources finetune_echo:runtime=MINUTES"),
        (BAR, OOM, "", "out of memory: --set-resources finetune_echo:mem_mb=MB"),
        (BAR, CANCELLED, "", "cancelled"),
        (
            BAR,
            "",
            "SLURM-job '1' failed, SLURM status is: 'OUT_OF_MEMORY'. Reason: Unknown.",
            "out of memory",
        ),
        (BAR, "", "SLURM-job '1' failed, SLURM status is: 'FAILED'.", "is killed (memory?) (SLURM: FAILED)"),
        (BAR, EXITED, "SLURM-job '1' failed, SLURM status is: 'FAILED'.", "(SLURM: FAILED)"),
        ("", EXITED + NO_SOURCE + EXITED, "", "srun: fatal: Could not establish a configuration source"),
        ("", "", "SLURM sbatch failed. The error message was 'Invalid account'.", "Invalid account"),
        (OWN, "", "SLURM-job '1' failed, SLURM status is: 'FAILED'.", "error: task lvh"),
        (BAR, "", "", "ended without a word, as a process does that is killed"),
        ("", "", "", "ended without a word"),
    ],
)
def test_the_reason_is_the_line_that_tells_most(tmp_path, log, slurm_log, message, words):
    job = make_job(tmp_path, log, slurm_log, message)
    assert words in find_reason(job, tmp_path, tmp_path / "results/main")


def test_progress_is_the_last_line_since_the_job_was_started(tmp_path):
    job = make_job(tmp_path, OWN + BAR)
    assert find_progress(job, tmp_path, tmp_path / "results/main") == BAR.strip()
    job.started = 4e9  # later than the file: what another attempt wrote
    assert find_progress(job, tmp_path, tmp_path / "results/main") == ""


def test_nothing_of_the_private_side_is_read_whatever_a_journal_names(tmp_path):
    job = make_job(tmp_path, "")
    secret = tmp_path / "private/main/sources.log"
    secret.parent.mkdir(parents=True)
    secret.write_text("cineclr x: error: SMITH^JOHN\n")
    link = tmp_path / "results/main/logs/link.log"
    link.symlink_to(secret)
    job.logs = [
        "private/main/sources.log",
        "results/main/logs/link.log",
        "results/main/logs/../../../private",
    ]
    job.slurm_log = "private/main/sources.log"
    job.started = -1.0
    assert "SMITH" not in find_reason(job, tmp_path, tmp_path / "results/main")
    assert find_progress(job, tmp_path, tmp_path / "results/main") == ""
