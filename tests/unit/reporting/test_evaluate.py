import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cineclr.config.echo import Evaluation
from cineclr.errors import InputError
from cineclr.reporting.evaluate import evaluate_echo

SETTINGS = Evaluation(bootstrap_samples=300, test_samples=300)
COLUMNS = ["init", "ratio", "test_set", "n_test", "n_test_positive", "metric", "value", "ci_low", "ci_high"]


def write_predictions(folder, init, ratio, *, skill, seed=0, order=0, studies=120):
    """Write predictions of a model: every model has the same studies and labels, in another order."""
    labels = np.random.default_rng(1).integers(0, 2, studies)
    noise = np.random.default_rng(seed).normal(size=studies)
    frame = pd.DataFrame(
        {
            "study": [f"S{number:04d}" for number in range(studies)],
            "test_set": ["internal" if number % 3 else "external" for number in range(studies)],
            "label": labels,
            "probability": 1 / (1 + np.exp(-(skill * labels + noise))),
        }
    )
    path = folder / "predictions" / init / f"{ratio}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.sample(frac=1, random_state=order).to_csv(path, index=False)
    return path


@pytest.fixture
def splits(tmp_path):
    """Patients of two studies each."""
    path = tmp_path / "splits.csv"
    studies = [f"S{number:04d}" for number in range(120)]
    pd.DataFrame({"study": studies, "patient": [f"P{n // 6 * 3 + n % 3}" for n in range(120)]}).to_csv(path)
    return path


@pytest.fixture
def paths(tmp_path, splits):
    return [
        write_predictions(tmp_path, "random", 0.1, skill=0, seed=1, order=1),
        write_predictions(tmp_path, "echoclr", 0.1, skill=3, seed=2, order=2),
        write_predictions(tmp_path, "echoclr", 1.0, skill=0.5, seed=3, order=3),
        write_predictions(tmp_path, "simclr", 1.0, skill=4, seed=4, order=4),
        write_predictions(tmp_path, "simclr", 0.5, skill=1, seed=5, order=5),
    ]


def evaluate(paths, output, seed=0, settings=SETTINGS):
    evaluate_echo("lvh", paths, output.parent / "splits.csv", settings, seed, output)
    return pd.read_csv(output)


def test_values_are_those_of_scikit_learn_inside_their_intervals(paths, tmp_path):
    table = evaluate(paths, tmp_path / "lvh.csv")
    assert table.columns.tolist() == [*COLUMNS, "confidence", "left_out", "p_vs_echoclr"]
    assert len(table) == 5 * 2 * 2
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "lvh.parquet"), check_dtype=False)
    for row in table.itertuples():
        frame = pd.read_csv(tmp_path / "predictions" / row.init / f"{row.ratio}.csv")
        frame = frame[frame["test_set"] == row.test_set]
        metric = roc_auc_score if row.metric == "auroc" else average_precision_score
        assert row.value == pytest.approx(metric(frame["label"], frame["probability"]))
        assert row.ci_low <= row.value <= row.ci_high
        assert (row.n_test, row.n_test_positive) == (len(frame), frame["label"].sum())


def test_p_is_small_where_echoclr_is_better_and_near_one_where_it_is_worse(paths, tmp_path):
    table = evaluate(paths, tmp_path / "lvh.csv").set_index(["init", "ratio", "test_set", "metric"])
    p_values = table["p_vs_echoclr"]
    assert p_values["random", 0.1, "internal", "auroc"] < 0.01
    assert p_values["simclr", 1.0, "internal", "auroc"] > 0.99
    compared = p_values.dropna().index
    assert {(init, ratio, metric) for init, ratio, _, metric in compared} == {
        ("random", 0.1, "auroc"),
        ("simclr", 1.0, "auroc"),
    }


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_files_and_rows(paths, tmp_path):
    evaluate(paths, tmp_path / "one.csv")
    write_predictions(tmp_path, "random", 0.1, skill=0, seed=1, order=99)
    evaluate(paths[::-1], tmp_path / "two.csv")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    evaluate(paths, tmp_path / "three.csv", seed=1)
    assert (tmp_path / "one.csv").read_bytes() != (tmp_path / "three.csv").read_bytes()


def test_models_of_other_studies_are_refused(paths, tmp_path):
    paths.append(write_predictions(tmp_path, "mi_simclr", 0.1, skill=1, studies=119))
    with pytest.raises(
        InputError, match=r"lvh, internal rows.*mi_simclr at 0.1 were not evaluated on the same"
    ):
        evaluate(paths, tmp_path / "lvh.csv")


@pytest.mark.parametrize(
    ("init", "ratio", "message"),
    [
        ("resnet", 0.1, "resnet/0.1.csv.*must be an init"),
        ("random", "all", "random/all.csv.*must be a ratio"),
    ],
)
def test_files_with_other_names_are_refused(paths, tmp_path, init, ratio, message):
    paths.append(write_predictions(tmp_path, init, ratio, skill=1))
    with pytest.raises(InputError, match=message):
        evaluate(paths, tmp_path / "lvh.csv")


def test_validation_rows_are_passed_over(paths, tmp_path):
    expected = evaluate(paths, tmp_path / "one.csv")
    for path in paths:
        frame = pd.read_csv(path)
        more = frame.head(20).assign(study=[f"V{n}" for n in range(20)], test_set="val")
        pd.concat([more, frame]).to_csv(path, index=False)
    pd.testing.assert_frame_equal(evaluate(paths, tmp_path / "two.csv"), expected)


def test_patients_are_resampled_whole_on_request(paths, tmp_path):
    by_study = evaluate(paths, tmp_path / "one.csv")
    patients = SETTINGS.model_copy(update={"resample": "patient"})
    by_patient = evaluate(paths, tmp_path / "two.csv", settings=patients)
    assert by_patient["value"].tolist() == by_study["value"].tolist()
    assert by_patient["ci_low"].tolist() != by_study["ci_low"].tolist()
    assert by_patient["p_vs_echoclr"].notna().tolist() == by_study["p_vs_echoclr"].notna().tolist()


def test_a_study_without_a_patient_is_named(paths, splits, tmp_path):
    pd.read_csv(splits).iloc[1:].to_csv(splits, index=False)
    with pytest.raises(InputError, match="splits: 1 evaluated studies are not in it, such as S0000"):
        evaluate(paths, tmp_path / "a.csv", settings=SETTINGS.model_copy(update={"resample": "patient"}))


def test_missing_files_and_empty_lists_are_refused(paths, tmp_path):
    with pytest.raises(InputError, match="no predictions given"):
        evaluate([], tmp_path / "lvh.csv")
    with pytest.raises(InputError, match=r"echoclr/0.9.csv: no such file"):
        evaluate([tmp_path / "echoclr" / "0.9.csv"], tmp_path / "lvh.csv")
    with pytest.raises(InputError, match="given twice"):
        evaluate([*paths, paths[0]], tmp_path / "lvh.csv")


def test_an_unknown_test_set_is_refused(paths, tmp_path):
    frame = pd.read_csv(paths[0]).replace({"test_set": {"external": "elsewhere"}})
    frame.to_csv(paths[0], index=False)
    with pytest.raises(InputError, match="test_set is elsewhere"):
        evaluate(paths, tmp_path / "lvh.csv")
