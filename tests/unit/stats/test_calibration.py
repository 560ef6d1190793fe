import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from cineclr.errors import InputError
from cineclr.stats.calibration import (
    EPSILON,
    brier,
    calibration_intercept,
    calibration_slope,
    group_calibration,
    is_separated,
)


def simulate(size, intercept, slope, seed):
    """Labels from logit P = intercept + slope x logit(probability)."""
    generator = np.random.default_rng(seed)
    probabilities = generator.beta(1.5, 4, size)
    labels = generator.random(size) < expit(intercept + slope * logit(probabilities))
    return labels.astype(int), probabilities


def test_the_brier_score_is_that_of_scikit_learn():
    labels, probabilities = simulate(300, 0, 1, 0)
    assert brier(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities), abs=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_the_intercept_is_that_of_a_logistic_model_with_offset(seed):
    labels, probabilities = simulate(200, -0.5, 0.8, seed)
    model = GLM(labels, np.ones((200, 1)), family=Binomial(), offset=logit(probabilities)).fit(tol=1e-12)
    expected = (model.params[0], *model.conf_int(alpha=0.1)[0])
    assert calibration_intercept(labels, probabilities, 0.9) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("seed", range(5))
def test_the_slope_is_that_of_an_unpenalised_logistic_regression(seed):
    labels, probabilities = simulate(200, -0.5, 0.8, seed)
    logits = logit(probabilities)[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, labels)
    found = calibration_slope(labels, probabilities)
    assert found.value == pytest.approx(model.coef_[0, 0], abs=1e-5)
    # The error of the inverse Fisher information, written out.
    design = np.column_stack([np.ones(200), logits])
    fitted = model.predict_proba(logits)[:, 1]
    error = np.sqrt(np.linalg.inv(design.T @ (design * (fitted * (1 - fitted))[:, None]))[1, 1])
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(1.959964 * error, rel=1e-4)


def test_intercept_and_slope_are_those_of_glm_in_r():
    # R 4.2.2: glm(y ~ offset(qlogis(p)), binomial) and glm(y ~ qlogis(p), binomial), confint.default.
    number = np.arange(1, 81)
    probabilities = (number - 0.5) / 80
    labels = (number * 37 % 101 / 101 < probabilities**1.2).astype(int)
    golden = (-0.225363081840, -0.763463789810, 0.312737626129)
    assert calibration_intercept(labels, probabilities) == pytest.approx(golden, abs=1e-9)
    golden = (1.208679311992, 0.657964929507, 1.759393694478)
    assert calibration_slope(labels, probabilities) == pytest.approx(golden, abs=1e-6)


def test_intervals_cover_what_the_labels_were_drawn_from():
    covered = np.zeros(2)
    for seed in range(400):
        intercept = calibration_intercept(*simulate(300, 0.4, 1, seed))
        slope = calibration_slope(*simulate(300, 0.4, 0.7, seed))
        covered += [
            intercept.ci_low <= 0.4 <= intercept.ci_high,
            slope.ci_low <= 0.7 <= slope.ci_high,
        ]
    # Three Monte-Carlo errors of 400 draws are 0.033.
    assert covered / 400 == pytest.approx([0.95, 0.95], abs=0.033)


def test_probabilities_of_0_and_1_are_moved_by_epsilon():
    labels, probabilities = simulate(200, 0, 1, 3)
    probabilities[:3] = [0, 1, 0]
    moved = np.clip(probabilities, EPSILON, 1 - EPSILON)
    assert calibration_intercept(labels, probabilities) == calibration_intercept(labels, moved)
    assert calibration_slope(labels, probabilities) == calibration_slope(labels, moved)
    only = calibration_intercept([0, 1, 0, 0], [1, 1, 1, 0])
    assert expit(only.value + logit([1 - EPSILON] * 3 + [EPSILON])).sum() == pytest.approx(1, abs=1e-9)
    assert all(math.isfinite(number) for number in only)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]),  # complete separation
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4]),  # the wrong way round
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4]),  # overlap in one value only
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),  # nothing to fit a slope to
    ],
)
def test_there_is_no_slope_without_overlap(labels, probabilities):
    assert is_separated(labels, probabilities)
    assert all(math.isnan(number) for number in calibration_slope(labels, probabilities))
    assert math.isfinite(calibration_intercept(labels, probabilities).value)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=25))
@settings(max_examples=200, deadline=None)
def test_intercept_and_slope_exist_exactly_where_they_should(rows):
    labels, grid = np.array(rows).T
    if len(set(labels)) < 2:
        return
    probabilities = grid / 5
    assert all(math.isfinite(number) for number in calibration_intercept(labels, probabilities))
    slope = calibration_slope(labels, probabilities)
    assert math.isfinite(slope.value) != is_separated(labels, probabilities)


def test_deciles_by_hand():
    probabilities = np.arange(1, 101) / 101
    labels = (np.arange(100) % 4 == 0).astype(int)
    groups = group_calibration(labels, np.random.default_rng(0).permutation(probabilities))
    assert groups["n"].tolist() == [10] * 10
    groups = group_calibration(labels, probabilities)
    assert groups["mean_probability"].tolist() == pytest.approx(
        [probabilities[i : i + 10].mean() for i in range(0, 100, 10)]
    )
    assert groups["observed"].tolist() == pytest.approx([0.3, 0.2] * 5)
    expected = binomtest(3, 10).proportion_ci(method="wilson")
    assert groups.loc[0, ["ci_low", "ci_high"]].tolist() == pytest.approx([expected.low, expected.high])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=60))
@settings(max_examples=100, deadline=None)
def test_ties_are_never_parted(rows):
    labels, grid = np.array(rows).T
    if len(set(labels)) < 2:
        return
    groups = group_calibration(labels, grid / 6)
    assert groups["n"].sum() == len(rows)
    assert (groups["observed"] * groups["n"]).sum() == pytest.approx(labels.sum())
    assert len(groups) <= len(set(grid))
    assert groups["mean_probability"].is_monotonic_increasing


def test_degenerate_input_is_refused():
    for function in (brier, calibration_intercept, calibration_slope, group_calibration):
        with pytest.raises(InputError, match="all 2 studies are labelled 1"):
            function([1, 1], [0.1, 0.2])
    for function in (calibration_intercept, calibration_slope):
        with pytest.raises(InputError, match="confidence is 95"):
            function([0, 1, 0], [0.1, 0.2, 0.3], 95)
    with pytest.raises(InputError, match="in 0 groups"):
        group_calibration([0, 1], [0.1, 0.2], groups=0)
