import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics
from strategies import predictions

from cineclr.errors import InputError
from cineclr.stats import bootstrap
from cineclr.stats.aupr import aupr
from cineclr.stats.auroc import auroc
from cineclr.stats.curves import bands, pr_curve, roc_curve


def simulate(seed=0, size=150, grid=20):
    generator = np.random.default_rng(seed)
    labels = np.arange(size) % 3 == 0
    scores = np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    return labels.astype(int), np.round(scores * grid) / grid


@given(predictions())
@settings(max_examples=200, deadline=None)
def test_roc_curve_is_that_of_scikit_learn_and_its_area_is_the_auroc(data):
    rates = roc_curve(*data)
    expected = metrics.roc_curve(*data, drop_intermediate=False)
    np.testing.assert_allclose(rates, expected[:2], atol=1e-15)
    assert np.trapezoid(rates[1], rates[0]) == pytest.approx(auroc(*data), abs=1e-12)


@given(predictions())
@settings(max_examples=200, deadline=None)
def test_pr_curve_holds_the_points_that_the_average_precision_sums(data):
    recall, precision = pr_curve(*data)
    assert np.sum(np.diff(recall, prepend=0) * precision) == pytest.approx(aupr(*data), abs=1e-12)
    their_precision, their_recall, _ = metrics.precision_recall_curve(*data)
    gains = np.flatnonzero(-np.diff(their_recall))[::-1]
    np.testing.assert_allclose(recall, their_recall[gains], atol=1e-15)
    np.testing.assert_allclose(precision, their_precision[gains], atol=1e-15)


def slow_bands(labels, scores, resamples, grid, confidence):
    """Draw each resample as rows, take scikit-learn's curves and read them at the grid."""
    roc, pr = [], []
    for rows in resamples:
        drawn, values = labels[rows], scores[rows]
        if 0 < drawn.sum() < len(drawn):
            false, true, _ = metrics.roc_curve(drawn, values, drop_intermediate=False)
            roc.append([read_upper(false, true, rate) for rate in grid])
            precision, recall, _ = metrics.precision_recall_curve(drawn, values)
            points = list(zip(recall, precision, strict=True))[::-1]
            pr.append([next(p for r, p in points if r > 0 and r >= rate - 1e-12) for rate in grid])
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    return *np.quantile(roc, tails, axis=0), *np.quantile(pr, tails, axis=0), len(resamples) - len(roc)


def read_upper(x, y, at):
    """Read a rising polyline at `at`: the upper end where it is vertical."""
    upper = max((b for a, b in zip(x, y, strict=True) if abs(a - at) < 1e-12), default=None)
    return np.interp(at, x, y) if upper is None else upper


@pytest.mark.parametrize("grid", [10, 1000])
@pytest.mark.parametrize("clustered", [False, True])
def test_bands_are_those_of_resamples_drawn_one_by_one(monkeypatch, grid, clustered):
    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 900)  # two blocks of 30 resamples
    labels, scores = simulate(size=30, grid=grid)
    clusters = np.arange(30) // 2 if clustered else np.arange(30)
    found = bands(labels, scores, 60, 7, confidence=0.9, clusters=clusters if clustered else None, steps=20)
    draws = bootstrap.Draws([clusters.max() + 1], clusters, 60, 7)
    resamples = [np.repeat(np.arange(30), row) for block in range(2) for row in draws.draw(block)[1]]
    *expected, left_out = slow_bands(labels, scores, resamples, np.linspace(0, 1, 21), 0.9)
    for one, other in zip(
        (found.roc_low, found.roc_high, found.pr_low, found.pr_high), expected, strict=True
    ):
        np.testing.assert_allclose(one[0], other, atol=1e-12)
    assert found.left_out == left_out


def test_a_model_without_information_has_the_diagonal_as_its_band():
    labels = np.array([1, 0] * 20)
    found = bands(labels, np.full(40, 0.5), 100, 0)
    np.testing.assert_allclose(found.roc_low[0], found.grid, atol=1e-12)
    np.testing.assert_allclose(found.roc_high[0], found.grid, atol=1e-12)


def test_models_share_their_resamples_and_the_number_of_models_changes_nothing():
    labels, scores = simulate()
    two = bands(labels, [scores, 1 - scores], 50, 3)
    one = bands(labels, 1 - scores, 50, 3)
    np.testing.assert_array_equal(two.pr_low[1], one.pr_low[0])
    assert two.roc_low.shape == (2, 101)


def test_bands_narrow_as_one_over_the_root_of_the_studies():
    widths = [
        np.mean(np.subtract(b.roc_high, b.roc_low)) for b in (simulated_bands(200), simulated_bands(3200))
    ]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.3)


def simulated_bands(size):
    return bands(*simulate(size=size, grid=10**6), 400, 0)


def test_resamples_of_one_class_are_left_out_and_counted():
    labels, scores = np.array([1, 0, 0]), np.array([0.9, 0.4, 0.2])
    found = bands(labels, scores, 300, 0)
    assert pytest.approx(found.left_out, abs=30) == 300 * (8 + 1) / 27
    assert np.isfinite(found.pr_low).all()


def test_degenerate_input_is_refused():
    with pytest.raises(InputError, match="both classes"):
        roc_curve([1, 1], [0.1, 0.2])
    with pytest.raises(InputError, match="model 2: 1 probabilities lie outside"):
        bands([1, 0], [[0.1, 0.2], [0.1, 1.2]], 10, 0)
    with pytest.raises(InputError, match="none of 1 bootstrap resamples held both classes"):
        bands([1, 0], [0.1, 0.2], 1, 1)
