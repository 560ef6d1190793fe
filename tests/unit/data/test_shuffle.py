import math

import numpy as np
import pytest
import torch

from cineclr.data.shuffle import draw_orders, permutation_table, shuffle_frames


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_every_order_is_one_class(frames: int) -> None:
    table = permutation_table(frames)
    assert len({tuple(row) for row in table.tolist()}) == len(table) == math.factorial(frames)
    assert table[0].tolist() == list(range(frames))


def test_class_tells_the_order() -> None:
    clips = torch.arange(4.0).view(1, 4, 1, 1).expand(24, 4, 2, 2)
    shuffled = shuffle_frames(clips, np.arange(24))
    assert shuffled[:, :, 0, 0].long().tolist() == permutation_table(4).tolist()


def test_all_classes_are_drawn() -> None:
    orders = draw_orders(4, 5000, np.random.default_rng(0))
    assert np.bincount(orders, minlength=24).min() > 120
