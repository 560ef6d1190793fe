import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from cineclr.errors import InputError
from cineclr.stats.delong import delong, paired_test
from cineclr.stats.sample_size import (
    SampleSize,
    auroc_variance,
    difference_variance,
    size_for_difference,
    size_for_width,
)

PREVALENCE = 0.3


def draw(rng, size, aurocs, correlation=0.6):
    """Draw exponential scores, of which `auroc_variance` is exact; those of the models are correlated."""
    labels = np.repeat([1, 0], [size.positives, size.negatives])
    shared, own = rng.normal(size=size.total), rng.normal(size=(len(aurocs), size.total))
    uniform = ndtr(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    means = np.array([[auroc / (1 - auroc)] for auroc in aurocs])
    return labels, -np.log(uniform) * np.where(labels, means, 1)


def test_variance_of_the_published_example():
    # Hanley & McNeil 1982: AUROC 0.893 of 51 abnormal and 58 normal images has a standard error of 0.032.
    assert auroc_variance(0.893, 51, 58) ** 0.5 == pytest.approx(0.032, abs=0.0006)


def test_aurocs_vary_as_predicted():
    size, rng = SampleSize(20, 40), np.random.default_rng(0)
    aurocs = [delong(*draw(rng, size, [0.8])).aurocs[0] for _ in range(3000)]
    # The standard deviation of a variance of 3,000 values is 2.6 % of it.
    assert np.mean(aurocs) == pytest.approx(0.8, abs=0.004)
    assert np.var(aurocs) == pytest.approx(auroc_variance(0.8, 20, 40), rel=0.08)


def test_the_interval_has_the_width_asked_for():
    # DeLong's variance is a little too large in small samples; at 281 positives that is below 1 %.
    size, rng = size_for_width(0.85, 0.06, PREVALENCE), np.random.default_rng(0)
    variances = [delong(*draw(rng, size, [0.85])).variances[0] for _ in range(300)]
    assert 2 * 1.959964 * np.sqrt(np.mean(variances)) == pytest.approx(0.06, abs=0.001)


@pytest.mark.parametrize("alternative", ["two_sided", "one_sided"])
def test_the_test_has_the_power_asked_for(alternative):
    rng = np.random.default_rng(1)
    pilot = delong(*draw(rng, size_for_width(0.85, 0.02, PREVALENCE), [0.85, 0.77])).covariance
    correlation = pilot[0, 1] / np.sqrt(pilot[0, 0] * pilot[1, 1])
    assert 0.2 < correlation < 0.8
    size = size_for_difference(0.85, 0.77, correlation, PREVALENCE, power=0.8, alternative=alternative)
    z = np.array([paired_test(delong(*draw(rng, size, [0.85, 0.77])))[0] for _ in range(1000)])
    found = z > 1.644854 if alternative == "one_sided" else np.abs(z) > 1.959964
    assert found.mean() == pytest.approx(0.8, abs=0.04)  # 3 standard deviations of 1,000 data sets


@given(st.floats(0.55, 0.95), st.floats(0.02, 0.3), st.floats(0.05, 0.95), st.sampled_from([0.8, 0.9, 0.95]))
@settings(max_examples=50, deadline=None)
def test_one_positive_less_is_too_few_for_the_width(auroc, width, prevalence, confidence):
    size = size_for_width(auroc, width, prevalence, confidence)
    assert size.total >= size.positives / prevalence
    z = {0.8: 1.281552, 0.9: 1.644854, 0.95: 1.959964}[confidence]
    assert 2 * z * auroc_variance(auroc, size.positives, size.negatives) ** 0.5 <= width * (1 + 1e-6)
    if size.positives > 1:
        fewer = size.positives - 1
        negatives = max(1, int(np.ceil(fewer / prevalence)) - fewer)
        assert 2 * z * auroc_variance(auroc, fewer, negatives) ** 0.5 > width * (1 - 1e-6)


def test_what_makes_a_study_larger():
    usual = size_for_difference(0.85, 0.8, 0.5, 0.1).positives
    assert size_for_difference(0.85, 0.8, 0.5, 0.1, power=0.9).positives > usual
    assert size_for_difference(0.85, 0.8, 0.5, 0.1, confidence=0.99).positives > usual
    assert size_for_difference(0.85, 0.8, 0.2, 0.1).positives > usual
    assert size_for_difference(0.85, 0.8, 0.5, 0.5).positives > usual
    assert size_for_difference(0.85, 0.82, 0.5, 0.1).positives > usual
    assert size_for_difference(0.85, 0.8, 0.5, 0.1, alternative="one_sided").positives < usual
    assert size_for_difference(0.8, 0.85, 0.5, 0.1).positives == usual


def test_uncorrelated_models_add_their_variances():
    one, other = auroc_variance(0.85, 60, 140), auroc_variance(0.8, 60, 140)
    assert difference_variance(0.85, 0.8, 0, 60, 140) == pytest.approx(one + other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"auroc": 0.4}, "auroc is 0.4"),
        ({"baseline": 1}, "baseline is 1;"),
        ({"auroc": float("nan")}, "auroc is nan"),
        ({"correlation": 1}, "correlation is 1;"),
        ({"correlation": -0.1}, "correlation is -0.1"),
        ({"prevalence": 0}, "prevalence is 0;"),
        ({"power": 1}, "power is 1;"),
        ({"power": 0.01}, "power is 0.01; it must exceed the level of the test, 0.025"),
        ({"confidence": 95}, "confidence is 95"),
        ({"baseline": 0.85}, "no such difference"),
        ({"baseline": 0.9, "alternative": "one_sided"}, "no such difference"),
        ({"baseline": 0.85 - 1e-6}, "or more would be needed"),
    ],
)
def test_impossible_wishes_are_refused(change, message):
    wish = {"auroc": 0.85, "baseline": 0.8, "correlation": 0.5, "prevalence": 0.1, **change}
    with pytest.raises(InputError, match=message):
        size_for_difference(**wish)


@pytest.mark.parametrize("width", [0, 1, -0.1])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(InputError, match="width is"):
        size_for_width(0.85, width, 0.1)
