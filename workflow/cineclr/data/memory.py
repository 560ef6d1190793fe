"""Memory for batches."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def allocate(shape: Sequence[int], dtype: type[np.generic], device: torch.device) -> Tensor:
    """Return an uninitialised tensor.

    On the CPU NumPy allocates it, which asks Linux for huge pages: filling a fresh batch of tens of
    megabytes in pages of 4 kB costs more time than reading the clips.
    """
    empty = torch.from_numpy(np.empty(shape, dtype))
    return empty if device.type == "cpu" else torch.empty_like(empty, device=device)
