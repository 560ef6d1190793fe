import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import average_precision_score, roc_auc_score
from strategies import predictions

from cineclr.errors import InputError
from cineclr.stats.aupr import aupr
from cineclr.stats.auroc import auroc

BOTH = pytest.mark.parametrize("metric", [auroc, aupr])


def slow_auroc(labels, scores):
    wins = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one in scores[labels == 1]
        for other in scores[labels == 0]
    ]
    return sum(wins) / len(wins)


def slow_aupr(labels, scores):
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        now = labels[called].sum() / labels.sum()
        total += (now - recall) * labels[called].mean()
        recall = now
    return total


@given(predictions())
@settings(max_examples=200, deadline=None)
def test_auroc_equals_the_pairs_counted_one_by_one(data):
    labels, scores = data
    assert auroc(labels, scores) == pytest.approx(slow_auroc(labels, scores), abs=1e-12)
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    u = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    assert auroc(labels, scores) == pytest.approx(u / ((labels == 1).sum() * (labels == 0).sum()), abs=1e-12)


@given(predictions())
@settings(max_examples=200, deadline=None)
def test_aupr_equals_average_precision_of_scikit_learn(data):
    labels, scores = data
    assert aupr(labels, scores) == pytest.approx(slow_aupr(labels, scores), abs=1e-12)
    assert aupr(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


@BOTH
@given(data=predictions())
@settings(max_examples=50, deadline=None)
def test_monotone_transforms_change_nothing(metric, data):
    labels, scores = data
    assert metric(labels, scores) == metric(labels, scores**3 / 2 + 0.1)


@given(predictions())
@settings(max_examples=50, deadline=None)
def test_swapped_labels_mirror_the_auroc(data):
    labels, scores = data
    assert auroc(1 - labels, scores) == pytest.approx(1 - auroc(labels, scores), abs=1e-12)
    assert auroc(1 - labels, 1 - scores) == pytest.approx(auroc(labels, scores), abs=1e-12)


@BOTH
@given(data=predictions(), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_order_of_studies_changes_nothing(metric, data, seed):
    labels, scores = data
    order = np.random.default_rng(seed).permutation(len(labels))
    assert metric(labels[order], scores[order]) == metric(labels, scores)


def test_direction_is_never_guessed():
    assert auroc([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]) == 0.0


def test_a_constant_model_scores_one_half_and_the_prevalence():
    assert auroc([1, 0, 0, 0], [0.3] * 4) == 0.5
    assert aupr([1, 0, 0, 0], [0.3] * 4) == 0.25


@BOTH
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([], [], "0 rows"),
        ([1, 0], [0.5], "2.* labels, but .*1.* values of probability"),
        ([1, 1], [0.5, 0.6], "all 2 studies are labelled 1"),
        ([0, 0, 0], [0.5, 0.6, 0.1], "all 3 studies are labelled 0"),
        ([1, 0], [0.5, np.nan], "1 of 2 rows have no probability"),
        ([1, np.nan], [0.5, 0.1], "1 of 2 rows have no label"),
        ([1, None], [0.5, 0.1], "no label"),
        ([1, 2], [0.5, 0.1], "1 labels are neither 0 nor 1"),
        ([1, 0], [0.5, 1.1], "1 probabilities lie outside"),
        ([1, 0], [-0.1, 1.1], "2 probabilities lie outside"),
        ([1, 0], [-0.1, np.inf], "1 of 2 rows have an infinite probability"),
        ([1, 0], ["a", "b"], "not numbers"),
    ],
)
def test_degenerate_input_is_refused_by_name(metric, labels, scores, message):
    with pytest.raises(InputError, match=message):
        metric(labels, scores)
