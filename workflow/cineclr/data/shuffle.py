"""Frame shuffling for the frame-order task: every order of K frames is a class (Methods)."""

import itertools

import numpy as np
import torch
from torch import Tensor


def permutation_table(frames: int) -> np.ndarray:
    """Return all orders of K frames, (K!, K), in lexicographic order: the row number is the class."""
    return np.array(list(itertools.permutations(range(frames))), dtype=np.int64)


def draw_orders(frames: int, clips: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one class per clip, (B,), every order equally likely."""
    return rng.integers(0, len(permutation_table(frames)), clips)


def shuffle_frames(clips: Tensor, orders: np.ndarray) -> Tensor:
    """Return clips (B, K, H, W) with frame t of clip b replaced by its frame table[orders[b], t]."""
    table = torch.from_numpy(permutation_table(clips.shape[1])[orders]).to(clips.device)  # (B, K)
    return clips.gather(1, table[:, :, None, None].expand_as(clips))
