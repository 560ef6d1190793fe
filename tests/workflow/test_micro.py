import base64
import gzip
import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from conftest import run_micro

from cineclr.reporting.tables import tabulate_evaluation

COLUMNS = [
    *("init", "ratio", "n_train", "n_train_positive", "test_set", "n_test", "n_test_positive", "metric"),
    *("value", "ci_low", "ci_high", "confidence", "left_out", "p_vs_echoclr", "p_holm", "p_bh", "note"),
]
TASKS = ("lvh", "severe_as")
EVALUATIONS = [
    f"{kind}_{task}" for kind in ("operating_points", "calibration", "subgroups") for task in TASKS
]
FIGURES = [
    f"{kind}_{task}_{metric}"
    for kind in ("label_efficiency", "ablation")
    for task in TASKS
    for metric in ("auroc", "aupr")
]
FIGURES += [f"{kind}_{task}" for kind in ("curves", "calibration") for task in TASKS]
AFTER_EVALUATION = {
    "evaluate_echo",
    "tabulate_results",
    "plot_results",
    "plot_curves",
    "write_report",
    "all",
    "total",
}
# Where not every model of the grid is new, those of the largest ratio may be as they were.
AFTER_SOME_PREDICTION = AFTER_EVALUATION | {"evaluate_operating_points", "tabulate_evaluation"}
AFTER_PREDICTION = AFTER_SOME_PREDICTION | {
    "evaluate_calibration",
    "evaluate_subgroups",
    "plot_calibration",
}
PUBLISHING = {
    *("tabulate_cohort", "tabulate_results", "tabulate_evaluation", "plot_results", "plot_curves"),
    *("plot_calibration", "plot_cohort_flow", "write_report", "all", "total"),
}


@pytest.fixture
def echo(micro):
    return micro.folder / "results" / "micro" / "echo"


def read_truth(micro):
    return pd.read_parquet(micro.folder / "private" / "micro" / "truth" / "files.parquet")


def test_every_promised_output_is_there(micro, echo):
    for name in ("table_s1", "table_s2_lvh", "table_s3_severe_as", *EVALUATIONS):
        assert len(pd.read_csv(echo / f"tables/{name}.csv")) == len(
            pd.read_parquet(echo / f"tables/{name}.parquet")
        )
    for name in [*FIGURES, "cohort_flow"]:
        assert (echo / f"figures/{name}.svg").read_text().lstrip().startswith("<?xml")
        assert (echo / f"figures/{name}.png").stat().st_size > 5000
    assert (echo.parent / "report.html").stat().st_size > 100_000


def test_result_tables_hold_every_cell_of_the_grid(echo):
    table = pd.read_csv(echo / "tables/table_s2_lvh.csv")
    assert list(table.columns) == COLUMNS
    assert len(table) == 3 * 2 * 2 * 2
    not_run = table[table["init"] == "kinetics400"]
    assert not_run["value"].isna().all()
    assert not_run["note"].str.contains("not run").all()
    run = table[table["init"] != "kinetics400"]
    assert run["value"].between(run["ci_low"], run["ci_high"]).all()
    tested = table["p_vs_echoclr"].notna()
    assert (tested == ((table["init"] == "random") & (table["metric"] == "auroc"))).all()


def test_predictions_are_studies_of_validation_and_test_sets(echo):
    splits = pd.read_csv(echo / "cohort/splits.csv").set_index("study")
    table = pd.read_csv(echo / "predictions/severe_as/random/1.0.csv")
    assert list(table.columns) == ["study", "test_set", "label", "probability"]
    assert set(table["study"]) == set(splits.index[splits["split"].isin(["val", "internal", "external"])])
    assert (table["test_set"].to_numpy() == splits.loc[table["study"], "split"].to_numpy()).all()
    assert (table["label"].to_numpy() == splits.loc[table["study"], "severe_as"].to_numpy()).all()


def test_every_file_is_in_the_bucket_of_the_truth(micro, echo):
    truth = read_truth(micro)
    scan = [pd.read_parquet(path) for path in sorted((micro.folder / "private/micro/scan").glob("*.parquet"))]
    paths = pd.concat(scan)[["file", "path"]]
    files = pd.read_parquet(echo / "cohort/files.parquet").merge(paths, on="file")
    both = files.merge(truth, on="path", suffixes=("", "_true"))
    assert len(both) == len(truth) == len(files)
    wrong = both[both["bucket"] != both["bucket_true"]]
    # Only the view classifier may err; test_demo.py bounds how much.
    view = wrong["bucket"].eq("other_view") | wrong["bucket_true"].eq("other_view")
    assert wrong[~view][["path", "bucket", "bucket_true"]].empty, wrong[~view].to_string()
    flow = json.loads((echo / "cohort/flow.json").read_text())
    assert sum(flow["buckets"].values()) == flow["files"] == len(truth)


def test_subgroups_hold_every_study_and_are_published_without_small_counts(echo, tmp_path):
    splits = pd.read_csv(echo / "cohort/splits.csv")
    scanners = set(pd.read_csv(echo / "tables/table_s1.csv").query("characteristic == 'scanner'")["level"])
    assert scanners == set(splits["scanner"])
    subgroups = pd.read_csv(echo / "evaluation/subgroups_severe_as.csv")
    assert set(subgroups["variable"]) == {"sex", "age_band", "scanner", "year"}
    levels = subgroups.groupby(["init", "test_set", "variable"])["n"].sum()
    assert (levels.xs("internal", level="test_set") == (splits["split"] == "internal").sum()).all()
    tabulate_evaluation(echo / "evaluation/subgroups_severe_as.csv", 11, tmp_path / "published.csv")
    published = pd.read_csv(tmp_path / "published.csv")
    assert not published["n"].between(1, 10).any()
    assert published["note"].str.contains("withheld").any()


def find_leaks(folders, planted, scratch):
    """The names of files whose bytes, decompressed bytes or path hold one of the byte strings `planted`."""
    patterns, unpacked = scratch / "patterns", scratch / "unpacked"
    unpacked.mkdir(parents=True)
    patterns.write_bytes(b"\n".join(sorted(planted)))
    paths = [path for folder in folders for path in folder.rglob("*")]
    (unpacked / "paths").write_text("\n".join(map(str, paths)))
    for number, path in enumerate(paths):
        if path.is_file() and path.open("rb").read(2) == b"\x1f\x8b":
            (unpacked / f"{number} {path.name}").write_bytes(gzip.decompress(path.read_bytes()))
    command = ["grep", "--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file", patterns]
    done = subprocess.run([*command, *folders, unpacked], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def test_nothing_planted_leaves_the_private_side(micro, tmp_path):
    truth = micro.folder / "private/micro/truth"
    planted = {
        line
        for name in ("canaries", "cmr_canaries")
        for line in (truth / f"{name}.txt").read_bytes().splitlines()
    }
    planted |= {
        base64.b64encode(b" " * pad + canary)[4 if pad else 0 : -4]
        for canary in planted
        if len(canary) >= 12
        for pad in (0, 1, 2)
    }
    assert len(planted) > 1000
    folders = [micro.folder / "results", micro.folder / ".snakemake"]
    assert find_leaks(folders, planted, tmp_path) == []
    assert find_leaks([truth], planted, tmp_path / "again") != []


def test_the_report_names_no_folder_of_this_machine(micro, echo):
    report = (echo.parent / "report.html").read_text()
    assert str(micro.folder) not in report
    assert str(Path(__file__).parents[2]) not in report


def test_a_finished_run_has_nothing_to_do(micro):
    assert micro.planned() == {}


def test_how_trainings_are_carried_out_reruns_none(micro):
    planned = set(micro.planned("--config", "execution={save_minutes: 5, probe_epochs: 0}"))
    assert planned == {"write_report", "all", "total"}


@pytest.mark.parametrize(
    ("override", "planned"),
    [
        ("echo={evaluation: {bootstrap_samples: 300}}", AFTER_EVALUATION),
        ("echo={evaluation: {min_cell: 5}}", PUBLISHING),
        (
            "echo={evaluation: {subgroups: [sex]}}",
            {"evaluate_subgroups", "tabulate_evaluation", "write_report", "all", "total"},
        ),
        (
            "echo={pretrain: {epochs: {echoclr: 2}}}",
            {"pretrain_echo", "finetune_echo", "predict_echo"} | AFTER_PREDICTION,
        ),
        ("echo={predict: {clips_per_video: 2}}", {"predict_echo"} | AFTER_PREDICTION),
        (
            "echo={finetune: {ratios: [0.5, 0.75, 1.0]}}",
            {"draw_subsets", "record_models", "finetune_echo", "predict_echo"} | AFTER_SOME_PREDICTION,
        ),
        ("echo={finetune: {search_up_to: 0.1}}", {"record_models", "predict_echo"} | AFTER_SOME_PREDICTION),
    ],
)
def test_a_changed_setting_reruns_what_reads_it_and_what_follows(micro, override, planned):
    # Whatever is set is told in the table of deviations.
    assert set(micro.planned("--config", override)) == planned | {"tabulate_deviations"}


@pytest.mark.full
def test_two_runs_with_one_seed_give_identical_tables(micro, tmp_path):
    other = run_micro(tmp_path)
    for path in sorted((micro.folder / "results/micro").rglob("*.csv")):
        if path.name != "history.csv":
            twin = other.folder / path.relative_to(micro.folder)
            assert path.read_bytes() == twin.read_bytes(), path.name
