"""What must hold for any labels and scores: AUROC, AUPR, DeLong's variances and tests, the bootstrap."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from cineclr.errors import InputError
from cineclr.stats.aupr import aupr
from cineclr.stats.auroc import auroc
from cineclr.stats.bootstrap import bootstrap
from cineclr.stats.checks import join_by_study
from cineclr.stats.delong import delong, paired_test, unpaired_test

few = settings(max_examples=60, deadline=None)


@st.composite
def two_models(draw):
    """Labels with both classes and probabilities of two models on a grid, so that ties are common."""
    labels = [0, 1, *draw(st.lists(st.integers(0, 1), max_size=30))]
    labels = draw(st.permutations(labels))
    grid = draw(st.sampled_from([1, 3, 1000]))
    row = st.lists(st.integers(0, grid), min_size=len(labels), max_size=len(labels))
    return np.array(labels), np.array([draw(row), draw(row)]) / grid


def describe_delong(labels, scores):
    """Return AUROCs, covariance, paired and unpaired test of two models, as one row of numbers."""
    result = delong(labels, scores)
    unpaired = unpaired_test(delong(labels, scores[0]), delong(labels, scores[1]))
    return np.array([*result.aurocs, *result.covariance.ravel(), *paired_test(result), *unpaired])


def describe(labels, scores):
    areas = [metric(labels, row) for metric in (auroc, aupr) for row in scores]
    return np.concatenate([areas, describe_delong(labels, scores)])


@few
@given(two_models(), st.integers(0, 10**6))
def test_only_the_order_of_scores_counts(data, seed):
    labels, scores = data
    random = np.random.default_rng(seed)
    ranks = [np.unique(row, return_inverse=True)[1] for row in scores]
    # Any strictly monotone transform: the k-th smallest score becomes the k-th of sorted random numbers.
    moved = np.array([np.sort(random.random(rank.max() + 1))[rank] for rank in ranks])
    assert np.array_equal(describe(labels, scores), describe(labels, moved), equal_nan=True)
    one, other = (bootstrap(labels, row, 50, seed=1, stratified=True).values for row in (scores, moved))
    assert np.array_equal(one["auroc"], other["auroc"])
    assert np.array_equal(one["aupr"], other["aupr"])


@few
@given(two_models())
def test_scores_of_any_scale_have_delongs_variance(data):
    labels, scores = data
    assert describe_delong(labels, 8 * scores - 400) == pytest.approx(
        describe_delong(labels, scores), nan_ok=True, abs=1e-12
    )


@few
@given(two_models())
def test_swapped_labels_mirror_the_auroc_and_keep_its_variance(data):
    labels, scores = data
    before, swapped = delong(labels, scores), delong(1 - labels, scores)
    both = delong(1 - labels, -scores)
    assert swapped.aurocs == pytest.approx(1 - before.aurocs, abs=1e-12)
    assert both.aurocs == pytest.approx(before.aurocs, abs=1e-12)
    for mirrored in (swapped, both):
        np.testing.assert_allclose(mirrored.covariance, before.covariance, rtol=1e-10, atol=1e-17)
    z, p_value = paired_test(before)
    assert paired_test(swapped) == pytest.approx((-z, p_value), abs=1e-10, nan_ok=True)
    assert paired_test(both) == pytest.approx((z, p_value), abs=1e-10, nan_ok=True)


@few
@given(two_models(), st.integers(0, 10**6))
def test_the_order_of_studies_changes_nothing(data, seed):
    labels, scores = data
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = describe(labels[order], scores[:, order])
    np.testing.assert_allclose(shuffled, describe(labels, scores), rtol=1e-10, atol=1e-14)
    clusters = np.arange(len(labels)) // 3
    np.testing.assert_allclose(
        delong(labels[order], scores[:, order], clusters[order]).covariance,
        delong(labels, scores, clusters).covariance, rtol=1e-10, atol=1e-16,
    )  # fmt: skip


@few
@given(two_models())
def test_auroc_is_the_mann_whitney_statistic_over_the_number_of_pairs(data):
    labels, scores = data
    pairs = labels.sum() * (1 - labels).sum()
    for area, row in zip(delong(labels, scores).aurocs, scores, strict=True):
        u = mannwhitneyu(row[labels == 1], row[labels == 0]).statistic
        assert area == pytest.approx(u / pairs, abs=1e-14)
        assert auroc(labels, row) == pytest.approx(u / pairs, abs=1e-14)


@few
@given(two_models(), st.integers(2, 4))
def test_copies_of_all_studies_keep_the_areas_and_shrink_the_variance(data, copies):
    labels, scores = data
    more = np.tile(labels, copies), np.tile(scores, copies)
    for metric in (auroc, aupr):
        assert metric(more[0], more[1][0]) == pytest.approx(metric(labels, scores[0]), abs=1e-12)
    before, after = delong(labels, scores), delong(*more)
    # A class of n studies gives a sum of squares over n (n - 1): copied, over n (copies n - 1).
    sizes = np.array([labels.sum(), (1 - labels).sum()])
    if sizes.min() > 1:
        shrink = (sizes - 1) / (copies * sizes - 1)
        assert (after.variances >= shrink.min() * before.variances - 1e-15).all()
        assert (after.variances <= shrink.max() * before.variances + 1e-15).all()


@few
@given(two_models())
def test_perfect_and_inverted_models_reach_the_ends(data):
    labels, scores = data
    perfect = (labels + scores[0]) / 2 + labels / 100
    assert auroc(labels, perfect / 2) == aupr(labels, perfect / 2) == delong(labels, perfect).aurocs[0] == 1.0
    assert delong(labels, -perfect).aurocs[0] == 0.0
    assert delong(labels, perfect).variances[0] in (0.0, pytest.approx(np.nan, nan_ok=True))


def run_bootstrap(labels, scores):
    return bootstrap(labels, scores, 100, seed=0)


EVERYTHING = pytest.mark.parametrize("statistic", [auroc, aupr, delong, run_bootstrap])


@EVERYTHING
@few
@given(data=two_models(), place=st.integers(0, 10**6), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_missing_or_infinite_value_anywhere_is_refused(statistic, data, place, value):
    labels, (scores, _) = data
    row = place % len(labels)
    what = "have no" if np.isnan(value) else "have an infinite"
    broken = np.where(np.arange(len(labels)) == row, value, scores)
    with pytest.raises(InputError, match=f"1 of {len(labels)} rows {what} (score|probability)"):
        statistic(labels, broken)
    with pytest.raises(InputError, match=f"1 of {len(labels)} rows {what} label"):
        statistic(np.where(np.arange(len(labels)) == row, value, labels), scores)


@EVERYTHING
@few
@given(data=two_models(), label=st.integers(0, 1))
def test_one_class_and_no_rows_are_refused(statistic, data, label):
    labels, (scores, _) = data
    with pytest.raises(InputError, match=f"all {len(labels)} studies are labelled {label}"):
        statistic(np.full(len(labels), label), scores)
    with pytest.raises(InputError, match="0 rows"):
        statistic(labels[:0], scores[:0])
    with pytest.raises(InputError, match="labels"):
        statistic(labels, scores[1:])
    with pytest.raises(InputError, match="1 labels are neither 0 nor 1"):
        statistic([2, *labels], [0.5, *scores])


@pytest.mark.parametrize("statistic", [auroc, aupr, run_bootstrap])
@few
@given(data=two_models(), place=st.integers(0, 10**6), beyond=st.floats(1e-9, 1e9), above=st.booleans())
def test_a_probability_outside_0_to_1_is_refused(statistic, data, place, beyond, above):
    labels, (scores, _) = data
    outside = 1 + beyond if above else -beyond
    broken = np.where(np.arange(len(labels)) == place % len(labels), outside, scores)
    with pytest.raises(InputError, match=r"1 probabilities lie outside \[0, 1\]"):
        statistic(labels, broken)


def frames(labels, scores):
    studies = [f"S{number:03}" for number in range(len(labels))]
    return [pd.DataFrame({"study": studies, "label": labels, "probability": row}) for row in scores]


@few
@given(two_models(), st.integers(0, 10**6))
def test_models_are_paired_by_study_whatever_the_order_of_rows(data, seed):
    one, two = frames(*data)
    joined = join_by_study({"one": one, "two": two.sample(frac=1, random_state=seed % 2**32)})
    assert joined.labels.tolist() == data[0].tolist()
    assert np.array_equal(joined.probabilities, data[1])


@few
@given(two_models(), st.integers(0, 10**6))
def test_studies_that_do_not_match_are_refused_by_name(data, place):
    one, two = frames(*data)
    row = place % len(two)
    study = two["study"][row]
    elsewhere = two.assign(study=two["study"].replace(study, "T"))
    with pytest.raises(InputError, match=f"one and two .* 2 belong to one only, such as {study}"):
        join_by_study({"one": one, "two": elsewhere})
    with pytest.raises(InputError, match=f"two: 1 rows repeat a study, the first is {study}"):
        join_by_study({"one": one, "two": pd.concat([two, two.iloc[[row]]])})
    flipped = two.assign(label=np.where(two["study"] == study, 1 - two["label"], two["label"]))
    with pytest.raises(InputError, match=r"disagree on the label of 1 studies|all .* studies are labelled"):
        join_by_study({"one": one, "two": flipped})
