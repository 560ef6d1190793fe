import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss

from cineclr.cli import main
from cineclr.config.echo import Evaluation
from cineclr.errors import InputError
from cineclr.reporting import calibration
from cineclr.reporting.calibration import evaluate_calibration

ESTIMATES = ["brier", "intercept", "slope"]


def write_predictions(folder, init, ratio, *, shift=0.0, seed=0, change=None):
    """Write 400 predictions whose logits are `shift` above the truth: the calibration intercept is -shift."""
    generator = np.random.default_rng(1)
    truth = generator.beta(2, 3, 400)
    frame = pd.DataFrame(
        {
            "study": [f"S{number:04d}" for number in range(400)],
            "test_set": [("internal", "external", "internal", "val")[number % 4] for number in range(400)],
            "label": (generator.random(400) < truth).astype(int),
            "probability": expit(logit(truth) + shift),
        }
    )
    frame = frame if change is None else change(frame)
    path = folder / "predictions" / init / f"{ratio}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.sample(frac=1, random_state=seed).to_csv(path, index=False)
    return path


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(calibration, "RESAMPLES", 60)


def evaluate(paths, folder, settings=None, **options):
    settings = settings or Evaluation()
    evaluate_calibration("lvh", paths, settings, folder / "lvh.csv", folder / "curve.csv", **options)
    return pd.read_csv(folder / "lvh.csv"), pd.read_csv(folder / "curve.csv")


def test_numbers_tell_a_calibrated_model_from_a_shifted_one(tmp_path):
    paths = [
        write_predictions(tmp_path, "echoclr", 1.0),
        write_predictions(tmp_path, "random", 0.1, shift=1.5),
    ]
    table, _ = evaluate(paths, tmp_path)
    assert table[["init", "test_set"]].apply(tuple, axis=1).tolist() == [
        ("random", "internal"), ("random", "external"), ("echoclr", "internal"), ("echoclr", "external"),
    ]  # fmt: skip
    for row in table.itertuples():
        frame = pd.read_csv(tmp_path / "predictions" / row.init / f"{row.ratio}.csv")
        frame = frame[frame["test_set"] == row.test_set]
        assert (row.n_test, row.n_test_positive) == (len(frame), frame["label"].sum())
        assert row.brier == pytest.approx(brier_score_loss(frame["label"], frame["probability"]))
    for name in ESTIMATES:
        assert (table[f"{name}_ci_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_ci_high"]).all()
    internal = table[table["test_set"] == "internal"].set_index("init")
    assert internal.loc["random", "intercept_ci_high"] < 0 < internal.loc["echoclr", "intercept_ci_high"]
    assert internal.loc["random", "intercept"] == pytest.approx(
        internal.loc["echoclr", "intercept"] - 1.5, abs=0.01
    )
    assert internal.loc["random", "ici"] > 0.2 > internal.loc["echoclr", "ici"]
    assert internal.loc["random", "slope"] == pytest.approx(internal.loc["echoclr", "slope"])


def test_curves_hold_what_figures_draw(tmp_path):
    table, curve = evaluate([write_predictions(tmp_path, "echoclr", 1.0)], tmp_path)
    assert curve.columns.tolist() == ["init", "ratio", "test_set", "kind", "x", "y", "ci_low", "ci_high", "n"]
    internal = curve[curve["test_set"] == "internal"].set_index("kind")
    assert internal.index.value_counts().to_dict() == {
        "smoothed": 101, "group": 10, "net_benefit": 99, "treat_all": 99,
    }  # fmt: skip
    assert internal.loc["group", "n"].sum() == 200
    assert internal.loc["smoothed", "n"].eq(200).all()
    smoothed = internal.loc["smoothed"]
    inner = smoothed.iloc[10:90]
    assert ((inner["ci_low"] <= inner["y"]) & (inner["y"] <= inner["ci_high"])).all()
    assert inner["y"].sub(inner["x"]).abs().max() < 0.2
    prevalence = table.set_index("test_set").loc["internal", ["n_test_positive", "n_test"]]
    half = internal.loc["treat_all"].set_index("x").loc[0.5, "y"]
    assert half == pytest.approx(2 * prevalence["n_test_positive"] / prevalence["n_test"] - 1)
    assert internal.loc["net_benefit", "ci_low"].isna().all()


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(tmp_path):
    settings = Evaluation()
    for name, order, seed in (("one", 1, 0), ("two", 2, 0), ("three", 2, 1)):
        path = write_predictions(tmp_path, "echoclr", 1.0, seed=order)
        output, curve = tmp_path / f"{name}.csv", tmp_path / f"{name}_curve.csv"
        evaluate_calibration("lvh", [path], settings, output, curve, seed=seed)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "one_curve.csv").read_bytes() == (tmp_path / "two_curve.csv").read_bytes()
    assert (tmp_path / "one.csv").read_bytes() != (tmp_path / "three.csv").read_bytes()


def test_notes_say_what_does_not_exist_and_what_was_moved(tmp_path):
    def separate(frame):
        return frame.assign(probability=frame["label"].astype(float))

    path = write_predictions(tmp_path, "echoclr", 1.0, change=separate)
    table, curve = evaluate([path], tmp_path, Evaluation(resample="patient"))
    note = table.set_index("test_set").loc["internal", "note"]
    assert note.startswith("200 probabilities moved to 1e-06 from 0 or 1 for intercept and slope; no slope")
    assert note.endswith("not patients")
    assert table["slope"].isna().all()
    assert table["intercept"].notna().all()
    assert curve["y"].notna().all()


def test_a_constant_model_has_a_brier_score_and_no_slope(tmp_path):
    path = write_predictions(tmp_path, "echoclr", 1.0, change=lambda frame: frame.assign(probability=0.5))
    table, _ = evaluate([path], tmp_path)
    assert table["brier"].eq(0.25).all()
    rate = table["n_test_positive"] / table["n_test"]
    assert table["ici"].tolist() == pytest.approx((rate - 0.5).abs().tolist())
    assert table["slope"].isna().all()


def test_files_without_validation_rows_will_do_and_unknown_test_sets_will_not(tmp_path):
    path = write_predictions(tmp_path, "echoclr", 1.0, change=lambda frame: frame[frame["test_set"] != "val"])
    assert len(evaluate([path], tmp_path)[0]) == 2
    path = write_predictions(tmp_path, "echoclr", 1.0, change=lambda frame: frame.assign(test_set="train"))
    with pytest.raises(InputError, match="test_set is train"):
        evaluate([path], tmp_path)


def test_the_command_runs(tmp_path):
    path = write_predictions(tmp_path, "echoclr", 1.0)
    arguments = [
        "--task",
        "lvh",
        "--predictions",
        str(path),
        "--settings",
        "{}",
        "--output",
        str(tmp_path / "a.csv"),
    ]
    assert main(["evaluate-calibration", *arguments, "--curve", str(tmp_path / "b.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "a.csv")) == 2
