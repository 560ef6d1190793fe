"""Label-ratio subsets: stratified, nested, with the paper's totals (Methods, 'Fine-tuning')."""

import logging
import math
from fractions import Fraction
from pathlib import Path

import pandas as pd

from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.seeds import derive_seed

logger = logging.getLogger(__name__)


def training_labels(splits: pd.DataFrame, task: str) -> pd.Series:
    """Return study -> 0 or 1 of the training studies that carry the label of `task`; its name is the task."""
    train = splits[splits["split"] == "train"]
    return train.set_index("study")[task].dropna().astype(int)


def draw_subset(labels: pd.Series, ratio: float, seed: int) -> list[str]:
    """Draw floor(ratio * n) studies, classes in proportion; a smaller ratio's set is part of a larger's.

    `labels` maps study -> 0 or 1 and is named after its task (see `training_labels`); `seed` is the run's.
    All ratios are prefixes of one order, which depends on studies, labels, task and seed, not on the order of
    the rows. Raises InputError when the subset would lack a class.

    The paper's totals: 5311 studies -> 53, 265, 531, 1327, 2655, 5311.
    """
    order = _stratified_order(labels, seed)
    size = subset_size(len(order), ratio)
    subset = order[:size]
    if labels[subset].nunique() < 2:
        raise InputError(_explain_missing_class(labels, order, ratio, size))
    return subset


def subset_size(studies: int, ratio: float) -> int:
    """Return floor(ratio * studies), exact for ratios written as decimals.

    >>> subset_size(100, 0.29), int(100 * 0.29)
    (29, 28)
    """
    return math.floor(Fraction(str(ratio)) * studies)


def _stratified_order(labels: pd.Series, seed: int) -> list[str]:
    """Spread each class evenly over the order, so that every prefix holds the classes in proportion.

    Study i of the n studies of a class stands at (i + 1/2) / n; within a class the order is a seeded hash.
    """
    if not isinstance(labels.name, str):
        raise ValueError("labels must be named after their task: it is part of the seed")
    if not labels.isin([0, 1]).all() or not labels.index.is_unique:
        raise ValueError(f"{labels.name}: labels must be 0 or 1, once per study")
    root = derive_seed(seed, "subset", labels.name)
    places: list[tuple[Fraction, int, str]] = []
    for value in (1, 0):
        studies = sorted(labels.index[labels == value], key=lambda study: (derive_seed(root, study), study))
        places += [(Fraction(2 * i + 1, 2 * len(studies)), -value, study) for i, study in enumerate(studies)]
    return [study for _, _, study in sorted(places)]


def _explain_missing_class(labels: pd.Series, order: list[str], ratio: float, size: int) -> str:
    where = f"task {labels.name}, ratio {ratio}"
    values = labels[order].to_numpy()
    if len(set(values)) < 2:
        kind = {(): "none", (0,): "negative", (1,): "positive"}[tuple(sorted(set(values)))]
        return f"{where}: the {len(order)} labelled training studies have one class only ({kind})"
    smallest = next(n for n in range(2, len(order) + 1) if len(set(values[:n])) == 2)
    works = math.ceil(1000 * smallest / len(order)) / 1000
    absent = "positive" if size == 0 or values[0] == 0 else "negative"
    return (
        f"{where}: a subset of {size} of the {len(order)} labelled training studies ({int(values.sum())} "
        f"positive) would hold no {absent} one; the smallest ratio that works is {works}"
    )


def find_unusable_parts(splits: pd.DataFrame, task: str) -> list[str]:
    """Return a line for every part that is of no use: validation needs a label, a test set both classes."""
    lines = []
    for part, classes in (("val", 1), ("internal", 2), ("external", 2)):
        labels = splits.loc[splits["split"] == part, task].dropna()
        if labels.nunique() < classes:
            lines.append(
                f"task {task}, split {part}: {len(labels)} labelled studies, {int(labels.sum())} positive; "
                f"{'one is' if classes == 1 else 'both classes are'} needed; mend the sheet or echo.cohort, "
                "or leave the task out of echo.finetune.tasks"
            )
    return lines


def count_subsets(studies: pd.DataFrame, tasks: list[str], ratios: list[float], seed: int) -> pd.DataFrame:
    """Draw every label-ratio subset once and return its size: task, ratio, n_train, n_train_positive.

    Raises InputError that lists every task and ratio whose subset lacks a class, and every validation or test
    set that could not be used in the end.
    """
    rows, refused = [], []
    for task in tasks:
        labels = training_labels(studies, task)
        refused += find_unusable_parts(studies, task)
        for ratio in ratios:
            try:
                subset = draw_subset(labels, ratio, seed)
            except InputError as error:
                refused.append(str(error))
                continue
            rows.append((task, ratio, len(subset), int(labels[subset].sum())))
    if refused:
        raise InputError("\n".join(refused))
    return pd.DataFrame(rows, columns=["task", "ratio", "n_train", "n_train_positive"])


def draw_subsets(splits: Path, tasks: list[str], ratios: list[float], seed: int, output: Path) -> None:
    """Write the size of every label-ratio subset; raise as `count_subsets`, which pretraining asks too."""
    table = count_subsets(pd.read_csv(splits), tasks, ratios, seed)
    for row in table.itertuples(index=False):
        logger.info("%s at %s: %d studies, %d positive", *row)
    write_table(table, output)
