import math

import pandas as pd

from cineclr.data.pairs import PAIRS

VIDEOS = pd.DataFrame({"study": ["a", "b", "b", "c", "c", "c", "d", "d", "d", "d"]}, index=range(10, 20))


def test_simclr_pairs_every_video_with_itself() -> None:
    pairs = PAIRS["simclr"](VIDEOS)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert pairs[:, 0].tolist() == list(range(10, 20))


def test_multi_instance_pairs_are_all_unique_pairs_of_a_study() -> None:
    pairs = PAIRS["echoclr"](VIDEOS)
    assert len(pairs) == sum(math.comb(n, 2) for n in (1, 2, 3, 4))
    assert len({frozenset(pair) for pair in pairs.tolist()}) == len(pairs)
    study = VIDEOS["study"]
    assert all(a != b and study[a] == study[b] for a, b in pairs.tolist())


def test_studies_of_one_video_give_no_pair() -> None:
    assert PAIRS["mi_simclr"](VIDEOS.iloc[:1]).shape == (0, 2)
