from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from cineclr.errors import InputError
from cineclr.stats.auroc import auroc
from cineclr.stats.bootstrap import bootstrap
from cineclr.stats.checks import check_scores
from cineclr.stats.delong import DeLong, delong, logit_interval, normal_interval, paired_test, unpaired_test


@st.composite
def two_models(draw):
    """Labels, two or more studies of each class, and two models on a coarse grid, so that ties are common."""
    positives, negatives = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    labels = draw(st.permutations([1] * positives + [0] * negatives))
    grid = draw(st.sampled_from([1, 4, 1000]))
    row = st.lists(st.integers(0, grid), min_size=len(labels), max_size=len(labels))
    return np.array(labels), np.array([draw(row), draw(row)])


def wins(positive, negative):
    return Fraction(1 + int(positive > negative) - int(positive < negative), 2)


def slow_delong(labels, scores):
    """Return AUROCs and covariance in rational numbers, by pairs one by one: DeLong's formulas (3) to (6)."""
    aurocs, left, right = [], [], []
    for row in scores:
        positives, negatives = row[labels == 1], row[labels == 0]
        left.append([sum(wins(p, n) for n in negatives) / len(negatives) for p in positives])
        right.append([sum(wins(p, n) for p in positives) / len(positives) for n in negatives])
        aurocs.append(sum(left[-1]) / len(positives))

    def covariance(of, r, s):
        pairs = zip(of[r], of[s], strict=True)
        products = [(one - aurocs[r]) * (other - aurocs[s]) for one, other in pairs]
        return sum(products) / (len(products) - 1) / len(products)

    return aurocs, [[covariance(left, r, s) + covariance(right, r, s) for s in (0, 1)] for r in (0, 1)]


@given(two_models())
@settings(max_examples=100, deadline=None)
def test_equals_the_pairs_counted_one_by_one(data):
    labels, scores = data
    result, (aurocs, covariance) = delong(labels, scores), slow_delong(*data)
    assert result.aurocs.tolist() == [float(value) for value in aurocs]
    np.testing.assert_allclose(result.covariance, np.array(covariance, dtype=float), rtol=1e-12, atol=1e-17)
    assert result.size == len(labels)


@given(two_models())
@settings(max_examples=150, deadline=None)
def test_a_variance_that_ought_to_be_zero_is_zero_and_not_almost(data):
    (one, other), ((first, between), (_, second)) = slow_delong(*data)
    z, p_value = paired_test(delong(*data))
    if first + second - 2 * between == 0:
        assert (z, p_value) == ((0.0, 1.0) if one == other else (np.inf if one > other else -np.inf, 0.0))
    else:
        assert z == pytest.approx(float(one - other) / float(first + second - 2 * between) ** 0.5, abs=1e-10)
        assert p_value == pytest.approx(2 * norm.sf(abs(z)), abs=1e-14)


@pytest.mark.parametrize(
    ("labels", "better", "worse"),
    [
        ([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 1, 1, 0], [0, 0, 0, 1, 0, 1, 1, 0]),
        ([1, 1, 0, 0, 0, 0, 0, 0], [2, 0, 1, 0, 0, 2, 0, 2], [1, -1, 1, 0, 0, 2, 0, 2]),
    ],
)
def test_models_that_differ_by_a_constant_in_every_placement_have_no_variance(labels, better, worse):
    # Averages of rounded placements make it 3e-18 and 6e-17.
    assert paired_test(delong(labels, [better, worse])) == (np.inf, 0.0)


def correlated_studies(seed, patients=60):
    """Return labels, two models' scores and the patient of 1 to 4 studies each, alike within a patient.

    Every third patient has studies of both classes.
    """
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    mixed = (np.arange(patients) % 3 == 0)[cluster]
    labels = np.where(mixed, rng.random(len(cluster)) < 0.5, (rng.random(patients) < 0.4)[cluster]).astype(
        int
    )
    shared = rng.normal(size=(2, patients))[:, cluster]
    scores = labels + 1.5 * shared + rng.normal(size=(2, len(cluster)))
    return labels, scores, cluster


def sums_by_cluster(labels, scores, clusters):
    """Return by cluster V10(X_i.) - m_i A, over its positives, and V01(Y_i.) - n_i A, over its negatives."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    area = np.mean([[float(wins(p, n)) for n in negatives] for p in positives])
    left, right = {}, {}
    for score, label, cluster in zip(scores, labels, clusters, strict=True):
        if label:
            placement = np.mean([float(wins(score, other)) for other in negatives])
        else:
            placement = np.mean([float(wins(other, score)) for other in positives])
        sums = left if label else right
        sums[cluster] = sums.get(cluster, 0.0) + placement - area
    return left, right


def slow_obuchowski(labels, one, other, clusters):
    """Return the covariance of two AUROCs as in Obuchowski 1997, cluster by cluster."""
    left, right = sums_by_cluster(labels, one, clusters)
    left_too, right_too = sums_by_cluster(labels, other, clusters)
    every = set(left) | set(right)
    m, n = labels.sum(), (1 - labels).sum()
    s10 = len(left) / ((len(left) - 1) * m) * sum(left[c] * left_too[c] for c in left)
    s01 = len(right) / ((len(right) - 1) * n) * sum(right[c] * right_too[c] for c in right)
    between = sum(left[c] * right_too[c] + left_too[c] * right[c] for c in set(left) & set(right))
    s11 = len(every) / (len(every) - 1) * between
    return s10 / m + s01 / n + s11 / (m * n)


@pytest.mark.parametrize("seed", range(5))
def test_clusters_follow_the_published_formula(seed):
    labels, scores, clusters = correlated_studies(seed)
    scores = np.round(scores, 1)
    expected = [[slow_obuchowski(labels, one, other, clusters) for other in scores] for one in scores]
    np.testing.assert_allclose(delong(labels, scores, clusters).covariance, expected, rtol=1e-10)


@given(two_models())
@settings(max_examples=50, deadline=None)
def test_a_cluster_per_study_is_delong(data):
    labels, scores = data
    names = [f"P{n}" for n in range(len(labels))]
    own, plain = delong(labels, scores, clusters=names), delong(labels, scores)
    assert np.array_equal(own.aurocs, plain.aurocs)
    np.testing.assert_allclose(own.covariance, plain.covariance, rtol=1e-10, atol=1e-17)


def test_copies_of_a_study_add_no_information_when_clustered():
    labels, scores, _ = correlated_studies(0)
    plain, copied = (
        delong(labels, scores),
        [np.tile(values, 3) for values in (labels, np.arange(len(labels)))],
    )
    thrice = delong(copied[0], np.tile(scores, 3), clusters=copied[1])
    np.testing.assert_allclose(thrice.covariance, plain.covariance, rtol=1e-10)


def test_clusters_agree_with_the_bootstrap_of_clusters():
    # The sd of 20,000 resamples is known to 0.5 %; the estimators differ by some per cent.
    labels, scores, clusters = correlated_studies(3, patients=300)
    result = delong(labels, scores, clusters)
    values = bootstrap(
        labels, 1 / (1 + np.exp(-scores)), 20_000, seed=0, clusters=clusters, metrics=["auroc"]
    ).values["auroc"]
    assert np.sqrt(result.variances) == pytest.approx(values.std(axis=1), rel=0.05)
    covariance = result.covariance
    difference = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert difference == pytest.approx((values[0] - values[1]).std(), rel=0.05)


def test_the_clustered_variance_is_that_of_repeated_samples_and_the_naive_one_is_too_small():
    # 1,500 samples: their sd is known to 1 / sqrt(3,000) = 1.8 %.
    samples = [correlated_studies(seed, patients=120) for seed in range(1500)]
    results = [delong(labels, scores[0], clusters) for labels, scores, clusters in samples]
    naive = [delong(labels, scores[0]).variances[0] for labels, scores, _ in samples]
    spread = np.std([result.aurocs[0] for result in results])
    assert np.sqrt(np.mean([result.variances[0] for result in results])) == pytest.approx(spread, rel=0.07)
    assert np.sqrt(np.mean(naive)) < 0.85 * spread


@pytest.mark.parametrize(
    ("labels", "clusters"),
    [([1, 0, 0], None), ([1, 1, 0], None), ([1, 0], None), ([1, 1, 0, 0], ["A", "A", "B", "C"])],
)
def test_a_class_of_one_study_or_cluster_has_an_auroc_and_no_variance(labels, clusters):
    result = delong(labels, [[0.9, 0.5, 0.4, 0.1][: len(labels)]] * 2, clusters)
    assert result.aurocs[0] == auroc(labels, [0.9, 0.5, 0.4, 0.1][: len(labels)])
    assert np.isnan(result.covariance).all()
    assert np.isnan(normal_interval(result.aurocs[0], result.variances[0])).all()
    assert np.isnan(logit_interval(result.aurocs[0], result.variances[0])).all()
    assert np.isnan(paired_test(result)).all()
    assert np.isnan(unpaired_test(result, result)).all()


@given(two_models())
@settings(max_examples=100, deadline=None)
def test_order_of_the_models_turns_the_sign_alone(data):
    result = delong(*data)
    (z, p_value), (turned, same) = paired_test(result), paired_test(result, first=1, second=0)
    assert (turned, same) == pytest.approx((-z, p_value), abs=1e-12)
    assert paired_test(result, first=1, second=1) == (0.0, 1.0)
    one, other = (delong(data[0], row) for row in data[1])
    (t, df, p_value), turned = unpaired_test(one, other), unpaired_test(other, one)
    assert turned == pytest.approx((-t, df, p_value), nan_ok=True)


def test_a_worked_example_by_hand():
    # Positives 3, 5; negatives 1, 4: placements (1/2, 1) and (1, 1/2); each class adds var 1/8 over 2.
    result = delong([1, 1, 0, 0], [3, 5, 1, 4])
    assert result.aurocs == pytest.approx([0.75])
    assert result.covariance == pytest.approx(np.array([[0.125]]))
    low, high = normal_interval(0.75, 0.125, confidence=0.9)
    assert (low, high) == pytest.approx((0.75 - 1.6448536 * 0.125**0.5, 1.0))
    other = DeLong(aurocs=np.array([0.5]), covariance=np.array([[0.375]]), size=10)
    t, df, p_value = unpaired_test(result, other)
    assert t == pytest.approx(0.25 / 0.5**0.5)
    assert df == pytest.approx(0.25 / (0.125**2 / 3 + 0.375**2 / 9))
    assert p_value == pytest.approx(2 * student.sf(t, df), rel=1e-12)


def test_logit_interval_is_the_normal_one_on_the_logit_scale():
    low, high = logit_interval(0.9, 0.001)
    half = norm.ppf(0.975) * np.sqrt(0.001) / (0.9 * 0.1)
    assert np.log(low / (1 - low)) == pytest.approx(np.log(9) - half)
    assert np.log(high / (1 - high)) == pytest.approx(np.log(9) + half)
    low, high = logit_interval([0.5, 0.99], [0.01, 0.01], confidence=0.9)
    assert low[0] == pytest.approx(1 - high[0])
    assert 0 < low[1] < 0.99 < high[1] < 1
    # Near 0.5 and with little variance the two kinds are the same.
    assert logit_interval(0.5, 1e-6) == pytest.approx(normal_interval(0.5, 1e-6), abs=1e-6)
    assert np.isnan(logit_interval([0.0, 1.0], [0.0, 0.0])).all()


@pytest.fixture(scope="module")
def simulated():
    """Return AUROCs and variances of 2,000 samples: 1,000 studies, 300 positive, AUROC 0.75 (binormal)."""
    rng, labels = np.random.default_rng(0), np.repeat([1, 0], [300, 700])
    shift = np.sqrt(2) * norm.ppf(0.75)
    results = [delong(labels, shift * labels + rng.normal(size=1000)) for _ in range(2000)]
    return np.array([(result.aurocs[0], result.variances[0]) for result in results]).T


@pytest.mark.parametrize("interval", [normal_interval, logit_interval])
def test_intervals_cover_as_often_as_they_say(simulated, interval):
    low, high = interval(*simulated)
    covered = np.mean((low <= 0.75) & (high >= 0.75))
    error = np.sqrt(0.95 * 0.05 / 2000)  # 0.49 %
    assert 0.94 - error <= covered <= 0.96 + error


def test_the_variance_is_that_of_repeated_samples(simulated):
    aurocs, variances = simulated
    # The sd of 2,000 AUROCs is known to 1 / sqrt(4,000) = 1.6 %.
    assert np.sqrt(variances.mean()) == pytest.approx(aurocs.std(), rel=0.05)
    assert aurocs.mean() == pytest.approx(0.75, abs=4 * aurocs.std() / np.sqrt(2000))


def test_paired_test_errs_as_often_as_it_says():
    # Two models of the same true AUROC that share half of their noise: p < 0.05 in 5 % +- 0.49 %.
    rng, labels = np.random.default_rng(0), np.repeat([1, 0], [60, 140])
    p_values = []
    for _ in range(2000):
        scores = labels + rng.normal(size=200) + rng.normal(size=(2, 200))
        p_values.append(paired_test(delong(labels, scores))[1])
    assert abs(np.mean(np.array(p_values) < 0.05) - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([], [], r"cohort: no studies \(0 rows\)"),
        ([1, 0], [0.5], "cohort: .*2.* labels, but .*1.* values of score"),
        ([1, 1], [0.5, 7.0], "cohort: all 2 studies are labelled 1"),
        ([1, 0], [np.nan, 7.0], "cohort: 1 of 2 rows have no score"),
        ([1, 0], [np.inf, 7.0], "cohort: 1 of 2 rows have an infinite score"),
        ([1, 3], [0.1, 7.0], "cohort: 1 labels are neither 0 nor 1"),
        ([1, 0], ["high", "low"], "cohort: column 'score' holds values that are not numbers"),
    ],
)
def test_scores_that_do_not_fit_are_refused_by_name(labels, scores, message):
    with pytest.raises(InputError, match=message):
        check_scores(labels, scores, "cohort")


def test_scores_may_have_any_scale_and_the_model_at_fault_is_named():
    assert delong([1, 1, 0, 0], [-3.0, 200.0, -40.0, 7.0]).aurocs == [0.75]
    with pytest.raises(InputError, match="model 2: 1 of 2 rows have no score"):
        delong([1, 0], [[0.1, 0.2], [0.1, np.nan]])


@pytest.mark.parametrize("clusters", [["a"], ["a", "b", "c"], [["a", "b"]]])
def test_a_cluster_per_study_is_asked_for(clusters):
    for function in (
        lambda: delong([0, 1], [0.1, 0.2], clusters),
        lambda: bootstrap([0, 1], [0.1, 0.2], 10, 0, clusters=clusters),
    ):
        with pytest.raises(InputError, match=r"clusters: .* values for 2 studies"):
            function()
