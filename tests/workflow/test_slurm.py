"""The workflow through `profiles/slurm` on a real SLURM: the tables of a local run, whatever happens."""

import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from conftest import MICRO, ROOT, Workflow
from slurm_cluster import SlurmCluster, why_not
from slurm_runs import SlurmRun, copy_run, wait_until

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

LVEF = "results/micro/cmr/tables/lvef.csv"
TRAINING = "finetune_lvef"
# A training long enough to be hit, which saves its state every three seconds.
SETTINGS = ["--config", "cmr={lvef: {max_steps: 600}}", "execution={save_minutes: 0.05}"]
AGAIN = [LVEF, *SETTINGS]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with SlurmCluster(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def expected(micro, tmp_path_factory):
    """The table of an undisturbed local run with the longer training."""
    folder = copy_run(micro.folder, tmp_path_factory.mktemp("undisturbed") / "run")
    done = Workflow(folder, (ROOT / "config.yaml", MICRO)).snakemake(*AGAIN)
    assert done.returncode == 0, done.stderr[-3000:]
    return (folder / LVEF).read_bytes()


@pytest.fixture
def run(cluster, micro, tmp_path):
    return SlurmRun(cluster, copy_run(micro.folder, tmp_path / "run"))


def tables_of(folder: Path) -> dict[str, bytes]:
    tables = (folder / "results/micro").glob("*/tables/*.csv")
    return {f"{path.parts[-3]}/{path.name}": path.read_bytes() for path in tables}


@pytest.mark.skipif(bool(why_not(accounting=True)), reason=why_not(accounting=True))
def test_tables_equal_those_of_a_local_run(micro, tmp_path):
    """With accounting, as most clusters have it; and SLURM's records name no path of the data."""
    with SlurmCluster(tmp_path / "cluster", accounting=True) as cluster:
        (tmp_path / "run").mkdir()
        run = SlurmRun(cluster, tmp_path / "run")
        assert run.run() == 0, run.said()[-4000:]
        records = cluster.run("scontrol", "show", "job")
        records += cluster.run("sacct", "--parsable2", "--format=ALL", "--starttime=now-1days")
    assert tables_of(run.folder) == tables_of(micro.folder)
    assert records.count("rule_finetune_echo") > 10
    planted = [(run.folder / f"private/micro/truth/{name}.txt").read_text() for name in CANARIES]
    assert not [line for text in planted for line in text.splitlines() if line in records]
    assert "hospital" not in records
    assert run.folder.name in records


CANARIES = ("canaries", "cmr_canaries")


def hit_by_scancel(run: SlurmRun, job: str) -> None:
    run.cluster.run("scancel", job)


def hit_by_requeue(run: SlurmRun, job: str) -> None:
    run.cluster.run("scontrol", "requeue", job)


def hit_by_kill(run: SlurmRun, job: str) -> None:
    for process in run.processes("finetune-lvef"):
        subprocess.run(["kill", "-9", str(process)], check=True)


def hit_by_restart_of_slurmd(run: SlurmRun, job: str) -> None:
    run.cluster.stop("node1")
    run.cluster.start("node1")


def hit_by_preemption(run: SlurmRun, job: str) -> None:
    """Somebody with more rights needs the whole node for some seconds."""
    quiet = ("--output=/dev/null", "--wrap=sleep 3")
    run.cluster.run("sbatch", "--partition=urgent", "--exclusive", *quiet)


RARER = (hit_by_requeue, hit_by_kill, hit_by_restart_of_slurmd, hit_by_preemption)
HITS = [hit_by_scancel, *(pytest.param(hit, marks=pytest.mark.full) for hit in RARER)]


@pytest.mark.parametrize("hit", HITS)
def test_a_training_that_is_hit_ends_with_the_same_table(run, expected, hit):
    snakemake = run.start(*AGAIN)
    wait_until(lambda: run.checkpoint_of(TRAINING) and run.running(TRAINING), "a checkpoint")
    hit(run, run.running(TRAINING))
    assert run.finish(snakemake) == 0, run.said()[-3000:]
    assert (run.folder / LVEF).read_bytes() == expected
    assert not run.checkpoint_of(TRAINING)


def test_the_same_command_goes_on_after_snakemake_was_killed(run, expected):
    snakemake = run.start(*AGAIN)
    wait_until(lambda: run.checkpoint_of(TRAINING) and run.running(TRAINING), "a checkpoint")
    snakemake.kill()
    snakemake.wait()
    assert run.running(TRAINING)
    assert run.run(*AGAIN) == 0, run.said()[-3000:]
    assert "SLURM jobs that an earlier Snakemake left here" in run.said()
    assert (run.folder / LVEF).read_bytes() == expected


def test_a_second_snakemake_is_refused(run):
    snakemake = run.start(*AGAIN)
    wait_until(lambda: run.running(TRAINING), "a job")
    second = SlurmRun(run.cluster, run.folder)
    second.log = run.folder / "second.out"
    assert second.run(*AGAIN) == 1
    assert f"another Snakemake works in this folder: process {snakemake.pid} on " in second.said()
    assert run.running(TRAINING)
    snakemake.send_signal(signal.SIGINT)
    run.finish(snakemake)


def test_a_job_over_its_memory_gets_more(run, expected):
    small = ["--set-resources", f"{TRAINING}:mem_mb=min(450 * 4 ** (attempt - 1), 8000)"]
    assert run.run(*AGAIN, *small) == 0, run.said()[-3000:]
    assert (run.folder / LVEF).read_bytes() == expected
    states = [job["JobState"] for job in run.cluster.jobs() if job["WorkDir"] == str(run.folder)]
    assert "OUT_OF_MEMORY" in states or "CANCELLED" in states or "FAILED" in states


@pytest.mark.full
def test_a_job_over_its_time_goes_on_in_the_next(run, expected):
    """One minute is the least that SLURM counts: the training saves and stops before it, again and again."""
    short = ["--set-resources", f"{TRAINING}:runtime=1", "--set-threads", f"{TRAINING}=16"]
    assert run.run(*AGAIN, *short, "--retries", "20") == 0, run.said()[-3000:]
    assert (run.folder / LVEF).read_bytes() == expected


@pytest.mark.full
def test_a_shard_that_is_killed_while_writing_is_made_again(run, micro):
    manifest = "results/micro/cmr/studies/shard_0.parquet"
    target = [manifest, "--forcerun", "convert_studies", "--retries", "1"]
    snakemake = run.start(*target)
    place = run.folder / "results/micro/cmr/studies"
    wait_until(lambda: any(place.glob(".*shard_0*")) or any(place.glob("*shard_0*tmp*")), "a half-made shard")
    for process in run.processes("convert-studies"):
        subprocess.run(["kill", "-9", str(process)], check=True)
    assert run.finish(snakemake) == 0, run.said()[-3000:]
    pd.testing.assert_frame_equal(
        pd.read_parquet(run.folder / manifest), pd.read_parquet(micro.folder / manifest)
    )
    assert run.run() == 0, run.said()[-3000:]
    assert tables_of(run.folder) == tables_of(micro.folder)


@pytest.mark.full
def test_a_full_disk_costs_only_what_was_being_written(run, micro, expected, tmp_path):
    """Results lie on a file system with a few megabytes left; then it grows, and the command goes on."""
    used = sum(path.stat().st_size for path in (run.folder / "results").rglob("*") if path.is_file())
    disk = tmp_path / "disk"
    disk.mkdir()
    size = used + 3_000_000
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(run.folder / "results", disk / "results", copy_function=shutil.copy2)
        shutil.rmtree(run.folder / "results")
        (run.folder / "results").symlink_to(disk / "results")
        assert run.run(*AGAIN, "--retries", "0") != 0
        assert "No space left" in run.said() or "disk" in run.said()
        subprocess.run(["mount", "-o", f"remount,size={4 * size}", str(disk)], check=True)
        assert run.run(*AGAIN) == 0, run.said()[-3000:]
        assert (run.folder / LVEF).read_bytes() == expected
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_failing_shard_is_named_and_stops_no_other(run):
    """A video of shard 0 is gone: its job fails, 1 is done, and the end names the one and its reason."""
    folder = run.folder / "results/micro/echo"
    video = next((folder / "videos/shard_0").rglob("*.avi"))
    video.unlink()
    outputs = [f"results/micro/echo/views/shard_{shard}.parquet" for shard in (0, 1)]
    before = (run.folder / outputs[1]).stat().st_mtime_ns
    arguments = [*outputs, "--forcerun", "classify_views", "--retries", "0"]
    arguments += ["--rerun-triggers", "params"]
    assert run.run(*arguments) == 1
    assert (run.folder / outputs[1]).stat().st_mtime_ns > before
    assert not (run.folder / outputs[0]).exists()
    assert "Error in rule classify_views" in run.said()
    assert video.stem in run.said()


@pytest.mark.full
def test_a_pretraining_on_two_nodes_is_taken_over_by_snakemake(micro, tmp_path):
    """As docs/slurm.md has it: the command that Snakemake shows, under srun; then nothing is left to do."""
    encoder = "results/micro/echo/pretrain/echoclr/encoder.safetensors"
    wide = ["--config", "echo={pretrain: {nodes: 2}}"]
    folder = copy_run(micro.folder, tmp_path / "run")
    shutil.rmtree(folder / ".snakemake")
    shutil.rmtree((folder / encoder).parent)
    workflow = Workflow(folder, (ROOT / "config.yaml", MICRO))
    shown = workflow.snakemake(encoder, *wide, "--dry-run", "--printshellcmds").stdout
    line = next(line for line in shown.splitlines() if "pretrain-echo --method echoclr" in line)
    command = line[line.index("python -m cineclr") :]
    with SlurmCluster(tmp_path / "cluster", nodes=2) as cluster:
        said = cluster.run(
            *("srun", "--nodes=2", "--ntasks-per-node=1", f"--chdir={folder}"),
            *("--export=ALL,MASTER_ADDR=127.0.0.1", "bash", "-c"),  # these nodes' names are made up
            f"mkdir -p results/micro/logs/pretrain_echo; {command}",
        )
    assert "on each of 2 nodes" in said
    assert "pretrain_echo" not in workflow.planned(encoder, *wide)


@pytest.mark.full
def test_two_gpus_train_in_one_task(cluster):
    """SLURM gives a job of two GPUs one task; the processes for the GPUs are our own."""
    said = cluster.run(
        *("srun", "--partition=gpu", "--gpus=2", "--ntasks=1", "bash", "-c"),
        "echo tasks $SLURM_NTASKS, GPUs $CUDA_VISIBLE_DEVICES",
    )
    assert said.strip() == "tasks 1, GPUs 0,1"
