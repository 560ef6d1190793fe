"""How well a report is found by its video among others."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

POOL = 32


def measure_retrieval(videos: Tensor, texts: Tensor, seed: int, pool: int = POOL) -> dict[str, float]:
    """Return how often a video's own text is the most similar of a pool, or among the five most similar.

    `videos` and `texts` are (N, D), row n of both of one study. Pools of `pool` studies are drawn from a
    seeded order, the last one filled up from the first studies; with fewer studies all make one pool. Chance
    is 1 and 5 in the size of the pool.
    """
    size = min(pool, len(videos))
    similarity = functional.normalize(videos, dim=1) @ functional.normalize(texts, dim=1).T
    order = np.random.default_rng(seed).permutation(len(videos))
    ranks = []
    for start in range(0, len(order), size):
        own = order[start : start + size]
        members = torch.from_numpy(np.concatenate((own, order[: size - len(own)])))
        scores = similarity[members][:, members]
        better = (scores > scores.diagonal()[:, None]).sum(dim=1)
        ranks += better[: len(own)].tolist()
    found = np.array(ranks)
    return {
        "pool": size,
        "pairs": len(found),
        "top1": float((found < 1).mean()),
        "top5": float((found < 5).mean()),
        "chance_top1": 1 / size,
        "chance_top5": min(5 / size, 1.0),
    }
