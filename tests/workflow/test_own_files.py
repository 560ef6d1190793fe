"""A run that starts midway: from de-identified videos and from HDF5 studies, those of the micro run."""

import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT, Workflow

from cineclr.files import read_parquet
from cineclr.private import init

SETTINGS = {"run": "own", "shards": {"scan": 2, "studies": 2}}


@pytest.fixture
def own(micro, tmp_path):
    """A run on the micro run's videos and studies, as a user hands them over: other folders, no shards."""
    results, hospital = micro.folder / "results/micro", micro.folder / "private/micro/hospital"
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    for kind, folder in (("echo/videos", "avi"), ("cmr/studies", "hdf5")):
        for shard in range(2):
            ignore = shutil.ignore_patterns(".*")  # Snakemake's own
            source = results / kind / f"shard_{shard}"
            shutil.copytree(source, tmp_path / folder, ignore=ignore, dirs_exist_ok=True)
    studies = sorted(path.name for path in (tmp_path / "avi").iterdir())
    sheet = pd.read_csv(hospital / "echo.csv", dtype=str)[: len(studies)]
    sheet = sheet.assign(study_id=studies[: len(sheet)])
    sheet.to_csv(tmp_path / "echo.csv", index=False)
    init(
        tmp_path / "private/own",
        sheet=tmp_path / "echo.csv",
        videos=tmp_path / "avi",
        link="accession",
        cmr_sheet=hospital / "cmr/studies.csv",
        cmr_reports=hospital / "cmr/reports.csv",
        cmr_hdf5=tmp_path / "hdf5",
    )
    shutil.copy(micro.folder / "private/micro/key", tmp_path / "private/own/key")
    sources = tmp_path / "private/own/sources.yaml"
    named = yaml.safe_load(sources.read_text())
    named["cmr"]["link"] = "study_uid"  # the same key: the files have the sheet's pseudonyms already
    sources.write_text(yaml.safe_dump(named))
    return Workflow(tmp_path, (ROOT / "config.yaml", tmp_path / "settings.yaml"))


def manifests(workflow, run, wing):
    folder = workflow.folder / "results" / run / wing
    return read_parquet([folder / f"shard_{shard}.parquet" for shard in range(2)])


def test_the_intake_takes_them_over_and_the_rest_plans(own, micro):
    done = own.snakemake("intake", "cmr_intake", "import_sheet")
    assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-3000:]
    before, after = (manifests(one, run, "echo/videos") for one, run in ((micro, "micro"), (own, "own")))
    before = before[before["code"] == "passed"]
    assert set(after["code"]) == {"passed"}
    assert sorted(after["frames"]) == sorted(before["frames"])
    assert sorted(after["fps"].round(2)) == sorted(before["fps"].round(2))
    sheet = pd.read_parquet(own.folder / "private/own/sheets/echo.parquet")
    assert set(sheet["study"]) <= set(after["study"])

    before = {path.name for path in (micro.folder / "results/micro").glob("cmr/studies/*/*.h5")}
    after = {path.name: path.parent.name for path in (own.folder / "results/own").glob("cmr/studies/*/*.h5")}
    assert set(after) == before
    ledger = pd.read_parquet(own.folder / "results/own/cmr/intake/scan.parquet")
    assert ledger["code"].value_counts().to_dict() == {"passed": len(before), "not_hdf5": 1}
    planned = own.planned()
    assert {"classify_views", "build_cohort", "build_cmr_cohort", "pretrain_cmr"} <= set(planned)
    assert not set(planned) & {"deidentify_echo", "convert_studies"}
