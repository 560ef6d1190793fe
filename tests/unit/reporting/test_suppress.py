import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cineclr.reporting.suppress import show_count, suppress_curve, withhold, withhold_levels

counts = st.lists(st.integers(0, 60), min_size=1, max_size=7)


def determined(equations: np.ndarray) -> set[int]:
    """The unknowns that linear equations fix: those in which no solution of the homogeneous system moves."""
    _, sizes, rows = np.linalg.svd(equations)
    free = rows[(sizes > 1e-9).sum() :]
    return {i for i in range(equations.shape[1]) if np.allclose(free[:, i], 0)}


def test_zeros_and_large_counts_are_shown():
    assert withhold([0, 11, 250], 11) == set()
    assert withhold([1, 2, 3], 1) == set()
    assert [show_count(n, 11) for n in (0, 1, 10, 11, 2500)] == ["0", "<11", "<11", "11", "2500"]


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        ([3, 40, 12], {0, 2}),  # the small one, and the next smallest: else 55 - 52 = 3
        ([5, 6, 40], {0, 1}),  # two that add up to 11 guard each other
        ([1, 2, 40, 50], {0, 1, 2}),  # two that add up to 3 do not
        ([3, 0, 40], {0, 2}),  # a zero guards nobody
        ([4, 0, 0], {0}),  # nothing is left to guard it: its total is small, and withheld itself
    ],
)
def test_what_is_withheld_guards_the_small_count(cells, hidden):
    assert withhold(cells, 11) == hidden


def test_counts_that_are_not_shown_guard_and_need_guarding():
    assert withhold([4, 100], 11, unshown={1}) == {0, 1}
    assert withhold([50, 4], 11, unshown={1}) == {0, 1}
    assert withhold([50, 100], 11, unshown={1}) == {1}


def test_the_last_go_only_when_nothing_else_is_left():
    assert withhold([4, 50, 12], 11, last={2}) == {0, 1}
    assert withhold([4, 0, 12], 11, last={2}) == {0, 2}


@given(counts, st.integers(1, 20))
def test_a_total_minus_what_is_shown_gives_no_small_count(cells, min_cell):
    total = sum(cells)
    hidden = withhold(cells, min_cell)
    shown = sum(count for i, count in enumerate(cells) if i not in hidden)
    assert all(cells[i] == 0 or cells[i] >= min_cell for i in range(len(cells)) if i not in hidden)
    if total == 0 or total >= min_cell:  # else the total is withheld too
        assert total - shown == 0 or total - shown >= min_cell
        assert len(hidden) != 1


@given(
    counts.flatmap(
        lambda p: st.tuples(st.just(p), st.lists(st.integers(0, 60), min_size=len(p), max_size=len(p)))
    )
)
def test_no_class_of_a_level_follows_from_the_totals(both):
    positives, negatives = both
    hidden = sorted(withhold_levels(positives, negatives, 11))
    if any(0 < sum(side) < 11 for side in both) or not hidden:
        return  # the totals are withheld too, or there is nothing to find
    # Unknown: positives and negatives of the hidden levels; known: their sums. Zero sums fix zeros only.
    k = len(hidden)
    equations = np.zeros((2, 2 * k))
    equations[0, :k] = equations[1, k:] = 1
    found = determined(equations)
    truth = [positives[i] for i in hidden] + [negatives[i] for i in hidden]
    assert all(truth[i] == 0 or truth[i] >= 11 for i in found)
    for side in both:
        left = sum(side[i] for i in hidden)
        assert left == 0 or left >= 11
    for i in set(range(len(positives))) - set(hidden):
        assert all(side[i] == 0 or side[i] >= 11 for side in both)


def test_levels_withhold_at_least_what_their_sizes_would():
    positives, negatives = [2, 0, 3, 60], [3, 12, 30, 60]
    sizes = [p + n for p, n in zip(positives, negatives, strict=True)]
    assert withhold(sizes, 11) <= withhold_levels(positives, negatives, 11)


def make_curve(test_set, groups):
    """A curve of two points and the groups (studies, positives) of one model."""
    key = {"init": "random", "ratio": 1.0, "test_set": test_set}
    total = sum(n for n, _ in groups)
    line = [{**key, "kind": "smoothed", "y": y, "n": total} for y in (0.1, 0.3)]
    return [*line, *({**key, "kind": "group", "y": positive / n, "n": n} for n, positive in groups)]


def test_points_of_few_studies_and_sets_of_few_positives_are_not_drawn():
    curve = make_curve("internal", [(30, 3), (30, 13), (9, 4)]) + make_curve("external", [(60, 4), (60, 6)])
    shown = suppress_curve(pd.DataFrame(curve), 11)
    assert shown["test_set"].tolist() == ["internal"] * 4
    assert shown["n"].tolist() == [69, 69, 30, 30]
    assert len(suppress_curve(pd.DataFrame(curve), 1)) == len(curve)
