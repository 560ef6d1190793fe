"""The demo as `make demo` runs it: more than half an hour on two cores."""

import pandas as pd
import pytest
from conftest import ROOT, Workflow

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    demo = Workflow(folder, (ROOT / "config.yaml", ROOT / "profiles/demo/demo.yaml"))
    done = demo.snakemake()
    assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-3000:]
    return folder


@pytest.mark.parametrize("table", ["table_s2_lvh", "table_s3_severe_as"])
def test_the_demo_learns(demo, table):
    rows = pd.read_csv(demo / f"results/demo/echo/tables/{table}.csv")
    rows = rows[(rows["metric"] == "auroc") & (rows["test_set"] == "internal")]
    best = rows.loc[rows[rows["ratio"] == 1.0]["value"].idxmax()]
    assert best["ci_low"] > 0.6, best.to_dict()
    random = rows[rows["init"] == "random"].set_index("ratio")["value"]
    assert random[random.index.min()] < 0.75
    assert random[1.0] > 0.75


def test_the_view_classifier_keeps_plax_and_little_else(demo):
    scan = pd.concat(pd.read_parquet(path) for path in (demo / "private/demo/scan").glob("*.parquet"))
    truth = pd.read_parquet(demo / "private/demo/truth/files.parquet")
    views = pd.concat(pd.read_parquet(path) for path in (demo / "results/demo/echo/views").glob("*.parquet"))
    both = views.merge(scan[["file", "path"]], on="file").merge(truth, on="path", suffixes=("", "_true"))
    both = both[both["code"].isin(["passed", "other_view"])]
    plax = both["view_true"] == "plax"
    kept = both["code"] == "passed"
    assert kept[plax].mean() >= 0.95
    assert plax[kept].mean() >= 0.95
    assert kept[~plax].mean() <= 0.05


def test_the_demo_learns_the_ejection_fraction(demo):
    rows = pd.read_csv(demo / "results/demo/cmr/tables/lvef.csv")
    rows = rows[(rows["metric"] == "mae") & (rows["ratio"] == 1.0) | (rows["init"] == "train_mean")]
    rows = rows[(rows["metric"] == "mae") & (rows["test_set"] == "clinical")].set_index("init")["value"]
    assert rows.drop("train_mean").min() < 0.75 * rows["train_mean"].min()


def test_the_demo_learns_diagnoses_and_reports(demo):
    rows = pd.read_csv(demo / "results/demo/cmr/tables/diagnoses.csv")
    trained = rows[(rows["mode"] == "fine_tuning") & (rows["test_set"] == "clinical")]
    assert trained.groupby("init")["value"].mean().min() > 0.7
    found = pd.read_csv(demo / "results/demo/cmr/evaluation/retrieval.csv").set_index("test_set")
    assert found.loc["clinical", "pool"] == 32
    assert (found["top5"] > 1.5 * found["chance_top5"]).all()
