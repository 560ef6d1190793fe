from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cineclr.cli import main
from cineclr.errors import InputError
from cineclr.reporting.compare import evaluate_predictions
from cineclr.stats.delong import delong, paired_test, unpaired_test

PUBLISHED = Path(__file__).parents[4] / "shared" / "published"
COLUMNS = [
    "target", "n", "n_positive", "auc_reference", "ci_low_reference", "ci_high_reference", "auc_baseline",
    "ci_low_baseline", "ci_high_baseline", "difference", "p_value", "differences",
]  # fmt: skip


def simulate(target, seed, skill=(2.0, 1.0), size=90):
    """Return a table of two models for the same studies, rows in the same order."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size)
    parts = [
        pd.DataFrame(
            {
                "target": target,
                "model": model,
                "study": [f"S{n}" for n in range(size)],
                "labels": labels,
                "probs": 1 / (1 + np.exp(-(own * labels + rng.normal(size=size)))),
            }
        )
        for model, own in zip(("new", "old"), skill, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def compare(frame, tmp_path, **options):
    frame.to_csv(tmp_path / "in.csv", index=False)
    evaluate_predictions(tmp_path / "in.csv", "new", "old", tmp_path / "out.csv", **options)
    return pd.read_csv(tmp_path / "out.csv", keep_default_na=False)


def arrays(frame):
    of = {model: part.sort_values("study") for model, part in frame.groupby("model")}
    return of["new"]["labels"].to_numpy(), np.stack([of["new"]["probs"], of["old"]["probs"]])


def test_joined_by_study_whatever_the_order_of_rows(tmp_path):
    frame = pd.concat([simulate("a", 1), simulate("b", 2)])
    table = compare(frame.sample(frac=1, random_state=0).assign(row=np.arange(len(frame))), tmp_path)
    assert table.columns.tolist() == COLUMNS
    for row, (_, own) in zip(table.sort_values("target").itertuples(), frame.groupby("target"), strict=True):
        result = delong(*arrays(own))
        assert (row.auc_reference, row.auc_baseline) == pytest.approx(result.aurocs, abs=1e-15)
        assert row.p_value == pytest.approx(paired_test(result)[1], rel=1e-12)
        assert row.ci_low_reference < row.auc_reference < row.ci_high_reference
        assert row.difference == row.auc_reference - row.auc_baseline
        assert (row.n, row.n_positive) == (90, own["labels"].sum() / 2)
        assert "mispaired" in row.differences


def test_nothing_differs_where_rows_are_aligned_and_the_direction_is_plain(tmp_path):
    frame = simulate("a", 1)
    table, published = compare(frame, tmp_path), compare(frame, tmp_path, as_published=True)
    pd.testing.assert_frame_equal(table, published)
    assert table["differences"].tolist() == [""]


def test_a_flipped_auroc_is_given_as_it_is_and_printed_as_proc_prints_it(tmp_path):
    frame = simulate("a", 1, skill=(-2.0, 1.0))
    (row,) = compare(frame, tmp_path).itertuples()
    (printed,) = compare(frame, tmp_path, as_published=True).itertuples()
    assert row.auc_reference < 0.5
    assert printed.auc_reference == pytest.approx(1 - row.auc_reference)
    assert row.differences.startswith("reference AUROC flipped")
    assert "the directions differ" in row.differences
    assert printed.p_value != row.p_value


def test_one_positive_has_no_interval_and_no_p_in_proc_either(tmp_path):
    frame = simulate("a", 1).assign(labels=lambda table: (table["study"] == "S7").astype(int))
    flipped = frame["probs"].where(frame["model"] == "new", 0.5 - (frame["study"] == "S7") / 2)
    (row,) = compare(frame.assign(probs=flipped), tmp_path).itertuples()
    assert row.ci_low_reference == row.ci_high_baseline == row.p_value == ""
    assert "baseline AUROC flipped" in row.differences
    assert "p is" not in row.differences


def test_shifted_rows_are_mispaired_and_fall_back_to_the_unpaired_test(tmp_path):
    frame = simulate("a", 1)
    old = frame[frame["model"] == "old"]
    shifted = pd.concat([frame[frame["model"] == "new"], old.iloc[1:], old.iloc[:1]])
    (row,) = compare(shifted, tmp_path).itertuples()
    (printed,) = compare(shifted, tmp_path, as_published=True).itertuples()
    labels, scores = arrays(frame)
    assert row.p_value == pytest.approx(paired_test(delong(labels, scores))[1], rel=1e-12)
    expected = unpaired_test(delong(labels, scores[0]), delong(labels, scores[1]))[2]
    assert printed.p_value == pytest.approx(expected, rel=1e-12)
    assert "90 rows mispaired" in row.differences
    assert "unpaired test" in row.differences
    assert f"p is {expected:.3g} as pROC prints it" in row.differences


@pytest.mark.parametrize(("duplicates", "kept"), [("first", 0.25), ("mean", 0.5)])
def test_repeated_studies_are_refused_or_handled_as_asked(tmp_path, duplicates, kept):
    frame = simulate("a", 1)
    frame.loc[0, "probs"] = 0.25
    doubled = pd.concat([frame, frame.iloc[[0]].assign(probs=0.75)])
    with pytest.raises(InputError, match="a, new: 1 studies are there more than once, the first is S0"):
        compare(doubled, tmp_path)
    (row,) = compare(doubled, tmp_path, duplicates=duplicates).itertuples()
    expected = frame.copy()
    expected.loc[0, "probs"] = kept
    assert row.auc_reference == delong(*arrays(expected)).aurocs[0]
    assert "1 rows repeat a study" in row.differences
    assert len(compare(doubled, tmp_path, as_published=True)) == 1


def test_patients_with_several_studies_widen_the_interval(tmp_path):
    frame = simulate("a", 1)
    copies = pd.concat(
        [frame.assign(study=frame["study"] + f"-{n}", patient=frame["study"]) for n in range(4)]
    )
    (row,) = compare(copies, tmp_path).itertuples()
    (alone,) = compare(frame, tmp_path).itertuples()
    (naive,) = compare(copies.drop(columns="patient"), tmp_path).itertuples()
    assert row.auc_reference == pytest.approx(alone.auc_reference)
    width = alone.ci_high_reference - alone.ci_low_reference
    assert row.ci_high_reference - row.ci_low_reference == pytest.approx(width, rel=0.03)
    assert naive.ci_high_reference - naive.ci_low_reference == pytest.approx(width / 2, rel=0.03)
    assert row.differences.startswith(
        "some patients have several studies, which pROC takes as independent; p is"
    )
    assert naive.differences == ""


def test_adjusted_p_values_are_added_on_request(tmp_path):
    frame = pd.concat([simulate(target, seed) for seed, target in enumerate("abc")])
    table = compare(frame, tmp_path, adjust=True)
    assert table.columns.tolist() == [*COLUMNS, "p_holm", "p_bh"]
    assert table["p_holm"].min() == pytest.approx(3 * table["p_value"].min())
    assert (table["p_holm"] >= table["p_bh"]).all()


def test_few_positives_are_flagged(tmp_path, caplog):
    compare(simulate("rare", 1, size=20), tmp_path)
    assert "unreliable for 1 targets" in caplog.text
    assert "rare" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.assign(labels=1), "a, new: all 90 studies are labelled 1"),
        (lambda frame: frame.assign(probs=frame["probs"] * 3), "a, new: .* lie outside"),
        (lambda frame: frame.assign(probs=np.nan), "'probs' holds no finite number in 180 of 180"),
        (lambda frame: frame.iloc[:0], "0 rows"),
        (lambda frame: frame.iloc[:-1], "1 belong to one only, the first is S89"),
        (lambda frame: frame.drop(columns="study"), "no column study"),
        (lambda frame: frame.replace("old", "older"), "a: no model old; known are new, older"),
    ],
)
def test_degenerate_input_names_what_is_wrong(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        compare(change(simulate("a", 1)), tmp_path)


def test_from_the_command_line(tmp_path, capsys):
    simulate("a", 1).to_csv(tmp_path / "in.csv.gz", index=False)
    files = ["--predictions", str(tmp_path / "in.csv.gz"), "--out", str(tmp_path / "out.csv")]
    assert main(["evaluate-predictions", *files, "--reference", "new", "--baseline", "old"]) == 0
    assert len(pd.read_csv(tmp_path / "out.csv")) == 1
    assert main(["evaluate-predictions", *files, "--reference", "new", "--baseline", "newer"]) == 1
    assert "no model newer" in capsys.readouterr().err


@pytest.fixture
def published():
    predictions = PUBLISHED / "cmr_internal_test_predictions.csv.gz"
    if not predictions.exists():
        pytest.skip("the published predictions are not at hand")
    return predictions, pd.read_csv(PUBLISHED / "cmr_internal_test_auc_published.csv").set_index("target")


def test_the_published_table_is_reproduced(published, tmp_path):
    predictions, expected = published
    evaluate_predictions(predictions, "contrastive", "kinetics", tmp_path / "out.csv", as_published=True)
    table = pd.read_csv(tmp_path / "out.csv").set_index("target").loc[expected.index]
    assert len(table) == 35
    for role, name in (("reference", "pretrained"), ("baseline", "baseline")):
        for ours, theirs in (
            (f"auc_{role}", f"auc_{name}"),
            (f"ci_low_{role}", f"lower_{name}"),
            (f"ci_high_{role}", f"upper_{name}"),
        ):
            np.testing.assert_allclose(table[ours], expected[theirs], rtol=1e-6)
    np.testing.assert_allclose(table["p_value"], expected["p_val"], rtol=1e-6)


def test_the_published_table_is_corrected(published, tmp_path):
    predictions, expected = published
    evaluate_predictions(predictions, "contrastive", "kinetics", tmp_path / "out.csv", duplicates="first")
    table = pd.read_csv(tmp_path / "out.csv").set_index("target").loc[expected.index]
    assert table["differences"].str.count("AUROC flipped").sum() == 3
    assert table["differences"].str.contains("unpaired test").sum() == 12
    assert table["differences"].str.contains("rows mispaired").sum() == 35
    assert (table["n"] == 1215).all()
    assert table.loc["Atrial.Myxoma", "auc_reference"] == pytest.approx(0.382, abs=0.001)
    assert expected.loc["Atrial.Myxoma", "auc_pretrained"] == pytest.approx(0.618, abs=0.001)
    arrhythmogenic = "Arrhythmogenic.right.ventricular.cardiomyopathy"
    assert table.loc[arrhythmogenic, "p_value"] == pytest.approx(0.004, abs=0.0005)
    assert expected.loc[arrhythmogenic, "p_val"] == pytest.approx(0.86, abs=0.005)
    with pytest.raises(InputError, match="more than once"):
        evaluate_predictions(predictions, "contrastive", "kinetics", tmp_path / "out.csv")
