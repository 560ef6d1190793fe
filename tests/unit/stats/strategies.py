"""Random predictions for the property tests of the room."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def predictions(draw):
    """Labels with both classes and probabilities on a coarse grid, so that ties are common."""
    size = draw(st.integers(2, 40))
    labels = draw(
        st.lists(st.integers(0, 1), min_size=size, max_size=size).filter(lambda v: 0 < sum(v) < len(v))
    )
    grid = draw(st.sampled_from([1, 4, 1000]))
    scores = draw(st.lists(st.integers(0, grid), min_size=size, max_size=size))
    return np.array(labels), np.array(scores) / grid
