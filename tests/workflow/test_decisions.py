"""What people decide about clips makes their shards again and no other; a sign-off makes nothing again."""

import pytest
import yaml

FILES = (
    ("private/main/files.parquet", "private/main/scan/shard_0.parquet"),
    ("results/main/intake/scan.parquet", *(f"private/main/index/shard_{k}.parquet" for k in range(3))),
    (
        *(f"private/main/quarantine/shard_{k}" for k in range(3)),
        *(f"results/main/echo/videos/shard_{k}" for k in range(3)),
        *(f"private/main/quarantine/shard_{k}.parquet" for k in range(3)),
        *(f"results/main/echo/videos/shard_{k}.parquet" for k in range(3)),
        "results/main/intake/contents.parquet",
    ),
    ("results/main/intake/intake_report.html",),
)
SIGNED = "echo={deidentify: {sign_off: 5}}"


@pytest.fixture
def finished(workflow):
    """An intake of three study shards whose files are empty, but done."""
    private = workflow.folder / "private/main"
    private.mkdir(parents=True)
    (private / "sources.yaml").write_text(yaml.safe_dump({"dicom": ["x"], "sheet": "y"}))
    for name in (name for stage in FILES for name in stage):
        path = workflow.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("") if path.suffix else path.mkdir()
    shards = ("--config", "shards={scan: 1, studies: 3}")
    done = workflow.snakemake("intake", "--touch", *shards)
    assert done.returncode == 0, done.stderr
    return workflow, shards


def test_a_decision_makes_its_shard_again(finished):
    workflow, shards = finished
    assert workflow.planned("intake", *shards) == {}
    decisions = workflow.folder / "private/main/decisions/shard_1.csv"
    decisions.parent.mkdir()
    decisions.write_text("video,decision,seen\nV1,reject,\n")
    assert workflow.planned("intake", *shards) == {
        **{"deidentify_echo": 1, "write_intake_report": 1},
        **{"intake": 1, "total": 3},
    }


def test_the_sign_off_stands_before_tables_and_figures_alone(finished):
    workflow, shards = finished
    assert workflow.planned("intake", *shards, SIGNED) == {}
    table, figure = "echo/tables/table_s1.csv", "echo/figures/cohort_flow.svg"
    files = [f"results/main/{path}" for path in (table, figure, "echo/dicom/shard_1.parquet")]
    for target in ("echo_tables", "echo_figures", *files):
        assert "sign_off_clips" not in workflow.planned(target, *shards)
        planned = workflow.planned(target, *shards, SIGNED)
        assert planned["sign_off_clips"] == 1
        assert "deidentify_echo" not in planned
