import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cineclr.errors import InputError
from cineclr.stats import bootstrap as bootstrap_module
from cineclr.stats.bootstrap import Draws, bootstrap, bootstrap_test, percentile_interval


def draw_counts(strata, samples, seed, members=None):
    draws = Draws(strata, np.arange(sum(strata)) if members is None else members, samples, seed)
    return np.concatenate([draws.draw(block)[1].copy() for block in range(-(-samples // draws.rows))])


def simulate(size, seed, *, decimals=2, prevalence=0.4, models=2, shift=1.0):
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < prevalence).astype(int)
    scores = labels * shift + rng.normal(size=(models, size))
    return labels, np.round(1 / (1 + np.exp(-scores)), decimals)


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("decimals", [1, 6])
def test_every_resample_equals_scikit_learn_on_the_drawn_studies(stratified, decimals):
    labels, scores = simulate(60, 3, decimals=decimals)
    result = bootstrap(labels, scores, 40, seed=5, stratified=stratified)
    order = np.argsort(-labels, kind="stable")
    labels, scores = labels[order], scores[:, order]
    strata = [labels.sum(), 60 - labels.sum()] if stratified else [60]
    counts = draw_counts(strata, 40, 5)
    assert result.left_out == 0
    for model, score in enumerate(scores):
        for resample, count in enumerate(counts):
            drawn = np.repeat(np.arange(60), count)
            expected = roc_auc_score(labels[drawn], score[drawn])
            assert result.values["auroc"][model, resample] == pytest.approx(expected, abs=1e-12)
            expected = average_precision_score(labels[drawn], score[drawn])
            assert result.values["aupr"][model, resample] == pytest.approx(expected, abs=1e-12)


def test_resamples_are_of_the_right_size_and_stratified_ones_keep_the_prevalence():
    plain = draw_counts([20], 500, 0)
    kept = draw_counts([7, 13], 500, 0)
    assert (plain.sum(axis=1) == 20).all()
    assert (kept[:, :7].sum(axis=1) == 7).all()
    assert (kept[:, 7:].sum(axis=1) == 13).all()
    assert plain[:, :7].sum(axis=1).std() == pytest.approx(np.sqrt(20 * 0.35 * 0.65), rel=0.1)
    assert plain.mean(axis=0) == pytest.approx(np.ones(20), abs=0.2)


@pytest.mark.parametrize("stratified", [False, True])
def test_threads_do_not_change_the_numbers(stratified, monkeypatch):
    monkeypatch.setattr(bootstrap_module, "BLOCK_CELLS", 7 * 30)
    labels, scores = simulate(30, 1)
    one = bootstrap(labels, scores, 100, seed=2, stratified=stratified)
    other = bootstrap(labels, scores, 100, seed=2, stratified=stratified, threads=3)
    for metric in ("auroc", "aupr"):
        assert np.array_equal(one.values[metric], other.values[metric])


def test_clusters_are_drawn_whole():
    members = np.array([0, 0, 0, 1, 2, 2])
    counts = draw_counts([3], 400, 0, members)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 4] == counts[:, 5]).all()
    assert (counts[:, 0] + counts[:, 3] + counts[:, 4] == 3).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)


def test_a_cluster_per_study_is_the_plain_bootstrap_and_copies_widen_it_as_they_must():
    labels, scores = simulate(60, 4, models=1)
    plain = bootstrap(labels, scores, 300, seed=2)
    alone = bootstrap(labels, scores, 300, seed=2, clusters=[f"P{n}" for n in range(60)])
    assert np.std(alone.values["auroc"]) == pytest.approx(np.std(plain.values["auroc"]), rel=0.15)
    # Each study four times: whoever takes the copies for independent studies halves the spread.
    copied = bootstrap(
        np.tile(labels, 4), np.tile(scores[0], 4), 300, seed=2, clusters=np.tile(np.arange(60), 4)
    )
    assert np.std(copied.values["auroc"]) == pytest.approx(np.std(plain.values["auroc"]), rel=0.15)
    naive = bootstrap(np.tile(labels, 4), np.tile(scores[0], 4), 300, seed=2)
    assert np.std(naive.values["auroc"]) == pytest.approx(np.std(plain.values["auroc"]) / 2, rel=0.15)


def test_stratified_clusters_are_refused():
    with pytest.raises(InputError, match="choose one"):
        bootstrap([1, 0], [0.1, 0.2], 100, seed=0, stratified=True, clusters=[0, 1])


def test_pairs_of_many_studies_do_not_overflow():
    labels = np.repeat([0, 1], 60_000)
    scores = np.linspace(0, 1, 120_000)
    assert bootstrap(labels, scores, 2, seed=0, metrics=["auroc"]).values["auroc"] == pytest.approx(1.0)
    assert bootstrap(labels, 1 - scores, 2, seed=0, metrics=["auroc"]).values["auroc"] == pytest.approx(0.0)


def test_further_models_do_not_change_the_resamples():
    labels, scores = simulate(50, 1, models=3)
    alone = bootstrap(labels, scores[1], 100, seed=2)
    together = bootstrap(labels, scores, 100, seed=2)
    assert np.array_equal(alone.values["auroc"][0], together.values["auroc"][1])
    assert not np.array_equal(
        alone.values["auroc"], bootstrap(labels, scores[1], 100, seed=3).values["auroc"]
    )


def test_resamples_of_one_class_are_left_out_and_counted():
    labels = np.array([1, *[0] * 9])
    result = bootstrap(labels, np.linspace(1, 0.1, 10), 2000, seed=0)
    assert result.left_out / 2000 == pytest.approx(0.9**10, abs=0.04)
    assert result.values["auroc"].shape == result.values["aupr"].shape == (1, 2000 - result.left_out)
    assert (result.values["auroc"] == 1).all()
    assert bootstrap(labels, np.linspace(1, 0.1, 10), 200, seed=0, stratified=True).left_out == 0


def test_interval_cuts_half_of_alpha_on_each_side():
    values = np.arange(1001)
    assert percentile_interval(values, 0.95) == pytest.approx((25, 975))
    assert percentile_interval(values, 0.90) == pytest.approx((50, 950))
    low, high = percentile_interval(np.stack([values, values + 7]), 0.95)
    assert low == pytest.approx([25, 32])
    assert high == pytest.approx([975, 982])


def test_intervals_cover_the_true_auroc():
    # Two normals 1 sd apart: the true AUROC is 0.760. 200 simulations of a 95 % interval: 190 +- 3.1.
    truth, hits = 0.7602499, 0
    for seed in range(200):
        labels, scores = simulate(300, seed, decimals=9, models=1)
        low, high = percentile_interval(
            bootstrap(labels, scores, 400, seed=seed, metrics=["auroc"]).values["auroc"][0]
        )
        hits += low <= truth <= high
    assert 0.90 <= hits / 200 <= 0.99


def run_test(labels, one, two, alternative="greater", seed=0):
    result = bootstrap(labels, [one, two], 10_000, seed=seed, stratified=True, metrics=["auroc"])
    return bootstrap_test(tuple(result.observed["auroc"]), tuple(result.values["auroc"]), alternative)


def test_direction_of_the_one_sided_test():
    labels, (good, bad) = simulate(400, 4, models=2, decimals=9)
    bad = np.random.default_rng(0).random(400)
    assert run_test(labels, good, bad)[1] < 0.001
    assert run_test(labels, bad, good)[1] > 0.999


def test_without_spread_the_difference_decides():
    same = np.full(10, 0.7)
    assert bootstrap_test((0.7, 0.7), (same, same)) == (0.0, 0.5)
    assert bootstrap_test((1.0, 0.0), (same * 0 + 1, same * 0)) == (np.inf, 0.0)
    assert bootstrap_test((0.0, 1.0), (same * 0, same * 0 + 1)) == (-np.inf, 1.0)


def test_test_uses_the_sample_standard_deviation_of_paired_differences():
    one, two = np.array([0.9, 0.8, 0.7]), np.array([0.5, 0.6, 0.3])
    statistic, p_value = bootstrap_test((0.8, 0.5), (one, two))
    assert statistic == pytest.approx(0.3 / np.std([0.4, 0.2, 0.4], ddof=1))
    assert p_value == pytest.approx(0.00469, abs=1e-4)


def test_degenerate_input_names_the_model():
    with pytest.raises(InputError, match=r"model 2: 1 probabilities lie outside"):
        bootstrap([1, 0], [[0.1, 0.2], [0.1, 1.2]], 100, seed=0)
    with pytest.raises(InputError, match="labelled 0"):
        bootstrap([0, 0], [0.1, 0.2], 100, seed=0)
