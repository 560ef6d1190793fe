from pathlib import Path

import pytest

from cineclr.errors import InputError
from cineclr.operation import plan as room
from cineclr.operation.history import Job
from cineclr.operation.plan import describe_needs, plan
from cineclr.private import init

CONFIG = Path(__file__).parents[3] / "config.yaml"
SHEET = (
    "study_id,patient_id,study_date,sex,age,as_severity,low_flow_low_gradient,lv_mass_index\n"
    "1.2.3,A1,2018-05-04,F,71,severe,0,101\n1.2.4,A2,2018-05-04,M,71,mild,0,101\n"
)
GPU = (
    "kind,device,clips_per_second,how\n"
    'echo_pretrain,Some GPU,100,"3D-ResNet18 of width 64, clips of 4 x 112 x 112; x"\n'
    'echo_finetune,Some GPU,100,"3D-ResNet18 of width 64, clips of 16 x 112 x 112; x"\n'
    'echo_predict,Some GPU,1000,"3D-ResNet18 of width 64, clips of 16 x 112 x 112; x"\n'
)


@pytest.fixture
def with_sheet(tmp_path):
    (tmp_path / "dicom").mkdir()
    (tmp_path / "echo.csv").write_text(SHEET)
    init(tmp_path / "private/main", [tmp_path / "dicom"], tmp_path / "echo.csv")
    return tmp_path


def rows_of(text):
    return {words[0]: words[1:] for line in text.splitlines() if (words := line.split())}


def test_a_dry_run_is_told_with_what_it_asks_for_and_takes(with_sheet, tmp_path, capsys):
    rates = tmp_path / "rates.csv"
    rates.write_text(GPU)
    plan(root=with_sheet, config=[CONFIG], rates=rates, echo_studies=9122, echo_videos=29_978)
    text = capsys.readouterr().out
    rows = rows_of(text)
    assert "as you say: 9,122 studies, 29,978 videos" in text
    # 2 clips of 300 epochs over 1.733 pairs for each of 17,586 videos, per method; 100 clips a second.
    assert rows["pretrain_echo"] == ["3", "1", "64", "GB", "72", "h", "2", "54,900,000", "152", "25.4", "h"]
    assert rows["finetune_echo"][0] == "120"
    assert "Trainings and predictions: at most" in text
    assert "Speeds of one Some GPU" in text
    assert "echo clips" in text


def test_without_a_gpus_speeds_the_hours_are_the_cpus_and_the_remedy_is_told(with_sheet, capsys, monkeypatch):
    monkeypatch.setattr(room, "MANY", 100)
    plan(root=with_sheet, config=[CONFIG], target=["predict"])
    text = capsys.readouterr().out
    assert "Echo: the sheet's rows, each with the paper's 2.77 videos: 2 studies" in text
    assert "CPU-hours" in text
    assert "no GPU has been measured" in text
    assert "srun --gpus 1" in text
    assert "warning: 100 jobs and more load" in text
    assert "write_report" not in text


def test_what_snakemake_says_against_it_is_passed_on(tmp_path):
    with pytest.raises(InputError, match="cineclr init --private private/main"):
        plan(root=tmp_path, config=[CONFIG])


def test_a_job_that_takes_longer_than_its_time_is_warned_of(with_sheet, tmp_path, capsys):
    rates = tmp_path / "rates.csv"
    rates.write_text(GPU.replace("GPU,100,", "GPU,10,"))
    plan(
        root=with_sheet,
        config=[CONFIG],
        rates=rates,
        target=["pretrain"],
        echo_studies=9122,
        echo_videos=29_978,
    )
    assert "warning: pretrain_echo: up to 254 h, more than its time limit" in capsys.readouterr().out


def test_needs_are_the_most_of_a_rules_jobs_or_what_snakemake_says_in_words():
    jobs = [
        Job("x", {}, [], threads, asks, 0.0)
        for threads, asks in [
            (1, {"mem_mb": 4000, "runtime": 30}),
            (2, {"mem_mb": 64000, "runtime": 90, "gpu": 1}),
        ]
    ]
    assert describe_needs(jobs) == ("2", "64 GB", "1.5 h", "1")
    jobs[0].asks["mem_mb"] = "<TBD>"
    assert describe_needs(jobs)[1] == "<TBD>"
