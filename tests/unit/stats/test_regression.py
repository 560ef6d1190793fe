import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import nct, norm, pearsonr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from cineclr.errors import InputError
from cineclr.stats.bland_altman import bland_altman
from cineclr.stats.bootstrap import Draws
from cineclr.stats.regression import (
    METRICS,
    bootstrap_measure,
    compare,
    fisher_interval,
    measure,
    percentile,
)

# Peak expiratory flow, l/min, two meters (Bland & Altman 1986, Lancet i:307, Table 1, first measurements).
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])


def slow(true, predicted):
    """Every metric by an independent library or by its definition."""
    error = predicted - true
    return {
        "mse": mean_squared_error(true, predicted),
        "mae": mean_absolute_error(true, predicted),
        "r2": r2_score(true, predicted) if np.ptp(true) else np.nan,
        "pearson_r": pearsonr(true, predicted).statistic if np.ptp(true) and np.ptp(predicted) else np.nan,
        "bias": error.mean(),
        "limit_low": error.mean() - norm.ppf(0.975) * error.std(ddof=1),
        "limit_high": error.mean() + norm.ppf(0.975) * error.std(ddof=1),
    }


def draw(n=80, seed=0, models=2):
    rng = np.random.default_rng(seed)
    true = rng.normal(55, 10, n)
    return true, true + rng.normal(1, np.arange(5, 5 + models)[:, None], (models, n))


@given(st.lists(st.tuples(st.integers(10, 80), st.integers(10, 80)), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_metrics_equal_those_of_other_libraries(pairs):
    true, predicted = np.array(pairs, dtype=float).T / 7
    found, expected = measure(true, predicted), slow(true, predicted)
    assert set(found) == set(METRICS)
    for metric in METRICS:
        assert found[metric][0] == pytest.approx(expected[metric], abs=1e-9, nan_ok=True), metric


def test_a_resample_has_the_metrics_of_its_studies():
    true, predicted = draw(n=6)
    found = bootstrap_measure(true, predicted, samples=300, seed=4)
    rows, counts = Draws([6], np.arange(6), 300, 4).draw(0)
    assert rows == slice(0, 300)
    for sample, row in enumerate(counts):
        studies = np.repeat(np.arange(6), row)
        for model in range(2):
            expected = slow(true[studies], predicted[model, studies])
            for metric in METRICS:
                assert found[metric][model, sample] == pytest.approx(expected[metric], abs=1e-9, nan_ok=True)


def test_resamples_of_one_study_have_no_correlation_and_are_left_out():
    true, predicted = draw(n=3)
    found = bootstrap_measure(true, predicted, samples=2000, seed=0)
    observed = measure(true, predicted)
    for metric in ("r2", "pearson_r"):
        assert np.isnan(found[metric]).mean() == pytest.approx(1 / 9, abs=0.03)
        assert np.isfinite(percentile(observed[metric][0], found[metric][0])).all()
        assert np.isfinite(compare(observed[metric], found[metric])[0]).all()
    assert np.isfinite(found["mae"]).all()


def test_one_study_has_no_intervals_and_no_p():
    observed, resampled = measure([50], [[52], [55]]), bootstrap_measure([50], [[52], [55]], 200, seed=0)
    np.testing.assert_array_equal(percentile(observed["mae"][0], resampled["mae"][0]), (2, np.nan, np.nan))
    difference, p_value = compare(observed["mae"], resampled["mae"])
    np.testing.assert_array_equal([*difference, p_value], [-3, np.nan, np.nan, np.nan])


def test_percentile_interval_equals_that_of_scipy():
    true, predicted = draw(n=150)
    ours = percentile(0.0, bootstrap_measure(true, predicted, 20_000, seed=1)["mae"][0])
    theirs = scipy_bootstrap(
        (np.abs(predicted[0] - true),), np.mean, n_resamples=20_000, method="percentile", rng=2
    ).confidence_interval
    assert ours[1:] == pytest.approx(theirs, abs=0.02)


def test_a_model_against_itself_differs_by_nothing():
    true, predicted = draw(models=1)
    twice = np.vstack([predicted, predicted])
    values = bootstrap_measure(true, twice, 500, seed=0)
    for metric, observed in measure(true, twice).items():
        assert compare(observed, values[metric]) == ((0, 0, 0), 1)


def test_linear_recalibration_leaves_r_alone():
    true, predicted = draw(models=1)
    both = np.vstack([predicted, 3 + 0.7 * predicted])
    values = bootstrap_measure(true, both, 500, seed=0)
    assert compare(measure(true, both)["pearson_r"], values["pearson_r"])[1] == 1


def test_a_difference_has_direction_and_two_sides():
    true, predicted = draw(n=400, models=6)
    observed, values = measure(true, predicted), bootstrap_measure(true, predicted, 4000, seed=0)
    better, p = compare(observed["mae"][[0, 5]], values["mae"][[0, 5]])
    assert better.ci_high < 0
    assert p < 1e-6
    worse, mirrored = compare(observed["mae"][[5, 0]], values["mae"][[5, 0]])
    assert tuple(worse) == pytest.approx((-better.value, -better.ci_high, -better.ci_low))
    assert mirrored == p


def test_the_test_holds_its_level():
    # Both models err alike: p below 0.05 in 5 % of data sets; 600 of them are 5 % +- 2.7 % (3 sd).
    p_values = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        true = rng.normal(55, 10, 100)
        predicted = true + rng.normal(0, 4, 100) + rng.normal(0, 5, (2, 100))
        observed, values = measure(true, predicted), bootstrap_measure(true, predicted, 400, seed)
        p_values.append(compare(observed["mae"], values["mae"])[1])
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.027)


def test_the_same_seed_gives_the_same_numbers_in_bounded_memory():
    true, predicted = draw(n=2000)
    tracemalloc.start()
    first = bootstrap_measure(true, predicted, 3000, seed=7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6  # all counts at once would be 48 MB
    second = bootstrap_measure(true, predicted, 3000, seed=7)
    for metric in METRICS:
        np.testing.assert_array_equal(first[metric], second[metric])


@pytest.mark.parametrize("value", [0.1, 55.0, 1e9 + 0.1])
def test_constant_truth_has_errors_but_no_correlation(value):
    true, predicted = np.full(7, value), np.linspace(40, 60, 7)
    found, values = measure(true, predicted), bootstrap_measure(true, predicted, 50, seed=0)
    assert np.isfinite(found["mae"]).all()
    for metric in ("r2", "pearson_r"):
        assert np.isnan(found[metric]).all()
        assert np.isnan(values[metric]).all()
        assert np.isnan(percentile(found[metric][0], values[metric][0])).all()
        assert np.isnan([*compare(found[metric][[0, 0]], values[metric][[0, 0]])[0]]).all()


def test_one_study_has_an_error_and_no_spread():
    found = measure([50.0], [52.0])
    assert (found["mae"][0], found["bias"][0]) == (2, 2)
    assert np.isnan([found[metric][0] for metric in ("r2", "pearson_r", "limit_low", "limit_high")]).all()
    assert np.isnan(bland_altman([50.0], [52.0]).bias[1:]).all()


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([], [], "0 rows"),
        ([1, 2], [1], r"\(2,\) true values, but \(1, 1\)"),
        ([1, np.nan], [1, 2], "1 of 2 true values are missing"),
        ([1, 2], [[1, 2], [np.inf, np.nan]], "2 of 4 predicted values are missing"),
        ([1, 2], [[1, 2], [1]], "not numbers, or models that differ"),
        (["a", "b"], [1, 2], "not numbers"),
    ],
)
@pytest.mark.parametrize("function", [measure, bland_altman, lambda t, p: bootstrap_measure(t, p, 10, 0)])
def test_degenerate_input_is_refused_by_name(function, true, predicted, message):
    with pytest.raises(InputError, match=message):
        function(true, predicted)


def test_fisher_interval_equals_that_of_scipy():
    true, predicted = draw(n=12)
    theirs = pearsonr(true, predicted[0])
    for confidence in (0.9, 0.95):
        ours = fisher_interval(theirs.statistic, 12, confidence)
        assert ours[1:] == pytest.approx(theirs.confidence_interval(confidence), abs=1e-12)
    assert fisher_interval(1.0, 12) == (1, 1, 1)
    assert np.isnan(fisher_interval(0.5, 3)[1:]).all()


def test_bland_altman_of_the_published_example():
    found = bland_altman(MINI, WRIGHT)  # differences are Wright - mini meter, as printed
    assert found.bias == pytest.approx((-2.1, -22.0, 17.8), abs=0.1)
    # Printed limits are -79.7 and 75.5, with 2 standard deviations of 38.8.
    assert found.limit_high.value == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.1)
    assert found.limit_low.value == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.1)
    # The printed approximate intervals of the limits are -114.3 to -45.1 and 40.9 to 110.1; the exact ones
    # are skewed outwards.
    assert found.limit_high.ci_low > 40.9
    assert found.limit_high.ci_high > 110.1
    assert found.limit_low.ci_low < -114.3


def test_the_exact_factor_is_the_tolerance_factor_of_the_nist_handbook():
    # Handbook of Statistical Methods, 7.2.6.3: n = 43, 90 % covered, confidence 0.99: 1.8740.
    assert nct.ppf(0.99, 42, norm.ppf(0.9) * 43**0.5) / 43**0.5 == pytest.approx(1.8740, abs=5e-5)


@pytest.mark.parametrize("size", [5, 30])
def test_intervals_cover_bias_and_limits_of_normal_differences(size):
    # 3,000 data sets: 95 % +- 1.2 % (3 sd).
    rng = np.random.default_rng(0)
    covered = np.zeros(3)
    truth = np.array([2, 2 - 1.959964 * 8, 2 + 1.959964 * 8])
    for differences in rng.normal(2, 8, (3000, size)):
        found = bland_altman(np.zeros(size), differences)
        estimates = np.array([found.bias, found.limit_low, found.limit_high])
        covered += (estimates[:, 1] <= truth) & (truth <= estimates[:, 2])
    assert covered / 3000 == pytest.approx(0.95, abs=0.012)


def test_exact_limits_meet_the_approximation_in_large_samples():
    true, predicted = draw(n=20_000, models=1)
    found = bland_altman(true, predicted[0]).limit_high
    spread = (predicted[0] - true).std(ddof=1)
    half = 1.96 * spread * np.sqrt(1 / 20_000 + 1.96**2 / 2 / 19_999)
    assert found[1:] == pytest.approx((found.value - half, found.value + half), abs=0.003)
