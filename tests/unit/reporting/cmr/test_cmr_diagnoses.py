from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cmr_predictions import path_of, write_cell, write_grid

from cineclr.cli import main
from cineclr.config.cmr import DIAGNOSES, Evaluation
from cineclr.errors import InputError
from cineclr.reporting.cmr.diagnoses import COLUMNS, ONE_CLASS, evaluate_diagnoses
from cineclr.stats.delong import delong, paired_test
from cineclr.stats.multiple import holm

PUBLISHED = Path(__file__).parents[5] / "shared" / "published"
INITS = {"contrastive": "contrastive", "kinetics": "kinetics400"}


def evaluate(paths, tmp_path):
    output = tmp_path / "diagnoses.csv"
    evaluate_diagnoses(paths, Evaluation(), output)
    return pd.read_csv(output, keep_default_na=False, na_values=[""])


def read(path, test_set):
    frame = pd.read_csv(path).sort_values("study")
    return frame[frame["test_set"] == test_set]


def test_a_row_per_model_with_its_auroc_and_the_paired_test(tmp_path):
    tasks, inits = ["amyloid", "normal"], ["kinetics400", "contrastive"]
    paths, _ = write_grid(tmp_path, tasks, inits, ["fine_tuning", "transfer_learning"])
    table = evaluate(paths, tmp_path)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 2 * 2 * 2 * 2
    for row in table.itertuples():
        own = read(path_of(tmp_path, row.task, row.init, row.mode), row.test_set)
        other = read(path_of(tmp_path, row.task, "kinetics400", row.mode), row.test_set)
        result = delong(own["label"], [own["prediction"], other["prediction"]], own["patient"])
        assert row.value == pytest.approx(result.aurocs[0], abs=1e-12)
        assert (row.n, row.n_positive) == (len(own), own["label"].sum())
        assert row.ci_low < row.value < row.ci_high
        if row.init == "contrastive":
            assert row.baseline == "kinetics400"
            assert row.difference == pytest.approx(result.aurocs[0] - result.aurocs[1])
            assert row.p_value == pytest.approx(paired_test(result)[1], rel=1e-9)
            assert (row.difference_ci_low > 0) == (row.difference > 0 and row.p_value < 0.05)
        else:
            assert pd.isna([row.baseline, row.difference, row.p_value, row.p_holm]).all()


def test_p_is_adjusted_over_the_diagnoses_of_a_test_set_and_mode(tmp_path):
    tasks = list(DIAGNOSES[:5])
    paths, _ = write_grid(tmp_path, tasks, ["kinetics400", "contrastive"], size=120)
    table = evaluate(paths, tmp_path).dropna(subset="p_value")
    for _, family in table.groupby("test_set"):
        assert family["task"].tolist() == tasks
        np.testing.assert_allclose(family["p_holm"], holm(family["p_value"]))
        assert (family["p_bh"] <= family["p_holm"]).all()


def test_a_model_worse_than_chance_stays_below_a_half(tmp_path):
    path, _ = write_cell(
        tmp_path, "amyloid", "contrastive",
        change=lambda frame: frame.assign(prediction=1 - frame["prediction"]),
    )  # fmt: skip
    assert (evaluate([path], tmp_path)["value"] < 0.3).all()


def test_without_kinetics_random_weights_are_the_baseline(tmp_path):
    paths, _ = write_grid(tmp_path, ["amyloid"], ["random", "contrastive"])
    table = evaluate(paths, tmp_path).set_index("init")
    assert table.loc["contrastive", "baseline"].tolist() == ["random", "random"]
    assert table.loc["random", "p_value"].isna().all()


def test_a_test_set_of_one_class_has_rows_that_say_so(tmp_path):
    def heal(frame):
        return frame.assign(label=frame["label"].where(frame["test_set"] != "northern", 0))

    paths, _ = write_grid(tmp_path, ["amyloid"], ["kinetics400", "contrastive"], change=heal)
    table = evaluate(paths, tmp_path).set_index("test_set")
    assert table.loc["northern", "note"].tolist() == [ONE_CLASS, ONE_CLASS]
    assert table.loc["northern", ["value", "p_value"]].isna().all(axis=None)
    assert table.loc["northern", ["n", "n_positive"]].to_numpy().tolist() == [[80, 0], [80, 0]]
    assert table.loc["clinical", "value"].notna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(label=frame["label"] * 2), "labels are neither 0 nor 1"),
        (lambda frame: frame.assign(prediction=frame["prediction"] + 1), "lie outside"),
    ],
)
def test_what_is_no_label_or_probability_is_refused(tmp_path, change, message):
    path, _ = write_cell(tmp_path, "amyloid", "random", change=change)
    with pytest.raises(InputError, match=f"predictions of amyloid, clinical, .*{message}"):
        evaluate([path], tmp_path)


def test_from_the_command_line(tmp_path):
    paths, _ = write_grid(tmp_path, ["amyloid"], ["random", "contrastive"])
    files = ["--predictions", *map(str, paths), "--output", str(tmp_path / "out.csv")]
    assert main(["evaluate-diagnoses", *files, "--settings", '{"confidence": 0.9}']) == 0
    assert pd.read_csv(tmp_path / "out.csv")["confidence"].eq(0.9).all()


@pytest.fixture
def published():
    predictions = PUBLISHED / "cmr_internal_test_predictions.csv.gz"
    if not predictions.exists():
        pytest.skip("the published predictions are not at hand")
    expected = pd.read_csv(PUBLISHED / "cmr_internal_test_auc_published.csv").set_index("target")
    return pd.read_csv(predictions, dtype={"study": str}), expected


def name_task(target):
    task = target.lower().replace(".", "_")
    return {"purenormal": "normal"}.get(task, task)


def write_published(frame, folder):
    """Write the paper's predictions as predict-cmr would; every study is a patient."""
    paths = []
    for (target, model), own in frame.groupby(["target", "model"]):
        path = path_of(folder, name_task(target), INITS[model])
        path.parent.mkdir(parents=True, exist_ok=True)
        table = own.rename(columns={"labels": "label", "probs": "prediction"})
        table.assign(patient=own["study"], test_set="clinical").to_csv(path, index=False)
        paths.append(path)
    return paths


def test_the_papers_predictions_reproduce_its_aurocs_where_they_were_not_turned_over(published, tmp_path):
    frame, expected = published
    # Model by model and every row a study, as the paper counted them: joined, repeated studies are refused.
    frame = frame.assign(study=[f"R{row:04d}" for row in frame["row"]])
    unturned = 0
    for model, name in (("contrastive", "pretrained"), ("kinetics", "baseline")):
        table = evaluate(write_published(frame[frame["model"] == model], tmp_path), tmp_path)
        table = table.set_index("task").loc[map(name_task, expected.index)]
        same = np.isclose(table["value"], expected[f"auc_{name}"], rtol=1e-6)
        np.testing.assert_allclose(
            table["value"][~same], 1 - expected[f"auc_{name}"].to_numpy()[~same], rtol=1e-6
        )
        for ours, theirs in (("ci_low", "lower"), ("ci_high", "upper")):
            np.testing.assert_allclose(
                table[ours][same], expected[f"{theirs}_{name}"].to_numpy()[same], rtol=1e-6
            )
        unturned += int(same.sum())
    assert unturned == 70 - 3


def test_the_papers_predictions_joined_by_study_are_compared_in_pairs(published, tmp_path):
    frame, _ = published
    paths = write_published(frame.drop_duplicates(["target", "model", "study"]), tmp_path)
    table = evaluate(paths, tmp_path).set_index(["task", "init"])
    assert len(table) == 70
    assert table["n"].eq(1215).all()
    arrhythmogenic = "arrhythmogenic_right_ventricular_cardiomyopathy"
    assert table.loc[(arrhythmogenic, "contrastive"), "p_value"] == pytest.approx(0.004, abs=0.0005)
    assert table.loc[("atrial_myxoma", "contrastive"), "value"] == pytest.approx(0.382, abs=0.001)
