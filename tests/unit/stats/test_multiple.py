import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from cineclr.errors import InputError
from cineclr.stats.multiple import FEWEST_FOR_NORMAL, benjamini_hochberg, few_for_normal, holm

# Benjamini & Hochberg (1995), section 3: 15 tests of thrombolysis, of which Bonferroni and Holm reject the
# first three at 0.05, and their procedure the first four.
PUBLISHED = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
             0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip
FAMILIES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def slow_holm(values):
    adjusted, largest = np.empty(len(values)), 0.0
    for rank, position in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[position]))
        adjusted[position] = largest
    return adjusted


def test_the_published_example():
    assert (holm(PUBLISHED) <= 0.05).sum() == 3
    assert (benjamini_hochberg(PUBLISHED) <= 0.05).sum() == 4


@given(FAMILIES)
@settings(max_examples=50, deadline=None)
def test_adjustments_equal_independent_ones(values):
    np.testing.assert_allclose(holm(values), slow_holm(values), atol=1e-12)
    expected = false_discovery_control(values, method="bh")
    np.testing.assert_allclose(benjamini_hochberg(values), expected, atol=1e-12)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_a_test_that_was_not_done_does_not_count(adjust):
    found = adjust([np.nan, *PUBLISHED[:7], np.nan, *PUBLISHED[7:]])
    assert np.isnan(found[[0, 8]]).all()
    np.testing.assert_array_equal(np.delete(found, [0, 8]), adjust(PUBLISHED))


@pytest.mark.parametrize("values", [[], [np.nan], [np.nan, np.nan]])
def test_a_family_without_tests_has_nothing_to_adjust(values):
    found = holm(values)
    assert found.shape == (len(values),)
    assert np.isnan(found).all()


def test_what_is_no_p_value_is_refused():
    with pytest.raises(InputError, match=r"2 of 3 lie outside \[0, 1\]"):
        holm([0.5, -0.1, 1.1])


def test_the_rarer_class_decides():
    few = few_for_normal([FEWEST_FOR_NORMAL - 1, FEWEST_FOR_NORMAL, 500], [500, FEWEST_FOR_NORMAL, 3])
    assert few.tolist() == [True, False, True]
    assert not few_for_normal(40, 40)
