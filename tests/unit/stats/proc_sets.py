"""Random data sets for comparing our statistics with R's pROC: small, full of ties, with tiny classes.

Drawn by `np.random.RandomState`, whose stream is frozen, and arithmetic alone: the same on every machine.
"""

import hashlib

import numpy as np
import pandas as pd

SETS = 200
# The bootstrap is compared on these: classes large enough for 10,000 resamples to mean anything.
BOOTSTRAP_SETS = (37, 39, 71, 135, 181, 200)
CLASS_SIZES = (1, 2, 2, 3, 3, 4, 5, 8, 8, 15, 40, 120)
STEPS = (2, 4, 10, 100, 2**20)  # scores are multiples of 1 / step: from two or three values to no ties


def data_sets() -> pd.DataFrame:
    """Return all sets as rows: set, group, label, one, two.

    Group 1 holds two models of the same studies, which the paired test compares; group 2 other studies: the
    unpaired test compares `one` of group 1 with `one` of group 2.
    """
    return pd.concat([data_set(number) for number in range(1, SETS + 1)], ignore_index=True)


def data_set(number: int) -> pd.DataFrame:
    random = np.random.RandomState(number)
    step = STEPS[number % len(STEPS)]
    groups = []
    for group in (1, 2):
        positives, negatives = random.choice(CLASS_SIZES, 2)
        labels = random.permutation(np.repeat([1, 0], [positives, negatives]))
        common = _noise(random, labels, effect=random.choice([0.0, 0.5, 1.0]))
        one, two = (_round(common + _noise(random, labels, 0.3), step) for _ in range(2))
        one, two = _replace(number if group == 1 else 7 * number, labels, one, two)
        groups.append(pd.DataFrame({"set": number, "group": group, "label": labels, "one": one, "two": two}))
    return pd.concat(groups, ignore_index=True)


def checksum(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the values, to the last bit."""
    return hashlib.sha256(frame.to_csv(index=False, float_format="%.17g").encode()).hexdigest()


def _noise(random: np.random.RandomState, labels: np.ndarray, effect: float) -> np.ndarray:
    return effect * labels + random.random_sample((4, len(labels))).sum(axis=0)


def _round(scores: np.ndarray, step: int) -> np.ndarray:
    return np.floor(scores * step + 0.5) / step


def _replace(kind: int, labels: np.ndarray, one: np.ndarray, two: np.ndarray) -> tuple:
    """Return the models; one or both are an extreme one where the number is even."""
    perfect, constant = labels + one / 100, np.full(len(labels), 0.5)
    extremes = {
        0: (one, one),
        2: (one, 2 * one + 1),
        4: (one, -one),
        6: (one, constant),
        8: (perfect, two),
        10: (perfect, perfect),
        12: (perfect, -perfect),
        14: (-perfect, two),
        16: (constant, constant),
        18: (constant, perfect),
    }
    return extremes.get(kind % 20, (one, two))
