"""The order of examples: a pure function of seed and epoch, so that a resumed run needs no history.

Everything random about a step comes from `step_generator`, whatever was drawn before: a run that starts again
at step 1,234 draws what an uninterrupted run draws there, and so do runs on one device and on several.
"""

import itertools

import numpy as np


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the examples 0 to count - 1 in the order of one epoch."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def step_generator(seed: int, epoch: int, step: int) -> np.random.Generator:
    """Return the generator of one step's clips, augmentation and shuffles."""
    return np.random.default_rng((seed, epoch, 1 + step))


def split_batches(count: int, batch_size: int, keep_last: bool) -> list[slice]:
    """Cut `count` examples into batches; an incomplete last one is kept or left to another epoch's order.

    An only batch is always kept. A last batch of a single example is joined to the one before, because batch
    normalisation cannot learn from one.
    """
    if count < batch_size:
        return [slice(0, count)] if count else []
    edges = list(range(0, count + 1, batch_size))
    rest = count - edges[-1]
    if keep_last and rest > 1:
        edges.append(count)
    elif keep_last:
        edges[-1] = count
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]
