import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cineclr.errors import InputError
from cineclr.stats.decision import decision_curve
from cineclr.stats.operating import apply_threshold

THRESHOLDS = np.array([0, 0.01, 0.2, 0.25, 0.5, 0.9, 0.99])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None)
def test_net_benefit_is_the_formula_at_one_threshold_after_another(rows):
    labels, grid = np.array(rows).T
    if len(set(labels)) < 2:
        return
    curve = decision_curve(labels, grid / 20, THRESHOLDS)
    for at, model, everybody in zip(THRESHOLDS, curve.model, curve.treat_all, strict=True):
        for scores, found in ((grid / 20, model), (np.ones(len(labels)), everybody)):
            counts = apply_threshold(labels, scores, at)
            expected = counts.tp / len(labels) - counts.fp / len(labels) * at / (1 - at)
            assert found == pytest.approx(expected, abs=1e-12)
    assert (curve.treat_none == 0).all()


def test_treating_everybody_is_worth_the_prevalence_at_0_and_nothing_at_the_prevalence():
    curve = decision_curve([1, 0, 0, 0], [0.9, 0.1, 0.1, 0.1], [0.0, 0.25])
    assert curve.treat_all == pytest.approx([0.25, 0])
    assert curve.model == pytest.approx([0.25, 0.25])  # all positives, no false alarm


def test_a_calibrated_model_beats_both_default_policies():
    generator = np.random.default_rng(0)
    probabilities = generator.beta(1, 3, 100_000)
    curve = decision_curve(generator.random(100_000) < probabilities, probabilities, THRESHOLDS[1:5])
    assert (curve.model >= np.maximum(curve.treat_all, 0) - 1e-4).all()
    # At threshold t the benefit is E[(p - t)+] / (1 - t); for Beta(1, 3) that is (1 - t)^3 / 4.
    assert curve.model == pytest.approx((1 - curve.thresholds) ** 3 / 4, abs=0.005)


@pytest.mark.parametrize("thresholds", [[1.0], [-0.1], [np.nan], 0.5])
def test_thresholds_out_of_range_are_refused(thresholds):
    with pytest.raises(InputError, match="from 0 to below 1"):
        decision_curve([0, 1], [0.1, 0.2], thresholds)
