from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score, roc_auc_score

from cineclr.cli import main
from cineclr.errors import InputError
from cineclr.reporting.regression import evaluate_regression

KAGGLE = Path(__file__).parents[4] / "shared" / "published" / "cmr_kaggle_lvef_predictions.csv"
METRICS = ["mse", "mae", "r2", "pearson_r", "bias", "limit_low", "limit_high", "auroc_le_40"]


def draw(n=120, seed=0, **columns):
    rng = np.random.default_rng(seed)
    true = rng.normal(50, 12, n)
    models = {"ours": true + rng.normal(0, 5, n), "theirs": true + rng.normal(2, 8, n)}
    return pd.concat(
        pd.DataFrame(
            {
                "model": name,
                "study": [f"s{i:03}" for i in range(n)],
                "labels": true,
                "preds": values,
                **columns,
            }
        )
        for name, values in models.items()
    )


@pytest.fixture
def evaluate(tmp_path):
    def run(frame, **options):
        path, out = tmp_path / "predictions.csv", tmp_path / "out" / "table.csv"
        frame.to_csv(path, index=False)
        evaluate_regression(path, "ours", "theirs", out, **{"samples": 1000, **options})
        return pd.read_csv(out)

    return run


def test_the_table_holds_what_other_libraries_find(evaluate):
    frame = draw()
    table = evaluate(frame)
    assert table["metric"].tolist() == METRICS
    assert set(table["cohort"]) == {"all"}
    assert set(table["n"]) == {120}
    found = table.set_index("metric")
    for model, column in (("ours", "reference"), ("theirs", "baseline")):
        rows = frame[frame["model"] == model]
        true, predicted = rows["labels"], rows["preds"]
        assert found.loc["mae", column] == pytest.approx((true - predicted).abs().mean())
        assert found.loc["r2", column] == pytest.approx(r2_score(true, predicted))
        assert found.loc["pearson_r", column] == pytest.approx(pearsonr(true, predicted).statistic)
        assert found.loc["bias", column] == pytest.approx((predicted - true).mean())
        assert found.loc["auroc_le_40", column] == pytest.approx(roc_auc_score(true <= 40, -predicted))
    for column in ("reference", "baseline", "difference"):
        assert (found[f"ci_low_{column}"] <= found[column]).all()
        assert (found[column] <= found[f"ci_high_{column}"]).all()
    assert np.allclose(found["difference"], found["reference"] - found["baseline"])
    assert found.loc["mae", "p_value"] < 0.01
    # An interval that holds 0 and a p above 0.05 say the same, but near the edge.
    clear = found[(found["p_value"] < 0.01) | (found["p_value"] > 0.2)]
    assert len(clear) >= 5
    holds_0 = (clear["ci_low_difference"] < 0) & (clear["ci_high_difference"] > 0)
    assert (holds_0 == (clear["p_value"] > 0.05)).all()


def test_the_order_of_rows_changes_nothing(evaluate):
    frame = draw()
    pd.testing.assert_frame_equal(evaluate(frame), evaluate(frame.sample(frac=1, random_state=0)))


def test_every_cohort_has_its_rows(evaluate):
    one, other = draw(cohort="here"), draw(seed=1, n=60, cohort="there")
    table = evaluate(pd.concat([one, other]), threshold=45.5)
    assert table["cohort"].tolist() == ["here"] * 8 + ["there"] * 8
    assert table["n"].tolist() == [120] * 8 + [60] * 8
    assert table["metric"].iloc[-1] == "auroc_le_45.5"
    alone = evaluate(other, threshold=45.5)
    pd.testing.assert_frame_equal(table.iloc[8:].reset_index(drop=True), alone)


def test_without_low_values_there_is_no_auroc(evaluate):
    found = evaluate(draw(), threshold=-5).set_index("metric").loc["auroc_le_-5"]
    assert found.drop(["cohort", "n"]).isna().all()


def test_one_low_value_has_an_auroc_without_interval(evaluate):
    frame = draw(n=30)
    low = frame["labels"].min()
    found = evaluate(frame, threshold=low).set_index("metric").loc[f"auroc_le_{low:g}"]
    assert np.isfinite(found[["reference", "baseline", "difference"]].astype(float)).all()
    assert found.filter(like="ci_").isna().all()
    assert np.isnan(found["p_value"])


def test_constant_truth_leaves_correlation_empty(evaluate):
    found = evaluate(draw().assign(labels=55.0)).set_index("metric")
    assert found.loc[["r2", "pearson_r"]].drop(columns=["cohort", "n"]).isna().all(axis=None)
    assert found.loc[["mse", "mae", "bias", "limit_low"]].notna().all(axis=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 95}, "--confidence is 95"),
        ({"samples": 3}, "--samples is 3"),
        ({"threshold": float("nan")}, "--threshold is nan"),
    ],
)
def test_settings_out_of_range_are_refused(evaluate, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(draw(), **options)


def test_repeated_studies_are_refused_or_handled_as_asked(evaluate):
    frame = draw()
    repeated = pd.concat([frame, frame.iloc[:2].assign(preds=0.0)])
    with pytest.raises(InputError, match="all, ours: 2 studies are there more than once, the first is s000"):
        evaluate(repeated)
    pd.testing.assert_frame_equal(evaluate(repeated, duplicates="first"), evaluate(frame))
    assert evaluate(repeated, duplicates="mean")["reference"][1] > evaluate(frame)["reference"][1]


@pytest.mark.skipif(not KAGGLE.is_file(), reason="the published predictions are not here")
def test_the_published_ejection_fractions(tmp_path):
    out = tmp_path / "lvef.csv"
    arguments = [
        "--predictions",
        KAGGLE,
        "--reference",
        "contrastive",
        "--baseline",
        "kinetics",
        "--out",
        out,
    ]
    assert main(["evaluate-regression", *map(str, arguments)]) == 0
    found = pd.read_csv(out).set_index("metric")
    assert (found["n"] == 697).all()
    assert (found["cohort"] == "kaggle").all()
    assert found.loc["mae", ["reference", "baseline"]].tolist() == pytest.approx([6.880, 8.267], abs=5e-4)
    assert found.loc["mae", "p_value"] < 1e-6
