import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from cineclr.errors import InputError
from cineclr.stats.agreement import agreement, kappa, tabulate_agreement

NAN = np.nan
ANSWERS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40)


@given(ANSWERS)
@settings(max_examples=100, deadline=None)
def test_kappa_f1_and_agreement_equal_those_of_scikit_learn(pairs):
    one, other = np.array(pairs).T
    found = agreement(one, other)
    if len({*one, *other}) > 1:
        assert found["kappa"] == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
    else:
        assert np.isnan(found["kappa"])
    if one.any() or other.any():
        assert found["positive_f1"] == pytest.approx(f1_score(one, other), abs=1e-12)
    else:
        assert np.isnan(found["positive_f1"])
    assert found["agreement"] == (one == other).mean()
    assert (found["prevalence_first"], found["prevalence_second"]) == (one.mean(), other.mean())


def test_interval_of_a_worked_example():
    # By hand after Fleiss, Cohen & Everitt: 20, 5 / 10, 15: po 0.7, pe 0.5, kappa 0.4.
    po, pe, rows, columns = 0.7, 0.5, (0.5, 0.5), (0.6, 0.4)
    cells = np.array([[20, 5], [10, 15]]) / 50
    k = (po - pe) / (1 - pe)
    diagonal = sum(cells[i, i] * (1 - (rows[i] + columns[i]) * (1 - k)) ** 2 for i in range(2))
    others = (1 - k) ** 2 * (
        cells[0, 1] * (columns[0] + rows[1]) ** 2 + cells[1, 0] * (columns[1] + rows[0]) ** 2
    )
    error = np.sqrt((diagonal + others - (k - pe * (1 - k)) ** 2) / 50) / (1 - pe)
    found = kappa([[20, 5], [10, 15]])
    assert found == pytest.approx((0.4, 0.4 - 1.959964 * error, 0.4 + 1.959964 * error), abs=1e-6)
    assert kappa([[20, 5], [10, 15]], confidence=0.9).ci_low > found.ci_low


def test_the_interval_covers():
    # 2,000 tables of 200 studies: 95 % +- 1.5 % (3 sd), and the interval is an approximation.
    cells = np.array([0.15, 0.05, 0.1, 0.7])
    truth = cohen_kappa_score([1, 1, 0, 0], [1, 0, 1, 0], sample_weight=cells)
    tables = np.random.default_rng(0).multinomial(200, cells, size=2000).reshape(-1, 2, 2)
    inside = [low <= truth <= high for _, low, high in map(kappa, tables)]
    assert np.mean(inside) == pytest.approx(0.945, abs=0.02)


@pytest.mark.parametrize(
    ("one", "other", "value"), [([1, 0, 1], [1, 0, 1], 1), ([1, 0, 1], [1, 1, 1], 0), ([0, 0], [0, 0], NAN)]
)
def test_an_interval_without_variance_does_not_exist(one, other, value):
    found = agreement(one, other)
    assert found["kappa"] == pytest.approx(value, nan_ok=True)
    assert np.isnan([found["ci_low"], found["ci_high"]]).all()


def test_missing_annotations_are_counted():
    found = agreement([1, 0, NAN, NAN, 1, NAN], [1, NAN, 0, NAN, 0, 1])
    counted = {name: found[name] for name in ("studies", "n", "only_first", "only_second", "neither")}
    assert counted == {"studies": 6, "n": 2, "only_first": 1, "only_second": 2, "neither": 1}
    assert found["agreement"] == 0.5


def test_nothing_in_common_leaves_nothing_to_compare():
    found = agreement([1, NAN], [NAN, 0])
    assert found["n"] == 0
    assert np.isnan([found["kappa"], found["positive_f1"], found["agreement"]]).all()


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ([], [], "0 and 0 rows"),
        ([1, 0], [1], "2 and 1 rows"),
        ([1, 2, 0.5], [1, 0, 0], "2 answers of the first annotator are neither"),
        ([1, 0], [1, "yes"], "second annotator's answers are not numbers"),
    ],
)
def test_faulty_answers_are_refused(one, other, message):
    with pytest.raises(InputError, match=message):
        agreement(one, other)


FIRST = pd.DataFrame({"study": ["a", "b", "c"], "lvh": [1, 0, 1], "amyloid": [0, NAN, 1]})
SECOND = pd.DataFrame({"study": ["d", "c", "b"], "amyloid": [1, 1, 0], "lvh": [0, 1, 0]})


def test_annotators_are_joined_by_study():
    table = tabulate_agreement(FIRST, SECOND).set_index("label")
    assert table.index.tolist() == ["lvh", "amyloid"]
    assert table.loc["lvh", ["studies", "n", "only_first", "only_second", "neither"]].tolist() == [
        4,
        2,
        1,
        1,
        0,
    ]
    assert table.loc["amyloid", ["n", "only_first", "only_second"]].tolist() == [1, 1, 2]
    assert table.loc["lvh", "kappa"] == 1


def test_long_and_wide_frames_say_the_same():
    long = FIRST.melt("study", var_name="label").dropna()
    columns = ["label", "studies", "n", "only_first", "only_second", "neither", "kappa", "positive_f1"]
    found = tabulate_agreement(long, SECOND).sort_values("label", ascending=False, ignore_index=True)
    pd.testing.assert_frame_equal(found[columns], tabulate_agreement(FIRST, SECOND)[columns])


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (FIRST.drop(columns="study"), "first annotator has no column study"),
        (FIRST.drop(columns="lvh"), "only one annotator has lvh"),
        (FIRST.assign(study=["a", "a", "b"]), "1 rows that repeat a study, the first is study a"),
        (FIRST.assign(study=["a", None, "b"]), "1 rows without study"),
        (FIRST.assign(lvh=[1, 3, 0]), "lvh: agreement: 1 answers"),
        (
            pd.DataFrame({"study": ["a", "a"], "label": ["lvh", "lvh"], "value": [0, 1]}),
            "repeat a study and label, the first is study a",
        ),
    ],
)
def test_faulty_frames_are_refused(first, message):
    with pytest.raises(InputError, match=message):
        tabulate_agreement(first, SECOND)
