from pathlib import Path

from cineclr.operation.cluster import end_orphans, find_orphans

RUN = "15e4db03-8354-4ca8-97f3-dca21bbd4822"


def fake(folder, name, script):
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_only_jobs_of_a_snakemake_in_this_folder_are_ended(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    listed = f"7|{RUN}|/here\\n8|{RUN}|/elsewhere\\n9|my-job|/here\\n10|{RUN}|/here\\n"
    fake(tmp_path, "squeue", f"test -e {gone} || printf '{listed}'")
    fake(tmp_path, "scancel", f"echo $* > {gone}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "10")  # this very job
    assert find_orphans(Path("/here")) == ["7"]
    end_orphans(Path("/here"))
    assert gone.read_text().split() == ["7"]
