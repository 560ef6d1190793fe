import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from cineclr.config.echo import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.subgroups import COLUMNS, band_ages, evaluate_subgroups

STUDIES = 300


@pytest.fixture
def cohort():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "study": [f"S{i:03d}" for i in range(STUDIES)],
            "patient": [f"P{i // 2:03d}" for i in range(STUDIES)],
            "split": np.where(np.arange(STUDIES) < 200, "internal", "external"),
            "year": rng.choice([2016, 2017, 2021], STUDIES),
            "sex": rng.choice(["F", "M"], STUDIES),
            "age": rng.integers(30, 91, STUDIES).astype(float),
            "severe_as": rng.integers(0, 2, STUDIES),
            "lvh": rng.integers(0, 2, STUDIES),
            "videos": 2,
            "scanner": rng.choice(["ge vivid e95", "philips epiq 7"], STUDIES),
            "ward": rng.choice(["a", None], STUDIES),
            "ejection_fraction": rng.normal(60, 5, STUDIES),
            "label": "the same name as a column of predictions",
        }
    )


def write_predictions(cohort, folder, init="random"):
    """Scores that tell the classes apart in women only, and everything on the validation split."""
    rng = np.random.default_rng(len(init))
    signal = cohort["severe_as"] * np.where(cohort["sex"] == "F", 3, 0)
    table = cohort[["study"]].assign(
        test_set=cohort["split"],
        label=cohort["severe_as"],
        probability=norm.cdf(rng.normal(size=len(cohort)) + signal),
    )
    table = pd.concat([table, table.assign(test_set="val")]).sample(frac=1, random_state=0)
    path = folder / init / "1.0.csv"
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, index=False)
    return path


def evaluate(cohort, folder, inits=("random",), **settings):
    cohort.to_csv(folder / "splits.csv", index=False)
    paths = [write_predictions(cohort, folder, init) for init in inits]
    evaluate_subgroups("severe_as", paths, folder / "splits.csv", Evaluation(**settings), folder / "out.csv")
    return pd.read_csv(folder / "out.csv", dtype={"level": str}), [pd.read_csv(path) for path in paths]


def test_levels_are_those_of_splits_and_aurocs_those_of_scikit_learn(cohort, tmp_path):
    table, frames = evaluate(cohort, tmp_path, ["random", "echoclr"])
    assert table.columns.tolist() == COLUMNS
    assert set(table["test_set"]) == {"internal", "external"}
    ages = table.query("init == 'random' and test_set == 'internal' and variable == 'age_band'")
    assert ages["level"].tolist() == ["<50", "50-64", "65-79", ">=80"]
    assert ages["n"].sum() == 200
    for init, frame in zip(["random", "echoclr"], frames, strict=True):
        joined = frame[frame["test_set"] == "external"].merge(cohort[["study", "scanner"]], on="study")
        part = joined[joined["scanner"] == "ge vivid e95"]
        rows = table[(table["init"] == init) & (table["test_set"] == "external")]
        (row,) = rows[rows["level"] == "ge vivid e95"].to_dict("records")
        assert (row["n"], row["n_positive"]) == (len(part), part["label"].sum())
        assert row["auroc"] == pytest.approx(roc_auc_score(part["label"], part["probability"]))
        assert row["ci_low"] < row["auroc"] < row["ci_high"]


def test_the_interaction_of_sex_is_found_and_no_other(cohort, tmp_path):
    table, _ = evaluate(cohort, tmp_path)
    p_values = table.groupby(["test_set", "variable"])["p_interaction"].unique()
    assert all(len(values) == 1 for values in p_values)
    assert p_values["internal", "sex"][0] < 1e-6
    assert p_values["internal", "scanner"][0] > 0.01


def test_levels_too_small_are_counted_and_not_tested(cohort, tmp_path):
    cohort.loc[cohort["severe_as"] == 1, "ward"] = "a"
    cohort.loc[:3, "ward"], cohort.loc[:3, "severe_as"] = "tiny", [1, 0, 0, 0]
    table, _ = evaluate(cohort, tmp_path, subgroups=["ward"])
    rows = table[table["test_set"] == "internal"].set_index("level")
    assert rows.index.tolist() == ["a", "tiny", "missing"]
    assert rows.loc["tiny", ["n", "n_positive"]].tolist() == [4, 1]
    assert rows.loc[["tiny", "missing"], ["auroc", "ci_low", "ci_high"]].isna().all(axis=None)
    assert rows.loc["missing", "n"] == cohort.loc[:199, "ward"].isna().sum()
    assert rows["p_interaction"].isna().all()  # one level alone is left
    assert np.isfinite(rows.loc["a", "auroc"])


def test_patients_as_clusters_widen_the_interval_of_repeated_studies(cohort, tmp_path):
    cohort = cohort[cohort["split"] == "internal"].copy()
    twins = pd.concat([cohort, cohort.assign(study=cohort["study"] + "x")])
    cohort["patient"], twins["patient"] = cohort["study"], twins["study"].str[:4]
    one, _ = evaluate(cohort, tmp_path, resample="patient", subgroups=["sex"])
    path = tmp_path / "random/1.0.csv"
    frame = pd.read_csv(path)
    pd.concat([frame, frame.assign(study=frame["study"] + "x")]).to_csv(path, index=False)
    twins.to_csv(tmp_path / "splits.csv", index=False)
    widths = {}
    for unit in ("study", "patient"):
        settings = Evaluation(resample=unit, subgroups=["sex"])
        evaluate_subgroups("severe_as", [path], tmp_path / "splits.csv", settings, tmp_path / "out.csv")
        table = pd.read_csv(tmp_path / "out.csv")
        widths[unit] = table["ci_high"] - table["ci_low"]
    # Each study twice adds nothing: patients as clusters see that.
    assert widths["patient"].tolist() == pytest.approx((one["ci_high"] - one["ci_low"]).tolist())
    assert (widths["study"] < widths["patient"]).all()


def test_a_subgroup_that_is_not_there_is_named_with_those_that_are(cohort, tmp_path):
    with pytest.raises(InputError, match=r"no etnicity, study .*age_band, year, sex, .*scanner, ward"):
        evaluate(cohort, tmp_path, subgroups=["sex", "etnicity", "study"])
    with pytest.raises(InputError, match="ejection_fraction has 300 different numbers"):
        evaluate(cohort, tmp_path, subgroups=["ejection_fraction"])


def test_studies_of_another_cohort_are_refused(cohort, tmp_path):
    path = write_predictions(cohort, tmp_path)
    cohort.iloc[:-7].to_csv(tmp_path / "splits.csv", index=False)
    with pytest.raises(InputError, match=r"random/1.csv: 7 studies are not in splits"):
        evaluate_subgroups("severe_as", [path], tmp_path / "splits.csv", Evaluation(), tmp_path / "out.csv")


def test_ages_on_a_limit_belong_to_the_older_band():
    bands = band_ages(pd.Series([49.9, 50, 64.9, 65, 90, None]), [50, 65])
    assert bands.astype(object).tolist()[:5] == ["<50", "50-64", "50-64", ">=65", ">=65"]
    assert bands.isna().tolist() == [False] * 5 + [True]
