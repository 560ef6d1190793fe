"""The models of the finished micro run, tested on a hospital to which some of micro's patients went too."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import MICRO, ROOT, Workflow

from cineclr.config import Demo
from cineclr.demo.hospital import make_demo_hospital
from cineclr.private import PrivateSide, Pseudonymizer, init

NORTH = ("--config", "run=north", "models=micro")
TRAINING = {
    *("train_view_classifier", "import_view_classifier", "draw_subsets", "pretrain_echo", "finetune_echo"),
    *("train_splitter", "import_splitter", "import_text_encoder", "import_kinetics", "import_cmr_weights"),
    *("pretrain_cmr", "finetune_lvef", "finetune_diagnosis", "record_models"),
}
# As micro, but with less of its grid; another seed, from which random weights must not be drawn.
CHANGES = {
    "seed": 2,
    "shards": {"scan": 1, "studies": 1},
    "echo": {"finetune": {"tasks": ["lvh"], "ratios": [1.0]}},
    "cmr": {"diagnoses": {"tasks": ["left_ventricular_hypertrophy"]}},
}
MADE = (
    "tables",
    *(f"results/north/echo/figures/{name}.svg" for name in ("curves_lvh", "label_efficiency_lvh_auroc")),
    *(f"results/north/cmr/figures/{name}.svg" for name in ("bland_altman_northern", "cohort_flow")),
)
HOSPITAL = {
    **{"studies": 16, "frames": 10, "full_size_share": 0},
    "cmr": {"patients": 24, "frames": 10, "size": 48, "slices": [3, 4]},
}
# Of a hospital: the archive, the truth about its files, the records.
WINGS = {
    "echo": ("hospital/dicom", "files", ["hospital/echo.csv"]),
    "cmr": ("hospital/cmr/dicom", "cmr_files", ["hospital/cmr/studies.csv", "hospital/cmr/reports.csv"]),
}


def choose_patients(splits):
    """Studies of four patients whom micro only tested, and of two from whom its models have learned."""
    tested = splits["split"].isin(["internal", "external", "test"]).groupby(splits["patient"]).all()
    chosen = [*tested.index[tested][:4], *tested.index[~tested][:2]]
    return set(splits.loc[splits["patient"].isin(chosen), "study"])


def gather(micro, other, folder, names, wing):
    """Copy the chosen patients' files out of micro's archive; join their records to the other hospital's."""
    archive, truth, records = WINGS[wing]
    side = micro.folder / "private/micro"
    chosen = choose_patients(pd.read_csv(micro.folder / f"results/micro/{wing}/cohort/splits.csv"))
    files = pd.read_parquet(side / f"truth/{truth}.parquet")
    files = files[[names.pseudonym("study", uid) in chosen for uid in files["study_uid"]]]
    for path in files["path"]:
        (folder / wing / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(side / archive / path, folder / wing / path)
    joined = []
    for record in records:
        theirs = pd.read_csv(side / record, dtype=str, keep_default_na=False)
        theirs = theirs[theirs["study_id"].isin(set(files["study_uid"]))]
        ours = pd.read_csv(other / record, dtype=str, keep_default_na=False)
        joined.append(folder / f"{wing}_{record.rsplit('/', 1)[1]}")
        pd.concat([ours, theirs]).to_csv(joined[-1], index=False)
    return [other / archive, folder / wing], *joined


def make_private_side(micro, folder):
    """As `cineclr init` makes it, then with micro's key: one hospital group, one key."""
    make_demo_hospital(folder / "other", Demo(**HOSPITAL), seed=2)
    names = Pseudonymizer(PrivateSide(micro.folder / "private/micro").key())
    echo, cmr = (gather(micro, folder / "other", folder, names, wing) for wing in WINGS)
    private = folder / "private/north"
    init(private, *echo, *cmr)
    sources = yaml.safe_load((private / "sources.yaml").read_text())
    like = yaml.safe_load((micro.folder / "private/micro/sources.yaml").read_text())
    sources |= {name: like[name] for name in ("issuer", "further")}
    sources["cmr"] |= {name: like["cmr"][name] for name in ("issuer", "further")}
    (private / "sources.yaml").write_text(yaml.safe_dump(sources))
    (private / "key").write_text((micro.folder / "private/micro/key").read_text())


@pytest.fixture(scope="module")
def north(micro, tmp_path_factory):
    """A folder with the results of micro and the private side of north, and micro's settings but its demo."""
    folder = tmp_path_factory.mktemp("north")
    make_private_side(micro, folder)
    (folder / "results").mkdir()
    (folder / "results/micro").symlink_to(micro.folder / "results/micro")
    settings = yaml.safe_load(MICRO.read_text())
    del settings["demo"]
    (folder / "micro.yaml").write_text(yaml.safe_dump(settings))
    (folder / "north.yaml").write_text(yaml.safe_dump(CHANGES))
    files = (ROOT / "config.yaml", folder / "micro.yaml", folder / "north.yaml")
    return Workflow(folder, files)


@pytest.fixture(scope="module")
def finished(north):
    """The same, with the run north finished."""
    planned = north.planned(*NORTH)
    assert not set(planned) & TRAINING
    done = north.snakemake(*MADE, *NORTH)
    assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-3000:]
    return north


def read(workflow, name, run="north"):
    path = workflow.folder / "results" / run / name
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def test_tables_and_figures_of_the_test_set_are_made_and_nothing_is_left_to_do(finished):
    for table in ("table_s2_lvh", "operating_points_lvh", "calibration_lvh", "subgroups_lvh"):
        assert set(read(finished, f"echo/tables/{table}.csv")["test_set"]) == {"external"}, table
    assert list(read(finished, "echo/tables/table_s1.csv").columns) == ["characteristic", "level", "external"]
    trained = read(finished, "echo/tables/table_s2_lvh.csv").set_index("ratio")["n_train"]
    theirs = read(finished, "echo/tables/table_s2_lvh.csv", "micro").set_index("ratio")["n_train"]
    assert trained.loc[1.0].iloc[0] == theirs.loc[1.0].iloc[0]
    for table in ("lvef", "diagnoses", "operating_points"):
        assert set(read(finished, f"cmr/tables/{table}.csv")["test_set"]) == {"clinical", "northern"}, table
    cohorts = list(read(finished, "cmr/tables/cohort.csv").columns)
    assert cohorts == ["characteristic", "level", "clinical test", "northern test"]
    assert not (finished.folder / "results/north/echo/finetune").exists()
    assert finished.planned(*MADE, *NORTH) == {}


@pytest.mark.parametrize("wing", ["echo", "cmr"])
def test_patients_whom_the_models_have_learned_from_are_set_aside_and_counted(finished, wing):
    theirs = read(finished, f"{wing}/cohort/splits.csv", "micro").set_index("patient")["split"]
    learned = set(theirs.index[~theirs.isin(["internal", "external", "test"])])
    splits = read(finished, f"{wing}/cohort/splits.csv")
    assert not set(splits["patient"]) & learned
    assert len(set(splits["patient"]) & set(theirs.index)) >= 3
    files = read(finished, f"{wing}/cohort/files.parquet")
    known = files[files["bucket"] == "learned_from"]
    assert len(known) > 2
    flow = json.loads((finished.folder / f"results/north/{wing}/cohort/flow.json").read_text())
    assert flow["buckets"]["learned_from"] == len(known)


def same_videos(workflow, wing):
    """The studies that have the same videos in both runs: another seed may judge some views otherwise."""
    used = []
    for run in ("micro", "north"):
        files = read(workflow, f"{wing}/cohort/files.parquet", run)
        files = files[files["bucket"] == "used"]
        used.append(files.groupby("study")["video"].agg(frozenset))
    both = used[0].index.intersection(used[1].index)
    return set(both[used[0][both] == used[1][both]])


@pytest.mark.parametrize(
    ("wing", "cell", "value"),
    [
        ("echo", "lvh/echoclr/1.0", "probability"),
        ("echo", "lvh/random/1.0", "probability"),
        # The encoder of random weights is in no file: it is drawn from the seed of the models' run.
        ("cmr", "lvef/random/fine_tuning/1.0", "prediction"),
        ("cmr", "lvef/contrastive/transfer_learning/1.0", "prediction"),
        ("cmr", "left_ventricular_hypertrophy/contrastive/fine_tuning/1.0", "prediction"),
        ("cmr", "left_ventricular_hypertrophy/contrastive/zero_shot/0.0", "prediction"),
    ],
)
def test_a_study_of_both_runs_has_the_same_prediction_in_both(finished, wing, cell, value):
    ours, theirs = (read(finished, f"{wing}/predictions/{cell}.csv", run) for run in ("north", "micro"))
    both = ours.merge(theirs, on="study", suffixes=("", "_micro"))
    both = both[both["study"].isin(same_videos(finished, wing))]
    assert len(both) >= 3
    assert (both["label"] == both["label_micro"]).all()
    assert np.allclose(both[value], both[f"{value}_micro"], atol=1e-5)


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("echo/evaluation/operating_points_lvh.csv", ["init", "ratio", "rule"]),
        ("cmr/evaluation/operating_points.csv", ["task", "init", "mode", "ratio", "rule"]),
    ],
)
def test_thresholds_are_those_of_the_models_run(finished, table, keys):
    ours, theirs = (read(finished, table, run) for run in ("north", "micro"))
    theirs = theirs.drop_duplicates(keys).set_index(keys)["threshold"]
    ours = ours.set_index(keys)["threshold"].dropna()
    assert len(ours)
    assert np.allclose(ours, theirs[ours.index])


def test_a_demo_of_other_patients_trains_nothing(micro, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/micro").symlink_to(micro.folder / "results/micro")
    planned = Workflow(tmp_path, micro.configfiles).planned(*NORTH, "seed=2")
    assert planned["make_demo_hospital"] == 1
    assert planned["predict_echo"] == 8
    assert not set(planned) & TRAINING


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("models=none",), ["run 'none' lacks results/none/echo/models.json", "rule record_models"]),
        (
            ("models=micro", "echo={clips: {size: 32}}"),
            ["config: echo.clips.size is 32, that of the models 24", "(run 'micro')"],
        ),
        (
            ("models=half",),
            ["run 'half' lacks results/half/echo/finetune/", "rule finetune_echo"],
        ),
    ],
)
def test_what_the_models_run_lacks_or_made_otherwise_is_named(north, micro, arguments, words):
    half, whole = north.folder / "results/half/echo", micro.folder / "results/micro"
    shutil.rmtree(half.parent, ignore_errors=True)
    half.mkdir(parents=True)
    (half.parent / "models").symlink_to(whole / "models")
    (half / "cohort").symlink_to(whole / "echo/cohort")
    shutil.copyfile(whole / "echo/models.json", half / "models.json")
    done = north.snakemake("echo_tables", "--dry-run", "--config", "run=north", *arguments)
    assert done.returncode != 0
    assert all(word in done.stderr + done.stdout for word in words), done.stderr + done.stdout
