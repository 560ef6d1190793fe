"""Positive pairs for contrastive pretraining (Methods, 'Self-supervised pretraining')."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from cineclr.config.echo import Method


def pair_with_itself(videos: pd.DataFrame) -> np.ndarray:
    """Return each video's row twice, (V, 2): SimCLR contrasts two augmentations of the same clip."""
    rows = videos.index.to_numpy()
    return np.stack((rows, rows), axis=1)


def pair_within_study(videos: pd.DataFrame) -> np.ndarray:
    """Return all unique pairs of different videos of a study as rows, (P, 2): n (n - 1) / 2 for n videos.

    A study with one video gives no pair. `videos` has the column `study`; its index is what pairs hold.
    """
    groups = videos.groupby("study", sort=True).groups.values()
    pairs = [pair for rows in groups for pair in itertools.combinations(rows, 2)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


PAIRS: dict[Method, Callable[[pd.DataFrame], np.ndarray]] = {
    "simclr": pair_with_itself,
    "mi_simclr": pair_within_study,
    "echoclr": pair_within_study,
}
