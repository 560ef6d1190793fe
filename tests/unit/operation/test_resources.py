import pytest
from journal_files import add, begin

from cineclr.operation.resources import describe_resources, measure_stages

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(run, name, *rows):
    path = run / "benchmarks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t90\t1\n" for seconds, memory in rows]
    path.write_text(HEADER + "".join(lines))


@pytest.fixture
def run(tmp_path):
    path = begin(tmp_path, {"pretrain_echo": 2})
    facts = {"rule": "pretrain_echo", "wildcards": {}, "logs": [], "threads": 1, "asks": {"gpu": 2}}
    add(path, event="started", job=1, **facts)
    run = tmp_path / "results/main"
    write(run, "pretrain_echo/simclr.tsv", (3600, 2048))
    write(run, "pretrain_echo/echoclr.tsv", (7200, 4096))
    write(run, "import_sheet.tsv", (0.4, "-"))
    return run


def test_stages_add_up_their_jobs(run):
    table = measure_stages(run).set_index("rule")
    assert list(table.index) == ["pretrain_echo", "import_sheet"]
    pretraining = table.loc["pretrain_echo"]
    assert (pretraining["jobs"], pretraining["seconds"], pretraining["longest"]) == (2, 10_800, 7200)
    assert pretraining["gpu_hours"] == pytest.approx(6)
    assert pretraining["memory_mb"] == 4096
    assert table.loc["import_sheet", "gpu_hours"] == 0


def test_the_table_is_told_in_units_of_people(run):
    lines = describe_resources(run)
    assert lines[1].split() == [
        "pretrain_echo",
        "2",
        "3",
        "h",
        "00",
        "min",
        "2",
        "h",
        "00",
        "min",
        "6",
        "4.0",
        "GB",
    ]
    assert lines[2].split() == ["import_sheet", "1", "0", "s", "0", "s"]
    assert lines[-1] == "3 jobs of 2 stages: 3 h 00 min of jobs, 6 GPU-hours asked for"


def test_only_the_stages_that_took_longest_are_shown(run):
    for number in range(20):
        write(run, f"stage_{number}.tsv", (number, 100))
    lines = describe_resources(run)
    assert len(lines) == 14
    assert lines[-1].endswith("10 stages are not shown")


def test_a_run_without_benchmarks_has_no_table(tmp_path):
    assert describe_resources(tmp_path) == []
