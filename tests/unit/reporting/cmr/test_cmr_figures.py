import itertools
import typing

import numpy as np
import pandas as pd
import pytest
from cmr_predictions import write_grid

from cineclr.cli import main
from cineclr.config.cmr import DIAGNOSES, Evaluation, Init, Mode, Split
from cineclr.errors import InputError
from cineclr.reporting.cmr.diagnoses import evaluate_diagnoses
from cineclr.reporting.cmr.figures import (
    LOOKS,
    draw_diagnoses,
    draw_lvef,
    draw_lvef_ratios,
    plot_diagnoses,
    plot_lvef_ratios,
)
from cineclr.reporting.cmr.lvef import evaluate_lvef
from cineclr.reporting.cmr.predictions import Cell, read_predictions
from cineclr.reporting.cmr.tables import tabulate_cmr
from cineclr.reporting.flow_chart import describe_flow
from cineclr.reporting.names import CMR_INIT_NAMES, CMR_SPLIT_NAMES, MODE_NAMES, name_diagnosis

INITS = ["kinetics400", "contrastive"]
MODES = ("fine_tuning", "transfer_learning")


@pytest.fixture(scope="module")
def lvef(tmp_path_factory):
    """Paths of the predictions and of the table of LVEF: two inits, modes and ratios."""
    folder = tmp_path_factory.mktemp("lvef")
    paths, fits = write_grid(folder, ["lvef"], INITS, MODES, (0.1, 1.0))
    evaluate_lvef(paths, fits, Evaluation(bootstrap_samples=100), 0, folder / "lvef.csv")
    tabulate_cmr(folder / "lvef.csv", ["random", *INITS], "", "not run: no weights", 11, folder / "table.csv")
    return paths, folder / "table.csv"


@pytest.fixture(scope="module")
def diagnoses(tmp_path_factory):
    """Path of a table of four diagnoses: two inits and modes."""
    folder = tmp_path_factory.mktemp("diagnoses")
    paths, _ = write_grid(folder, DIAGNOSES[:4], INITS, MODES)
    evaluate_diagnoses(paths, Evaluation(), folder / "diagnoses.csv")
    tabulate_cmr(folder / "diagnoses.csv", INITS, "", "", 11, folder / "table.csv")
    return folder / "table.csv"


def read(table):
    return pd.read_csv(table, dtype={"note": str}).fillna({"note": "", "mode": ""})


def test_every_id_has_a_name_and_every_init_a_look():
    assert set(LOOKS) == set(CMR_INIT_NAMES) == set(typing.get_args(Init))
    assert tuple(MODE_NAMES) == (*typing.get_args(Mode), "zero_shot")
    assert tuple(CMR_SPLIT_NAMES) == typing.get_args(Split)
    names = [name_diagnosis(task) for task in DIAGNOSES]
    assert len(set(names)) == 35
    assert not any("_" in name or name[0].islower() for name in names)


def test_bland_altman_panels_hold_the_points_and_the_lines_of_the_table(lvef):
    paths, table = lvef
    models = {cell: frame for cell, frame in read_predictions(paths).items() if cell.ratio == 1.0}
    rows = read(table)
    rows = rows[rows["test_set"] == "northern"]
    figure = draw_lvef(models, rows, "northern")
    assert figure.get_suptitle() == "LV ejection fraction, northern (80 studies)"
    assert [panel.get_title("left") for panel in figure.axes] == [
        "Contrastive, fine tuning",
        "Kinetics-400, fine tuning",
        "Contrastive, transfer learning",
        "Kinetics-400, transfer learning",
    ]
    frame = models[Cell("lvef", "fine_tuning", 1.0, "contrastive")]
    frame = frame[frame["group"] == "northern"]
    points = figure.axes[0].lines[0].get_xydata()
    np.testing.assert_allclose(points[:, 1], frame["value"] - frame["labels"])
    own = rows[rows["init"].eq("contrastive") & rows["mode"].eq("fine_tuning") & rows["ratio"].eq(1.0)]
    values = own.set_index("metric")["value"]
    lines = [line.get_ydata()[0] for line in figure.axes[0].lines[2:]]
    assert lines == values[["limit_high", "bias", "limit_low"]].tolist()


def test_a_cohort_without_lvef_and_one_that_is_withheld_are_named(lvef):
    paths, table = lvef
    models, rows = read_predictions(paths), read(table)
    empty = draw_lvef(models, rows[rows["test_set"] == "elsewhere"], "elsewhere")
    assert (empty.axes, empty.get_supxlabel()) == ([], "no study of this cohort has an LVEF")
    hidden = rows[rows["test_set"] == "clinical"].assign(value=np.nan)
    assert "withheld" in draw_lvef(models, hidden, "clinical").get_supxlabel()


def test_errors_and_aurocs_stand_over_the_training_studies(lvef):
    rows = read(lvef[1])
    figure = draw_lvef_ratios(rows)
    assert [panel.get_title("left") for panel in figure.axes] == [
        "clinical, 80 studies", "", "northern, 80 studies", "",
    ]  # fmt: skip
    own = rows[rows["test_set"].eq("clinical") & rows["init"].eq("contrastive") & rows["metric"].eq("mae")]
    own = own[own["mode"] == "fine_tuning"].sort_values("n_train")
    line = figure.axes[0].lines[0].get_xydata()
    assert line[:, 1].tolist() == own["value"].tolist()
    np.testing.assert_allclose(line[:, 0], own["n_train"], rtol=0.1)
    naive = rows[rows["init"].eq("train_mean") & rows["metric"].eq("mae")].set_index("test_set")["value"]
    assert figure.axes[0].lines[-1].get_ydata()[0] == naive["clinical"]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["Contrastive", "Kinetics-400", "Fine tuning", "Transfer learning", "Without video"]
    assert "Random: not run: no weights." in figure.get_supxlabel()
    everything = figure.get_tightbbox()
    assert everything.x1 <= figure.get_figwidth()


def test_what_is_withheld_is_not_drawn(lvef):
    rows = read(lvef[1])
    kept = rows.assign(value=rows["value"].where(rows["test_set"] == "clinical"))
    kept["note"] = np.where(kept["test_set"] == "northern", "withheld where few", "")
    figure = draw_lvef_ratios(kept)
    assert len(figure.axes) == 2
    assert "Withheld where few (northern)." in figure.get_supxlabel()
    assert draw_lvef_ratios(rows.assign(value=np.nan)).axes == []


def test_forest_rows_are_sorted_and_alike_in_all_columns(diagnoses):
    rows = read(diagnoses)
    figure = draw_diagnoses(rows)
    assert [panel.get_title("left") for panel in figure.axes] == [
        f"{test_set}, {mode}"
        for mode in ("fine tuning", "transfer learning")
        for test_set in ("clinical", "northern")
    ]
    own = rows[rows["mode"].eq("fine_tuning") & rows["init"].eq("contrastive")].set_index("test_set")
    ordered = own.loc["clinical"].sort_values("value", ascending=False)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [name_diagnosis(task) for task in ordered["task"]]
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == [""] * 4
    there = own.loc["northern"].set_index("task").loc[ordered["task"]]
    markers = {line.get_label(): line.get_xdata() for line in figure.axes[1].lines}
    np.testing.assert_allclose(markers["Contrastive"], there["value"])
    counts = [text.get_text() for text in figure.axes[1].texts[1:5]]
    assert counts == [f"{n:.0f}" for n in there["n_positive"]]
    assert "p: Contrastive against Kinetics-400" in figure.get_supxlabel()


def test_no_interval_is_cut_whichever_panel_holds_it(diagnoses):
    rows = read(diagnoses)
    low = rows["task"].eq(DIAGNOSES[0]) & rows["mode"].eq("fine_tuning") & rows["test_set"].eq("clinical")
    figure = draw_diagnoses(rows.assign(ci_low=rows["ci_low"].mask(low, 0.1)))
    assert all(panel.get_xlim()[0] < 0.1 for panel in figure.axes)


def test_all_35_diagnoses_have_room(diagnoses):
    rows = read(diagnoses)
    one = rows[rows["task"] == DIAGNOSES[0]]
    rows = pd.concat([one.assign(task=task) for task in DIAGNOSES])
    figure = draw_diagnoses(rows)
    figure.draw_without_rendering()
    boxes = sorted(
        (label.get_window_extent() for label in figure.axes[0].get_yticklabels()), key=lambda b: b.y0
    )
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))
    assert figure.get_tightbbox().x0 >= -0.01


def test_a_diagnosis_withheld_everywhere_is_left_out(diagnoses):
    rows = read(diagnoses)
    gone = rows.assign(value=rows["value"].where(rows["task"] != DIAGNOSES[0]))
    labels = [label.get_text() for label in draw_diagnoses(gone).axes[0].get_yticklabels()]
    assert len(labels) == 3
    assert name_diagnosis(DIAGNOSES[0]) not in labels
    assert draw_diagnoses(rows.assign(value=np.nan)).axes == []


def test_the_commands_write_equal_bytes(lvef, diagnoses, tmp_path):
    paths, table = lvef
    for name in ("one", "two"):
        files = [
            tmp_path / f"{name}_{figure}" for figure in ("a.svg", "a.png", "b.svg", "b.png", "c.svg", "c.png")
        ]
        plot_lvef_ratios(table, *files[:2])
        plot_diagnoses(diagnoses, *files[2:4])
        options = ["--predictions", *map(str, paths), "--table", str(table), "--cohort", "clinical"]
        assert main(["plot-lvef", *options, "--svg", str(files[4]), "--png", str(files[5])]) == 0
    for one in tmp_path.glob("one_*"):
        assert one.read_bytes() == one.with_name(one.name.replace("one", "two")).read_bytes()


def test_no_table_and_no_rows_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        plot_diagnoses(tmp_path / "a.csv", tmp_path / "a.svg", tmp_path / "a.png")
    pd.DataFrame(columns=["note", "mode", "init"]).to_csv(tmp_path / "a.csv")
    with pytest.raises(InputError, match="0 rows"):
        plot_lvef_ratios(tmp_path / "a.csv", tmp_path / "a.svg", tmp_path / "a.png")


def test_the_flow_of_mri_files_is_told_in_its_own_words():
    stages = {"scan_cmr": 10, "studies": 5, "cohort_cmr": 0}
    left, described = 100, []
    for stage, out in stages.items():
        aside = {"other_view": out} if out else {}
        described.append({"stage": stage, "input": left, "passed": left - out, "set_aside": aside})
        left -= out
    flow = {"files": 100, "unit": "image", "stages": described, "missing_lvef": 3}
    parts = {"northern test": 12, "test": 11, "train": 30, "pretrain_val": 20, "pretrain_train": 40}
    chart = describe_flow({**flow, "studies_by_split": parts, "videos": dict.fromkeys(parts, 2)})
    assert [step.count for step in chart.steps] == ["100 files", "90 images", "85 images", "85 images"]
    assert not any("_" in step.title for step in chart.steps)
    assert [split.title for split in chart.splits] == [
        "Pretraining", "Pretraining validation", "Training", "Test", "northern: test",
    ]  # fmt: skip
    assert chart.splits[0].clips == "2 cine slices"
    assert "Studies without an LVEF count for the diagnoses only." in chart.footnote
