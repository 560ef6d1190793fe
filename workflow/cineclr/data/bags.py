"""Bags: the views of a study, of unequal number, put into one batch with a mask."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

SAX = "SAX"


@dataclass(frozen=True)
class Bags:
    """A batch of B studies.

    Attributes:
        items: features (M, F) or clips uint8 (M, T, H, W) of all views, study by study.
        mask: which of (B, N) places hold a view; its true places, row by row, are the items.
        targets: (B,) labels, or measurements as the loss sees them.
        seeds: of each item's augmentation; empty for none.
    """

    items: Tensor
    mask: Tensor
    targets: Tensor
    seeds: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)


def make_mask(counts: list[int]) -> Tensor:
    """Return the mask (B, N) of bags with these numbers of views; N is the largest."""
    return torch.arange(max(counts))[None, :] < torch.tensor(counts)[:, None]


def pad_bags(embeddings: Tensor, mask: Tensor) -> Tensor:
    """Return embeddings (M, D) of all views as (B, N, D), zero where the mask is False."""
    padded = embeddings.new_zeros((*mask.shape, embeddings.shape[-1]))
    padded[mask] = embeddings
    return padded


class BagIndex:
    """Which rows of a table of videos belong to each study."""

    def __init__(self, videos: pd.DataFrame) -> None:
        grouped = {str(study): np.asarray(rows) for study, rows in videos.groupby("study").indices.items()}
        sax = (videos["view"] == SAX).to_numpy()
        self._long = {study: rows[~sax[rows]] for study, rows in grouped.items()}
        self._sax = {study: rows[sax[rows]] for study, rows in grouped.items()}

    def __contains__(self, study: str) -> bool:
        return study in self._long

    def all_rows(self, study: str) -> np.ndarray:
        """Return all rows of a study, in the order of the table."""
        return np.sort(np.concatenate((self._long[study], self._sax[study])))

    def draw(self, study: str, sax_share: float, rng: np.random.Generator) -> np.ndarray:
        """Return a study's rows with a random share of its SAX slices, rounded up."""
        sax = self._sax[study]
        count = int(np.ceil(sax_share * len(sax)))
        chosen = rng.choice(sax, count, replace=False) if count < len(sax) else sax
        return np.sort(np.concatenate((self._long[study], chosen)))
