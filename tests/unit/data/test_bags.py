import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.data.bags import BagIndex, make_mask, pad_bags

VIDEOS = pd.DataFrame(
    [("A", "4CH"), ("A", "SAX"), ("A", "SAX"), ("A", "SAX"), ("B", "SAX"), ("C", "2CH"), ("C", "3CH")],
    columns=["study", "view"],
)


def test_padding_puts_each_item_where_its_study_is() -> None:
    items = torch.arange(1, 7).float()[:, None]
    padded = pad_bags(items, make_mask([1, 3, 2]))[..., 0]
    assert padded.tolist() == [[1, 0, 0], [2, 3, 4], [5, 6, 0]]


@pytest.mark.parametrize(("share", "sax"), [(0.5, 2), (0.34, 2), (0.33, 1), (1.0, 3)])
def test_a_share_of_the_short_axis_and_all_long_axis_views(share: float, sax: int) -> None:
    rows = BagIndex(VIDEOS).draw("A", share, np.random.default_rng(0))
    assert rows[0] == 0
    assert len(rows) == 1 + sax
    assert set(rows) <= {0, 1, 2, 3}
    assert (np.diff(rows) > 0).all()


def test_draws_differ_and_studies_without_one_kind_have_the_other() -> None:
    index, rng = BagIndex(VIDEOS), np.random.default_rng(0)
    drawn = {tuple(index.draw("A", 0.5, rng)) for _ in range(50)}
    assert len(drawn) == 3
    assert index.draw("B", 0.5, rng).tolist() == [4]
    assert index.draw("C", 0.5, rng).tolist() == index.all_rows("C").tolist() == [5, 6]
    assert "D" not in index
