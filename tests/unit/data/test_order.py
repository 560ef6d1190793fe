import numpy as np
import pytest

from cineclr.data.order import epoch_order, split_batches, step_generator


def test_order_is_a_function_of_seed_and_epoch() -> None:
    assert (epoch_order(50, 3, 7) == epoch_order(50, 3, 7)).all()
    assert sorted(epoch_order(50, 3, 7).tolist()) == list(range(50))
    assert not (epoch_order(50, 3, 7) == epoch_order(50, 3, 8)).all()
    assert not (epoch_order(50, 3, 7) == epoch_order(50, 4, 7)).all()


def test_every_step_has_its_own_generator() -> None:
    draws = {step_generator(1, epoch, step).random() for epoch in range(5) for step in range(5)}
    assert len(draws) == 25


@pytest.mark.parametrize(
    ("count", "size", "keep", "expected"),
    [
        (10, 4, True, [4, 4, 2]),
        (10, 4, False, [4, 4]),
        (9, 4, True, [4, 5]),
        (8, 4, True, [4, 4]),
        (3, 4, False, [3]),
        (3, 4, True, [3]),
        (0, 4, True, []),
    ],
)
def test_batches(count: int, size: int, keep: bool, expected: list[int]) -> None:
    batches = split_batches(count, size, keep)
    assert [batch.stop - batch.start for batch in batches] == expected
    covered = np.concatenate([np.arange(count)[batch] for batch in batches]) if batches else np.array([])
    assert covered.tolist() == list(range(len(covered)))
