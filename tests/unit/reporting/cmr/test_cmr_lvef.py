from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cmr_predictions import path_of, write_cell, write_grid

from cineclr.config.cmr import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.cmr.lvef import COLUMNS, COMPARED, TRAIN_MEAN, evaluate_lvef
from cineclr.stats.delong import delong
from cineclr.stats.regression import METRICS, bootstrap_measure, measure

PUBLISHED = Path(__file__).parents[5] / "shared" / "published"
SETTINGS = Evaluation(bootstrap_samples=300)


def evaluate(grid, tmp_path, settings=SETTINGS, seed=0):
    output = tmp_path / "lvef.csv"
    evaluate_lvef(*grid, settings, seed, output)
    return pd.read_csv(output, keep_default_na=False, na_values=[""])


def write_lvef(tmp_path, inits=("kinetics400", "contrastive"), **options):
    return write_grid(tmp_path, ["lvef"], inits, **options)


def test_metrics_are_those_of_the_predictions_and_lie_in_their_intervals(tmp_path):
    grid = write_lvef(tmp_path, modes=("fine_tuning", "transfer_learning"), ratios=(0.1, 1.0))
    table = evaluate(grid, tmp_path)
    assert table.columns.tolist() == COLUMNS
    models = table[table["init"] != TRAIN_MEAN]
    assert len(models) == 2 * 2 * 2 * 2 * (len(METRICS) + 1)
    for row in models.itertuples():
        frame = pd.read_csv(path_of(tmp_path, "lvef", row.init, row.mode, row.ratio)).sort_values("study")
        frame = frame[frame["test_set"] == row.test_set]
        if row.metric == "auroc_le_40":
            low = (frame["label"] <= 40).astype(int)
            expected = delong(low, -frame["prediction"]).aurocs[0]
            assert row.n_positive == low.sum()
        else:
            expected = measure(frame["label"], frame["prediction"])[row.metric][0]
        assert row.value == pytest.approx(expected, rel=1e-9)
        assert row.ci_low < row.value < row.ci_high
        assert (row.n, row.n_train) == (80, 400 * row.ratio)


def test_models_are_compared_with_the_baseline_of_their_mode_and_ratio(tmp_path):
    table = evaluate(write_lvef(tmp_path), tmp_path)
    of = table.set_index(["test_set", "init", "metric"]).loc["clinical"]
    for metric in (*COMPARED, "auroc_le_40"):
        row, other = of.loc[("contrastive", metric)], of.loc[("kinetics400", metric)]
        assert row["difference"] == pytest.approx(row["value"] - other["value"])
        assert row["difference_ci_low"] < row["difference"] < row["difference_ci_high"]
        assert row["p_value"] <= row["p_holm"]
    assert of.loc[("contrastive", "mae"), "p_value"] < 0.001
    assert table.loc[table["metric"].isin(["bias", "limit_low", "limit_high"]), "p_value"].isna().all()
    assert table.loc[table["init"] != "contrastive", ["baseline", "p_value"]].isna().all(axis=None)


def test_the_mean_of_the_training_labels_is_the_predictor_without_video(tmp_path):
    table = evaluate(write_lvef(tmp_path), tmp_path)
    mean = table[table["init"] == TRAIN_MEAN].set_index(["test_set", "metric"])["value"]
    labels = pd.read_csv(path_of(tmp_path, "lvef", "contrastive")).set_index("test_set")["label"]
    assert mean["northern", "mae"] == pytest.approx((labels["northern"] - 54).abs().mean())
    assert mean["clinical", "bias"] == pytest.approx(54 - labels["clinical"].mean())
    assert mean["clinical", "r2"] <= 0
    assert "pearson_r" not in mean.index.get_level_values("metric")


def test_patients_and_not_studies_are_resampled(tmp_path):
    def copies(frame):
        more = [frame.assign(study=frame["study"] + f"-{n}") for n in range(4)]
        return pd.concat(more, ignore_index=True)

    alone = evaluate(write_lvef(tmp_path / "one"), tmp_path)
    copied = evaluate(write_lvef(tmp_path / "four", change=copies), tmp_path)
    merged = alone.merge(copied, on=["test_set", "mode", "ratio", "init", "metric"], suffixes=("", "_4"))
    merged = merged[merged["metric"] == "mae"]
    assert merged["value_4"].to_numpy() == pytest.approx(merged["value"].to_numpy())
    widths = (merged["ci_high_4"] - merged["ci_low_4"]) / (merged["ci_high"] - merged["ci_low"])
    assert widths.between(0.8, 1.25).all()  # a bootstrap of studies would halve them


def test_equal_seeds_give_equal_numbers_and_others_do_not(tmp_path):
    grid = write_lvef(tmp_path)
    one, again, other = (evaluate(grid, tmp_path, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert (one["value"] == other["value"]).all()
    assert (one["ci_low"] != other["ci_low"]).any()


def test_one_side_of_the_threshold_has_no_auroc_but_errors(tmp_path):
    def improve(frame):
        return frame.assign(label=frame["label"].clip(lower=45))

    table = evaluate(write_lvef(tmp_path, change=improve), tmp_path)
    aurocs = table[table["metric"] == "auroc_le_40"]
    assert aurocs["value"].isna().all()
    assert aurocs["n_positive"].eq(0).all()
    assert aurocs["note"].str.contains("one class").all()
    assert table.loc[table["metric"] == "mae", "value"].notna().all()


def test_what_does_not_fit_is_refused(tmp_path):
    predictions, fits = write_lvef(tmp_path)
    with pytest.raises(InputError, match="none of contrastive/fine_tuning/1"):
        evaluate((predictions, fits[:1]), tmp_path)
    path, _ = write_cell(tmp_path, "amyloid", "random")
    with pytest.raises(InputError, match="no predictions of lvef"):
        evaluate(([path], fits), tmp_path)


def test_clusters_of_one_study_are_studies_and_sizes_may_differ():
    rng = np.random.default_rng(0)
    true = rng.normal(50, 10, 40)
    predicted = true + rng.normal(0, 5, (2, 40))
    plain = bootstrap_measure(true, predicted, 200, seed=3)
    alone = bootstrap_measure(true, predicted, 200, seed=3, clusters=[f"P{n:02d}" for n in range(40)])
    for metric in METRICS:
        np.testing.assert_array_equal(plain[metric], alone[metric])
    few = bootstrap_measure(true, predicted, 4000, seed=3, clusters=np.repeat(["a", "b"], [30, 10]))
    parts = [measure(true[part], predicted[:, part])["mae"] for part in (slice(30), slice(30, None))]
    both = measure(true, predicted)["mae"]
    assert {*np.round(few["mae"][0], 9)} == {*np.round([parts[0][0], parts[1][0], both[0]], 9)}
    with pytest.raises(InputError, match="clusters"):
        bootstrap_measure(true, predicted, 100, seed=0, clusters=["a"])
    one = bootstrap_measure(true, predicted, 100, seed=0, clusters=["a"] * 40)
    assert np.isnan(one["mae"]).all()


def test_the_papers_predictions_reproduce_its_errors(tmp_path):
    source = PUBLISHED / "cmr_kaggle_lvef_predictions.csv"
    if not source.exists():
        pytest.skip("the published predictions are not at hand")
    frame = pd.read_csv(source, dtype={"study": str})
    names = {"contrastive": "contrastive", "kinetics": "kinetics400"}
    predictions, fits = [], []
    for model, own in frame.groupby("model"):
        table = own.rename(columns={"labels": "label", "preds": "prediction", "cohort": "test_set"})
        init = next(name for key, name in names.items() if model.startswith(key))

        def take(_, table=table):
            return table.assign(patient=table["study"])

        path, fit = write_cell(tmp_path, "lvef", init, change=take)
        predictions.append(path)
        fits.append(fit)
    table = evaluate((predictions, fits), tmp_path).set_index(["init", "metric"])
    assert table.loc[("contrastive", "mae"), "value"] == pytest.approx(6.880, abs=0.0005)
    assert table.loc[("kinetics400", "mae"), "value"] == pytest.approx(8.267, abs=0.0005)
    assert table.loc[("contrastive", "mae"), "n"] == 697
