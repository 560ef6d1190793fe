import os
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, SHEET

from cineclr.private import init


@pytest.fixture
def with_sheet(workflow):
    """The private side of the default run, with a sheet and no DICOM file."""
    (workflow.folder / "dicom").mkdir()
    (workflow.folder / "echo.csv").write_text(SHEET)
    init(workflow.folder / "private" / "main", [workflow.folder / "dicom"], workflow.folder / "echo.csv")
    return workflow


def test_without_data_the_message_names_the_steps_and_the_demo(workflow):
    done = workflow.snakemake("--dry-run")
    assert done.returncode != 0
    for words in ("cineclr init --private private/main", "cineclr check", "make demo"):
        assert words in done.stderr + done.stdout


def test_the_papers_configuration_plans_from_sheets_alone(with_sheet):
    start = time.monotonic()
    jobs = with_sheet.planned()
    assert time.monotonic() - start < 30
    assert jobs["finetune_echo"] == 120
    assert jobs["predict_echo"] == 60
    assert jobs["pretrain_echo"] == 3
    assert jobs["total"] < 1500


def test_both_papers_plan_together(with_sheet):
    sources = with_sheet.folder / "private/main/sources.yaml"
    (with_sheet.folder / "mri.csv").write_text("study_id,patient_id,study_date,sex,age,cohort,lvef\n")
    (with_sheet.folder / "reports.csv").write_text("study_id,report\n")
    places = {"dicom": "[dicom]", "sheet": "mri.csv", "reports": "reports.csv"}
    cmr = "".join(f"  {key}: {value}\n" for key, value in places.items())
    sources.write_text(sources.read_text() + "cmr:\n" + cmr)
    jobs = with_sheet.planned()
    # Six ratios, two inits and two modes of LVEF; 35 diagnoses.
    assert jobs["finetune_lvef"] == 24
    assert jobs["finetune_diagnosis"] == 35 * 4
    assert jobs["predict_cmr"] == 24 + 35 * 4
    assert jobs["pretrain_cmr"] == jobs["predict_zero_shot"] == 1
    assert jobs["finetune_echo"] == 120
    assert jobs["total"] < 1500
    assert "finetune_echo" not in with_sheet.planned("cmr_tables")
    assert set(with_sheet.planned("cmr_text")) == {
        *("import_reports", "import_splitter", "import_text_encoder", "tokenize_reports", "label_reports"),
        *("cmr_text", "total"),
    }


def test_one_stage_can_be_asked_for(with_sheet):
    assert set(with_sheet.planned("intake")) == {
        *("list_files", "scan_dicom", "index_studies", "deidentify_echo"),
        *("describe_scan", "write_intake_report", "intake", "total"),
    }
    assert "finetune_echo" not in with_sheet.planned("pretrain")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("echo={pretrian: {}}", "config: echo.pretrian: no such setting"),
        ("seed=many", "config: seed: Input should be a valid integer"),
        ("dicom=/data/echo", "config: dicom: no such setting"),
        ("echo={finetune: {ratios: [2.0]}}", "config: echo.finetune.ratios.0"),
    ],
)
def test_a_bad_setting_stops_before_anything(with_sheet, override, words):
    done = with_sheet.snakemake("--config", override)
    assert done.returncode != 0
    assert words in done.stderr + done.stdout
    assert not (with_sheet.folder / "results").exists()


def test_a_demo_never_touches_the_key_of_real_data(with_sheet):
    key = with_sheet.folder / "private" / "main" / "key"
    before = key.read_text()
    done = with_sheet.snakemake("make_demo_hospital", "--forcerun", "--config", "demo={studies: 12}")
    assert done.returncode != 0
    assert "holds the key of real data" in done.stderr + done.stdout
    assert key.read_text() == before


def test_a_bad_sheet_stops_before_the_first_job(with_sheet):
    sheet = with_sheet.folder / "echo.csv"
    sheet.write_text(sheet.read_text().replace(",F,71", ",Q,71"))
    done = with_sheet.snakemake()
    output = done.stderr + done.stdout
    assert done.returncode != 0
    assert "row 2" in output
    assert "sex" in output
    assert "1.2.3" not in output
    assert not list(with_sheet.folder.glob("results/**/*.parquet"))
    assert not list(with_sheet.folder.glob("private/main/*.parquet"))


# In place of Apptainer: notes the image, then runs what should run in it.
APPTAINER = """#!/bin/bash
[ "$1" = --version ] && { echo "apptainer version 1.3.4"; exit; }
while [ "${1%.sif}" = "$1" ]; do shift; done
echo "$1" >> IMAGES
shift
exec "$@"
"""


def test_with_apptainer_every_command_runs_in_the_image(demo_plan, tmp_path, monkeypatch):
    """The container is not there; Snakemake's way into it is, and our commands find their package in it."""
    (tmp_path / "bin").mkdir()
    images = tmp_path / "images"
    for name in ("apptainer", "singularity"):
        (tmp_path / "bin" / name).write_text(APPTAINER.replace("IMAGES", str(images)))
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = demo_plan.snakemake("results/micro/echo/models.json", "--sdm", "apptainer")
    assert done.returncode == 0, done.stderr[-3000:]
    assert images.read_text().split() == [str(ROOT / "envs/cineclr.sif")]
    assert (tmp_path / "results/micro/echo/models.json").exists()
