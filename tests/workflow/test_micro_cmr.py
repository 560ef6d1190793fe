"""The second paper through the whole workflow, on the micro hospital's MRI wing."""

import json

import numpy as np
import pandas as pd
import pytest

from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.video.hdf5 import StudyStore, check_study

TASKS = ("left_ventricular_dilation", "left_ventricular_hypertrophy")


@pytest.fixture
def cmr(micro):
    return micro.folder / "results" / "micro" / "cmr"


def read_truth(micro, name):
    return pd.read_parquet(micro.folder / f"private/micro/truth/cmr_{name}.parquet")


def test_every_promised_output_is_there(cmr):
    for name in ("cohort", "lvef", "diagnoses", "operating_points", "deviations"):
        table = pd.read_csv(cmr / f"tables/{name}.csv")
        assert len(table) == len(pd.read_parquet(cmr / f"tables/{name}.parquet")) > 0
    for name in (
        *("bland_altman_clinical", "bland_altman_northern", "forest_diagnoses", "lvef_by_ratio"),
        "cohort_flow",
    ):
        assert (cmr / f"figures/{name}.svg").read_text().lstrip().startswith("<?xml")
        assert (cmr / f"figures/{name}.png").stat().st_size > 5000


def test_tables_hold_every_cell_of_the_grid(cmr):
    lvef = pd.read_csv(cmr / "tables/lvef.csv")
    run = lvef[lvef["metric"] == "mae"]
    assert set(run["test_set"]) == {"clinical", "northern"}
    assert set(run["init"]) == {"random", "contrastive", "train_mean"}
    assert set(run["mode"].dropna()) >= {"fine_tuning", "transfer_learning"}
    diagnoses = pd.read_csv(cmr / "tables/diagnoses.csv")
    assert set(diagnoses["task"]) == set(TASKS)
    assert set(diagnoses["mode"]) == {"fine_tuning", "zero_shot"}
    assert diagnoses["note"].str.contains("not the paper's settings").all()


def test_every_file_is_in_the_bucket_of_the_truth(micro, cmr):
    truth = read_truth(micro, "files")
    scan = [pd.read_parquet(path) for path in (micro.folder / "private/micro/cmr/scan").glob("*.parquet")]
    files = pd.read_parquet(cmr / "cohort/files.parquet").merge(pd.concat(scan)[["file", "path"]], on="file")
    both = files.merge(truth, on="path", suffixes=("", "_true"))
    assert len(both) == len(truth) == len(files)
    # A file cut off inside its last header element may read as either.
    cut = {"unreadable_header", "no_pixel_data"}
    wrong = both[both["bucket"] != both["bucket_true"]]
    wrong = wrong[~(wrong["bucket"].isin(cut) & wrong["bucket_true"].isin(cut))]
    assert wrong.empty, wrong[["path", "bucket", "bucket_true"]].to_string()
    flow = json.loads((cmr / "cohort/flow.json").read_text())
    assert sum(flow["buckets"].values()) == flow["files"] == len(truth)


def test_labels_and_measurements_are_those_of_the_truth(micro, cmr):
    side = PrivateSide(micro.folder / "private/micro")
    names = Pseudonymizer(side.key())
    truth = read_truth(micro, "studies")
    truth["study"] = [names.pseudonym("study", uid) for uid in truth["study_uid"]]
    splits = pd.read_csv(cmr / "cohort/splits.csv").merge(truth, on="study", suffixes=("", "_true"))
    assert len(splits) > 60
    for task in TASKS:
        known = splits[splits[task].notna()]
        assert (known[task] == known[f"{task}_true"]).mean() > 0.97
    known = splits[splits["lvef"].notna()]
    assert np.allclose(known["lvef"], known["lvef_true"], atol=0.06)


def test_patients_are_in_one_split_and_predictions_are_of_theirs(cmr):
    splits = pd.read_csv(cmr / "cohort/splits.csv").set_index("study")
    assert splits.groupby("patient")["split"].nunique().max() == 1
    table = pd.read_csv(cmr / "predictions/lvef/contrastive/fine_tuning/1.0.csv")
    tested = splits[splits["split"].isin(["val", "test"]) & splits["lvef"].notna()]
    assert set(table["study"]) == set(tested.index)
    attention = pd.read_parquet(cmr / "attention/lvef/contrastive/fine_tuning/1.0.parquet")
    assert np.allclose(attention.groupby("study")["weight"].sum(), 1, atol=1e-4)


def test_studies_are_valid_hdf5_and_hold_the_slices_of_the_cohort(cmr):
    folders = sorted(path for path in (cmr / "studies").iterdir() if path.is_dir())
    for folder in folders:
        for path in folder.glob("*.h5"):
            check_study(path)
    videos = StudyStore.open(folders).videos
    splits = pd.read_csv(cmr / "cohort/splits.csv").set_index("study")["videos"]
    counts = videos.groupby("study").size()
    assert (counts[splits.index] == splits).all()
