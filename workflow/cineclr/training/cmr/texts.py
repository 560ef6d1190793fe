"""Sentences of reports as the text encoder sees them."""

import numpy as np
import torch
from torch import Tensor


def join(sentences: list[list[int]], count: int, longest: int, rng: np.random.Generator) -> list[int]:
    """Return up to `count` random sentences as one text, [CLS] a [SEP] b [SEP], cut at `longest` tokens."""
    chosen = rng.permutation(len(sentences))[:count]
    parts = [sentences[int(index)] for index in chosen]
    return [*parts[0], *(token for part in parts[1:] for token in part[1:])][:longest]


def pad(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return token ids and mask, (B, L) each, of texts of unequal length; padding is 0."""
    length = max(len(text) for text in texts)
    ids = torch.tensor([[*text, *[0] * (length - len(text))] for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (length - len(text)) for text in texts])
    return ids, mask
