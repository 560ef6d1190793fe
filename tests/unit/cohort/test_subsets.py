import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cineclr.cohort.subsets import draw_subset, draw_subsets, subset_size, training_labels
from cineclr.errors import InputError

PAPER_RATIOS = [0.01, 0.05, 0.10, 0.25, 0.50, 1.0]


def make_labels(positives: int, negatives: int, task: str = "severe_as") -> pd.Series:
    values = [1] * positives + [0] * negatives
    return pd.Series(values, index=[f"S{i:016x}" for i in range(len(values))], name=task)


@pytest.mark.parametrize(
    ("studies", "sizes"),
    [(5311, [53, 265, 531, 1327, 2655, 5311]), (5194, [51, 259, 519, 1298, 2597, 5194])],
)
def test_sizes_are_the_papers(studies: int, sizes: list[int]) -> None:
    assert [subset_size(studies, ratio) for ratio in PAPER_RATIOS] == sizes
    labels = make_labels(studies // 8, studies - studies // 8)
    assert [len(draw_subset(labels, ratio, 0)) for ratio in PAPER_RATIOS] == sizes


@pytest.mark.parametrize(("task", "studies", "positives"), [("severe_as", 5311, 150), ("lvh", 5194, 1500)])
def test_one_per_cent_of_the_paper_holds_both_classes_and_is_nested_in_five(
    task: str, studies: int, positives: int
) -> None:
    """For any seed; ratios nest all the way up."""
    labels = make_labels(positives, studies - positives, task)
    for seed in range(5):
        one, five, *more = (draw_subset(labels, ratio, seed) for ratio in PAPER_RATIOS)
        assert (len(one), len(five)) == (studies // 100, studies * 5 // 100)
        assert labels[one].sum() == pytest.approx(len(one) * positives / studies, abs=1)
        assert set(labels[one]) == {0, 1}
        for smaller, larger in itertools.pairwise([one, five, *more]):
            assert set(smaller) < set(larger)


def test_size_does_not_suffer_from_binary_fractions() -> None:
    assert all(subset_size(100, n / 100) == n for n in range(1, 101))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(1, 200), st.integers(0, 5), st.data())
def test_subsets_are_nested_and_in_proportion(
    positives: int, negatives: int, seed: int, data: st.DataObject
) -> None:
    labels = make_labels(positives, negatives)
    ratios = sorted(data.draw(st.lists(st.integers(1, 100), min_size=2, max_size=5, unique=True)))
    smaller: set[str] = set()
    for ratio in (percent / 100 for percent in ratios):
        try:
            subset = draw_subset(labels, ratio, seed)
        except InputError:
            assert min(positives, negatives) * ratio < 1.5
            continue
        assert len(set(subset)) == len(subset) == subset_size(len(labels), ratio)
        assert smaller <= set(subset)
        assert abs(labels[subset].sum() - len(subset) * positives / len(labels)) <= 1
        smaller = set(subset)


def test_order_of_rows_does_not_matter_but_seed_and_task_do() -> None:
    labels = make_labels(40, 160)
    subset = draw_subset(labels, 0.25, 3)
    assert draw_subset(labels.sample(frac=1, random_state=1), 0.25, 3) == subset
    assert set(draw_subset(labels, 0.25, 4)) != set(subset)
    assert set(draw_subset(labels.rename("lvh"), 0.25, 3)) != set(subset)


def test_refusal_names_task_ratio_and_the_smallest_that_works() -> None:
    labels = make_labels(2, 198)
    with pytest.raises(
        InputError, match=r"task severe_as, ratio 0.05: a subset of 10 of the 200 .* no positive one"
    ) as refusal:
        draw_subset(labels, 0.05, 0)
    works = float(str(refusal.value).rsplit(" ", 1)[1])
    assert labels[draw_subset(labels, works, 0)].sum() == 1
    with pytest.raises(InputError):
        draw_subset(labels, works - 0.01, 0)


@pytest.mark.parametrize(("positives", "negatives"), [(0, 9), (9, 0), (0, 0)])
def test_a_task_with_one_class_says_so(positives: int, negatives: int) -> None:
    with pytest.raises(InputError, match="one class only"):
        draw_subset(make_labels(positives, negatives), 1.0, 0)


PARTS = ("val", "internal", "external")


def write_splits(path: Path) -> Path:
    labels = make_labels(30, 70)
    frame = pd.DataFrame({"study": labels.index, "split": "train", "severe_as": labels.to_numpy()})
    frame["lvh"] = frame["severe_as"].where(frame.index % 10 != 0)
    frame.loc[95:, "split"] = "internal"
    others = [(f"T{part}{label}", part, label, label) for part in PARTS for label in (0, 1)]
    others = pd.DataFrame(others, columns=["study", "split", "severe_as", "lvh"])
    pd.concat([frame, others]).to_csv(path, index=False)
    return path


def test_draw_subsets_counts_labelled_training_studies(tmp_path: Path) -> None:
    splits = write_splits(tmp_path / "splits.csv")
    draw_subsets(splits, ["lvh", "severe_as"], [0.1, 1.0], 0, tmp_path / "subsets.csv")
    table = pd.read_csv(tmp_path / "subsets.csv")
    assert table.values.tolist() == [
        ["lvh", 0.1, 8, 3],
        ["lvh", 1.0, 85, 27],
        ["severe_as", 0.1, 9, 3],
        ["severe_as", 1.0, 95, 30],
    ]
    assert len(training_labels(pd.read_csv(splits), "lvh")) == 85


def test_a_test_set_of_one_class_is_refused_before_any_training(tmp_path: Path) -> None:
    splits = write_splits(tmp_path / "splits.csv")
    frame = pd.read_csv(splits)
    frame.loc[(frame["split"] == "external") & (frame["severe_as"] == 1), "lvh"] = None
    frame.loc[frame["split"] == "val", "severe_as"] = None
    frame.to_csv(splits, index=False)
    with pytest.raises(InputError) as refusal:
        draw_subsets(splits, ["lvh", "severe_as"], [1.0], 0, tmp_path / "subsets.csv")
    assert [line.split(" labelled")[0] for line in str(refusal.value).splitlines()] == [
        "task lvh, split external: 1",
        "task severe_as, split val: 0",
    ]


def test_draw_subsets_lists_every_refusal_and_writes_nothing(tmp_path: Path) -> None:
    splits = write_splits(tmp_path / "splits.csv")
    with pytest.raises(InputError) as refusal:
        draw_subsets(splits, ["lvh", "severe_as"], [0.01, 1.0], 0, tmp_path / "subsets.csv")
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == [
        "task lvh, ratio 0.01",
        "task severe_as, ratio 0.01",
    ]
    assert not (tmp_path / "subsets.csv").exists()
