import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cineclr.errors import InputError
from cineclr.stats.calibration import brier
from cineclr.stats.calibration_curve import SPAN, integrated_calibration_index, resample_calibration, smooth


def simulate(size, seed, truth=lambda p: p):
    generator = np.random.default_rng(seed)
    probabilities = generator.beta(1.5, 3, size)
    return (generator.random(size) < truth(probabilities)).astype(int), probabilities


def slow_smooth(labels, values):
    """A weighted line through the nearest studies of each study, by least squares."""
    span, smoothed = int(SPAN * len(values)), []
    for value in values:
        distance = np.abs(values - value)
        width = np.sort(distance)[span - 1]
        weight = np.sqrt(np.clip(1 - (distance / width) ** 3, 0, None) ** 3)
        design = np.column_stack([np.ones_like(values), values - value])
        smoothed.append(np.linalg.lstsq(design * weight[:, None], labels * weight, rcond=None)[0][0])
    return np.array(smoothed)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_that_of_lines_fitted_one_by_one(seed):
    labels, probabilities = simulate(150, seed)
    expected = slow_smooth(labels, probabilities)
    assert smooth(labels, probabilities) == pytest.approx(expected, abs=2e-3)
    ici = integrated_calibration_index(labels, probabilities)
    assert ici == pytest.approx(np.abs(expected - probabilities).mean(), abs=1e-3)


def test_the_curve_is_that_of_lowess_in_r():
    # R 4.2.2: lowess(p, y, f = 0.75, iter = 0).
    number = np.arange(1, 81)
    probabilities = (number - 0.5) / 80
    labels = (number * 37 % 101 / 101 < probabilities**1.2).astype(int)
    golden = [-0.0386448722979, 0.4431885925373, 1.0207912293156]
    assert smooth(labels, probabilities)[[0, 39, 79]] == pytest.approx(golden, abs=1e-9)
    assert integrated_calibration_index(labels, probabilities) == pytest.approx(0.0392133785121, abs=1e-9)


def test_a_known_miscalibration_is_found():
    labels, probabilities = simulate(50_000, 0, truth=lambda p: 0.1 + 0.5 * p)
    expected = np.abs(0.1 + 0.5 * probabilities - probabilities).mean()
    assert integrated_calibration_index(labels, probabilities) == pytest.approx(expected, abs=0.005)
    labels, probabilities = simulate(50_000, 1)
    assert integrated_calibration_index(labels, probabilities) < 0.006


def test_ties_that_fill_the_span_get_their_mean():
    labels, probabilities = np.array([0, 1, 0, 0] * 10), np.full(40, 0.3)
    assert smooth(labels, probabilities) == pytest.approx(np.full(40, 0.25))
    probabilities[:4] = [0.1, 0.301, 0.6, 0.9]
    assert smooth(labels, probabilities)[4:] == pytest.approx(np.full(36, 0.25))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=40))
@settings(max_examples=150, deadline=None)
def test_the_curve_exists_and_forgets_the_order_of_studies(rows):
    labels, grid = np.array(rows).T
    if len(set(labels)) < 2:
        return
    smoothed = smooth(labels, grid / 4)
    assert np.isfinite(smoothed).all()
    assert all(np.ptp(smoothed[grid == value]) < 1e-12 for value in set(grid))
    assert smooth(labels[::-1], grid[::-1] / 4) == pytest.approx(smoothed[::-1], abs=1e-9)


def test_resamples_are_those_of_the_functions_on_drawn_studies():
    labels, probabilities = simulate(80, 4)
    order = np.argsort(probabilities)
    labels, probabilities = labels[order], probabilities[order]
    grid = np.linspace(0, 1, 5)
    resampled = resample_calibration(labels, probabilities, grid, 20, seed=7)
    generator = np.random.default_rng(7)
    for sample in range(20):
        drawn = generator.integers(0, 80, 80)
        assert resampled.brier[sample] == pytest.approx(brier(labels[drawn], probabilities[drawn]))
        inside = (grid >= probabilities[drawn].min()) & (grid <= probabilities[drawn].max())
        assert (np.isfinite(resampled.curve[sample]) == inside).all()
        smoothed, ranks = smooth(labels[drawn], probabilities[drawn]), np.argsort(drawn)
        expected = np.interp(grid[inside], probabilities[drawn][ranks], smoothed[ranks])
        assert resampled.curve[sample][inside] == pytest.approx(expected)


def test_the_order_of_studies_changes_no_resample():
    labels, probabilities = simulate(60, 5)
    grid = np.linspace(0.1, 0.6, 4)
    one = resample_calibration(labels, probabilities, grid, 10, seed=1)
    other = resample_calibration(labels[::-1], probabilities[::-1], grid, 10, seed=1)
    assert np.array_equal(one.curve, other.curve, equal_nan=True)
    assert (one.brier == other.brier).all()


def test_the_band_covers_the_true_curve():
    grid = np.array([0.15, 0.3, 0.5])
    covered = np.zeros(3)
    for seed in range(40):
        labels, probabilities = simulate(300, seed)
        curve = resample_calibration(labels, probabilities, grid, 60, seed).curve
        low, high = np.nanquantile(curve, [0.025, 0.975], axis=0)
        covered += (low <= grid) & (grid <= high)
    assert (covered / 40 > 0.85).all()


def test_degenerate_input_is_refused():
    with pytest.raises(InputError, match="all 2 studies are labelled 0"):
        smooth([0, 0], [0.1, 0.2])
    with pytest.raises(InputError, match="0 bootstrap resamples"):
        resample_calibration([0, 1], [0.1, 0.2], np.array([0.1]), 0, 0)
