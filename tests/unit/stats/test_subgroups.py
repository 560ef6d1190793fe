import numpy as np
import pytest
from scipy.stats import kstest, norm
from statsmodels.stats.meta_analysis import combine_effects

from cineclr.errors import InputError
from cineclr.stats.delong import delong
from cineclr.stats.subgroups import interaction_test


def test_two_groups_are_the_unpaired_z_test():
    z = (0.81 - 0.72) / np.sqrt(0.0011 + 0.0007)
    q, df, p = interaction_test([0.81, 0.72], [0.0011, 0.0007])
    assert (q, df) == (pytest.approx(z**2), 1)
    assert p == pytest.approx(2 * norm.sf(z))


def test_q_is_that_of_a_meta_analysis():
    rng = np.random.default_rng(0)
    for groups in range(2, 9):
        aurocs, variances = rng.uniform(0.5, 0.95, groups), rng.uniform(1e-4, 1e-2, groups)
        known = combine_effects(aurocs, variances).test_homogeneity()
        q, df, p = interaction_test(aurocs, variances)
        assert (q, df, p) == (pytest.approx(known.statistic), known.df, pytest.approx(known.pvalue))


def test_p_is_uniform_where_groups_are_equal_and_small_where_not():
    rng = np.random.default_rng(1)

    def p_value(shifts):
        labels = np.repeat([0, 1], 120)
        results = [delong(labels, rng.normal(size=240) + shift * labels) for shift in shifts]
        pairs = [(result.aurocs[0], result.variances[0]) for result in results]
        return interaction_test(*zip(*pairs, strict=True)).p

    assert kstest([p_value([1, 1, 1]) for _ in range(400)], "uniform").pvalue > 0.01
    assert np.mean([p_value([0.6, 1, 1.4]) < 0.05 for _ in range(100)]) > 0.9


def test_what_cannot_be_tested_has_no_p():
    for aurocs, variances in (([0.7], [0.01]), ([], []), ([0.7, 1.0], [0.01, 0.0])):
        q, df, p = interaction_test(aurocs, variances)
        assert np.isnan(q)
        assert np.isnan(p)
        assert df == max(len(aurocs) - 1, 0)


@pytest.mark.parametrize(
    ("aurocs", "variances"),
    [([0.7, 0.8], [0.01]), ([0.7, np.nan], [0.01, 0.01]), ([0.7, 0.8], [0.01, -0.01])],
)
def test_bad_input_is_refused(aurocs, variances):
    with pytest.raises(InputError, match="interaction test"):
        interaction_test(aurocs, variances)
