import math

import pytest
from scipy.stats import binomtest

from cineclr.errors import InputError
from cineclr.stats.proportion import UNKNOWN, Estimate, wilson


@pytest.mark.parametrize(("count", "of"), [(0, 7), (1, 1), (3, 8), (81, 263), (500, 500)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_that_of_scipy(count, of, confidence):
    expected = binomtest(count, of).proportion_ci(confidence, method="wilson")
    assert wilson(count, of, confidence) == pytest.approx(
        (count / of, expected.low, expected.high), abs=1e-12
    )


def test_wilson_of_a_published_example():
    # Newcombe 1998, Stat Med 17:857-872, Table I, method 3.
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20)[1:] == pytest.approx((0, 0.1611), abs=5e-5)


def test_a_proportion_of_nothing_does_not_exist():
    assert all(math.isnan(number) for number in wilson(0, 0))
    assert all(math.isnan(number) for number in UNKNOWN)


@pytest.mark.parametrize(
    ("count", "of", "confidence", "message"),
    [(3, 2, 0.95, "3 of 2"), (-1, 2, 0.95, "-1 of 2"), (1, 2, 95, "confidence is 95")],
)
def test_impossible_counts_and_levels_are_refused(count, of, confidence, message):
    with pytest.raises(InputError, match=message):
        wilson(count, of, confidence)


def test_columns_carry_the_name():
    assert Estimate(1.0, 0.5, 2.0).columns("slope") == {
        "slope": 1.0,
        "slope_ci_low": 0.5,
        "slope_ci_high": 2.0,
    }
