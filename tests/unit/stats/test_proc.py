"""Our statistics against R's pROC: asked afresh where R is installed, as committed in any case."""

import numpy as np
import pytest
from proc_golden import BOOTSTRAP, DELONG, RESAMPLES, ask_r, has_proc, parse
from proc_sets import BOOTSTRAP_SETS, SETS, checksum, data_sets
from scipy.special import ndtr
from scipy.stats import norm

from cineclr.stats.auroc import auroc
from cineclr.stats.bootstrap import bootstrap, bootstrap_test, percentile_interval
from cineclr.stats.delong import delong, normal_interval, paired_test, unpaired_test

needs_r = pytest.mark.skipif(not has_proc(), reason="Rscript with the package pROC is not installed")
FRESH_RESAMPLES = 500  # pROC is slow: 10,000 take minutes
OUR_RESAMPLES = 40_000
COLUMNS = [
    "auc_one", "auc_two", "var_one", "var_two", "ci_low", "ci_high", "z", "p_paired", "t", "df", "p_unpaired",
]  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    return data_sets()


@pytest.fixture(scope="module")
def fresh(frame):
    return parse(ask_r(frame))


def analyse(frame):
    """Return our values of one data set, as the columns of proc_golden.R."""
    models, others = frame[frame["group"] == 1], frame[frame["group"] == 2]
    result = delong(models["label"], [models["one"], models["two"]])
    low, high = normal_interval(result.aurocs[0], result.variances[0])
    z, p_paired = paired_test(result)
    t, df, p_unpaired = unpaired_test(result, delong(others["label"], others["one"]))
    of_one = (result.aurocs[0], result.aurocs[1], *result.variances, low, high)
    return dict(zip(COLUMNS, (*of_one, z, p_paired, t, df, p_unpaired), strict=True))


def check_delong(frame, expected):
    """Compare to 1e-10, also relative to the value; NaN and infinity exactly where pROC has them.

    Where a class is a single study, pROC divides a sum of squares that ought to be 0 by 0 and returns NaN. If
    rounding leaves the sum above 0, it returns z = 0 or t = 0 from an infinite deviation: so in 38 of the
    generator's first 4,000 sets, in none of these 200.
    """
    assert len(expected) == SETS
    assert list(expected.columns) == COLUMNS
    ours = [analyse(part) for _, part in frame.groupby("set")]
    for name in expected.columns:
        values = np.array([row[name] for row in ours])
        np.testing.assert_allclose(values, expected[name], rtol=1e-10, atol=1e-13, err_msg=name)
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-10, err_msg=name)


def test_the_generator_draws_the_data_that_the_committed_values_belong_to(frame):
    for path in (DELONG, BOOTSTRAP):
        assert path.read_text().startswith(f"# data {checksum(frame)}\n"), "run proc_golden.py"


def test_the_sets_hold_what_is_hard(frame):
    models = frame[frame["group"] == 1]
    sizes = models.groupby("set")["label"].agg(lambda labels: min(labels.sum(), len(labels) - labels.sum()))
    assert models.groupby("set").size().min() == 2
    assert (sizes == 1).sum() >= 20
    assert (sizes == 2).sum() >= 40
    tied = models.groupby("set")["one"].agg(lambda scores: scores.duplicated().any())
    assert tied.sum() >= 100
    expected = parse(DELONG.read_text())
    assert (expected["auc_one"] == 1).sum() >= 20
    assert (expected["auc_one"] == 0).sum() >= 10
    for name, unavailable, infinite in (
        ("z", 20, 20),
        ("t", 60, 20),
        ("p_paired", 20, 0),
        ("p_unpaired", 80, 0),
    ):
        assert expected[name].isna().sum() >= unavailable
        assert np.isinf(expected[name]).sum() >= infinite


def test_delong_agrees_with_committed_values_of_proc(frame):
    check_delong(frame, parse(DELONG.read_text()))


@needs_r
def test_delong_agrees_with_proc_run_now(frame, fresh):
    check_delong(frame, fresh)


@needs_r
def test_committed_values_are_what_proc_says_now(fresh):
    committed = parse(DELONG.read_text())
    assert list(committed.columns) == list(fresh.columns)
    np.testing.assert_allclose(committed, fresh, rtol=1e-10, atol=1e-13)


def check_bootstrap(frame, expected, resamples):
    """Compare within five Monte-Carlo standard errors, which are those of both sides together.

    The sd of B differences, so D too, is known to 1 / sqrt(2 B) of itself; a quantile q of B normal values of
    spread s to s sqrt(q (1 - q) / B) / density(q).
    """
    both = np.sqrt(1 / resamples + 1 / OUR_RESAMPLES)
    of_d = 5 * both / np.sqrt(2)
    of_quantile = 5 * both * np.sqrt(0.025 * 0.975) / norm.pdf(norm.ppf(0.025))
    assert sorted(expected.index) == sorted(BOOTSTRAP_SETS)
    for number, row in expected.iterrows():
        models = frame[(frame["set"] == number) & (frame["group"] == 1)]
        scores = unit_interval(models[["one", "two"]].to_numpy().T)
        tested = bootstrap(models["label"], scores, OUR_RESAMPLES, seed=1, stratified=True, metrics=["auroc"])
        observed, values = tuple(tested.observed["auroc"]), tuple(tested.values["auroc"])
        d, _ = bootstrap_test(observed, values)
        assert d == pytest.approx(row["d"], rel=of_d), number
        edges = row["d"] + of_d * abs(row["d"]) * np.array([-1, 1])
        tails = {"greater": ndtr(-edges), "less": ndtr(edges), "two_sided": 2 * ndtr(-abs(edges))}
        for alternative, bounds in tails.items():
            _, p_value = bootstrap_test(observed, values, alternative)
            assert min(bounds) - 1e-12 <= p_value <= max(bounds) + 1e-12, (number, alternative)
            assert min(bounds) - 1e-12 <= row[f"p_{alternative}"] <= max(bounds) + 1e-12
        plain = bootstrap(models["label"], scores[0], OUR_RESAMPLES, seed=2, metrics=["auroc"]).values[
            "auroc"
        ][0]
        error = of_quantile * plain.std()
        assert percentile_interval(plain) == pytest.approx((row["ci_low"], row["ci_high"]), abs=error), number


def unit_interval(scores):
    """Return scores (2, n) moved into [0, 1] by a power of two: exactly, so that ties stay as they are."""
    assert scores.min() >= 0
    return scores / 8


def test_the_bootstrap_agrees_with_committed_values_of_proc(frame):
    check_bootstrap(frame, parse(BOOTSTRAP.read_text()), RESAMPLES)


@needs_r
def test_the_bootstrap_agrees_with_proc_run_now(frame):
    check_bootstrap(frame, parse(ask_r(frame, FRESH_RESAMPLES, *BOOTSTRAP_SETS)), FRESH_RESAMPLES)


def test_auroc_agrees_with_committed_values_of_proc(frame):
    expected = parse(DELONG.read_text())["auc_one"]
    ours = [
        auroc(part["label"], (part["one"] + 128) / 256)
        for _, part in frame[frame["group"] == 1].groupby("set")
    ]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-13)
