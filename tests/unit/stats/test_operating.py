import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, roc_curve
from strategies import predictions

from cineclr.errors import InputError
from cineclr.stats.operating import MEASURES, Confusion, apply_threshold, choose_threshold, describe

LABELS = [1, 1, 0, 1, 0, 0, 1, 0, 0, 0]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]


def rates(labels, scores, threshold):
    """Sensitivity and specificity as exact fractions, counted study by study."""
    called = [score >= threshold for score in scores]
    true = sum(c for c, label in zip(called, labels, strict=True) if label == 1)
    kept = sum(not c for c, label in zip(called, labels, strict=True) if label == 0)
    return Fraction(true, int(sum(labels))), Fraction(kept, int(len(labels) - sum(labels)))


def slow_choice(labels, scores, rule, target):
    """The documented rule, read aloud."""
    candidates = [(threshold, *rates(labels, scores, threshold)) for threshold in {*scores, math.inf}]
    if rule == "youden":
        return max(candidates, key=lambda c: (c[1] + c[2], c[1]))[0]
    first, second = (1, 2) if rule == "sensitivity" else (2, 1)
    allowed = [c for c in candidates if float(c[first]) >= target]
    return max(allowed, key=lambda c: (c[second], c[first]))[0]


@given(predictions(), st.sampled_from([0.5, 0.75, 0.8, 0.9, 1.0]))
@settings(max_examples=300, deadline=None)
def test_choices_are_those_of_the_rule_read_aloud(data, target):
    labels, scores = data
    for rule in ("youden", "sensitivity", "specificity"):
        asked = None if rule == "youden" else target
        assert choose_threshold(labels, scores, rule, asked) == slow_choice(labels, scores, rule, target)


@given(predictions(), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_the_order_of_studies_changes_no_choice(data, seed):
    labels, scores = data
    order = np.random.default_rng(seed).permutation(len(labels))
    for rule, target in (("youden", None), ("sensitivity", 0.9), ("specificity", 0.9)):
        chosen = choose_threshold(labels, scores, rule, target)
        assert chosen == choose_threshold(labels[order], scores[order], rule, target)


@given(predictions())
@settings(max_examples=100, deadline=None)
def test_the_youden_index_is_the_largest_on_the_roc_curve_of_scikit_learn(data):
    labels, scores = data
    false_rate, true_rate, _ = roc_curve(labels, scores)
    sensitivity, specificity = rates(labels, scores, choose_threshold(labels, scores, "youden"))
    assert float(sensitivity + specificity - 1) == pytest.approx(np.max(true_rate - false_rate), abs=1e-12)


def test_choices_by_hand():
    # Sensitivity and specificity: 0.8 -> 2/4, 6/6; 0.6 -> 3/4, 5/6; 0.3 -> 4/4, 3/6.
    assert choose_threshold(LABELS, SCORES, "youden") == 0.6
    assert choose_threshold(LABELS, SCORES, "sensitivity", 0.9) == 0.3
    assert choose_threshold(LABELS, SCORES, "sensitivity", 0.75) == 0.6
    assert choose_threshold(LABELS, SCORES, "specificity", 0.9) == 0.8
    assert choose_threshold(LABELS, SCORES, "specificity", 5 / 6) == 0.6


def test_a_target_that_is_met_exactly_is_met():
    labels, scores = [1] * 10 + [0], [*np.linspace(0.9, 0.5, 9), 0.1, 0.2]
    assert choose_threshold(labels, scores, "sensitivity", 0.9) == 0.5


def test_of_equal_youden_indices_the_most_sensitive_is_taken():
    # J is 1/2 at 0.9 (1/2, 2/2) and at 0.5 (2/2, 1/2).
    assert choose_threshold([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1], "youden") == 0.5


def test_a_gain_that_costs_nothing_is_taken():
    labels, scores = [1, 1, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert choose_threshold(labels, scores, "sensitivity", 0.6) == 0.7
    assert choose_threshold(labels, scores, "specificity", 0.5) == 0.7


def test_nobody_is_positive_where_the_highest_scores_are_of_negatives():
    chosen = choose_threshold([0, 1, 0], [0.9, 0.5, 0.1], "specificity", 0.9)
    assert chosen == math.inf
    assert apply_threshold([0, 1, 0], [0.9, 0.5, 0.1], chosen) == Confusion(tp=0, fp=0, fn=1, tn=2)


def test_a_probability_at_the_threshold_is_positive():
    assert apply_threshold([1, 0], [0.5, 0.5], 0.5) == Confusion(tp=1, fp=1, fn=0, tn=0)


@given(predictions(), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
@settings(max_examples=100, deadline=None)
def test_counts_and_measures_are_those_of_scikit_learn(data, threshold):
    labels, scores = data
    counts = apply_threshold(labels, scores, threshold)
    called = scores >= threshold
    (tn, fp), (fn, tp) = confusion_matrix(labels, called, labels=[0, 1])
    assert counts == Confusion(tp=tp, fp=fp, fn=fn, tn=tn)
    f1 = f1_score(labels, called, zero_division=np.nan)
    assert describe(counts)["f1"].value == pytest.approx(f1, nan_ok=True)


def test_measures_by_hand():
    found = describe(Confusion(tp=40, fp=10, fn=20, tn=130))
    assert tuple(found) == MEASURES
    values = [found[name].value for name in MEASURES]
    assert values == pytest.approx([40 / 60, 130 / 140, 40 / 50, 130 / 150, 170 / 200, 80 / 110])
    assert all(found[name].ci_low < found[name].value < found[name].ci_high for name in MEASURES)


def test_measures_without_a_denominator_do_not_exist():
    found = describe(Confusion(tp=0, fp=0, fn=3, tn=5))
    assert math.isnan(found["ppv"].value)
    assert math.isnan(found["ppv"].ci_low)
    assert found["f1"].value == 0.0
    assert math.isnan(describe(Confusion(tp=0, fp=0, fn=0, tn=5))["f1"].value)
    assert math.isnan(describe(Confusion(tp=0, fp=1, fn=0, tn=5))["sensitivity"].value)


@pytest.mark.parametrize(
    ("size", "cells"),
    [(200, (0.2, 0.05, 0.1, 0.65)), (500, (0.03, 0.05, 0.02, 0.9)), (100, (0.1, 0.2, 0.02, 0.68))],
)
def test_the_interval_of_f1_covers_the_truth(size, cells):
    tp, fp, fn, _ = cells
    truth = 2 * tp / (2 * tp + fp + fn)
    drawn = np.random.default_rng(0).multinomial(size, cells, 20_000)
    seen, times = np.unique(drawn[:, :3], axis=0, return_counts=True)
    # tn plays no part in F1, and equal (tp, fp + fn) have equal intervals.
    keys, member = np.unique(
        np.column_stack([seen[:, 0], seen[:, 1:].sum(axis=1)]), axis=0, return_inverse=True
    )
    intervals = [describe(Confusion(tp=int(a), fp=int(b), fn=0, tn=0))["f1"] for a, b in keys]
    covers = np.array([interval.ci_low <= truth <= interval.ci_high for interval in intervals])
    assert np.average(covers[member], weights=times) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(
    ("rule", "target", "message"),
    [
        ("youden", 0.9, "takes no target"),
        ("sensitivity", None, "target sensitivity is None"),
        ("sensitivity", 0, "target sensitivity is 0"),
        ("specificity", 1.1, "target specificity is 1.1"),
        ("f1", 0.9, "rule is f1"),
    ],
)
def test_wrong_rules_and_targets_are_refused(rule, target, message):
    with pytest.raises(InputError, match=message):
        choose_threshold(LABELS, SCORES, rule, target)


def test_degenerate_input_is_refused():
    with pytest.raises(InputError, match=r"choose the threshold: all 2 studies are labelled 1"):
        choose_threshold([1, 1], [0.1, 0.2], "youden")
    with pytest.raises(InputError, match="threshold is not a number"):
        apply_threshold(LABELS, SCORES, math.nan)
    with pytest.raises(InputError, match="below 0"):
        describe(Confusion(tp=-1, fp=0, fn=0, tn=1))
