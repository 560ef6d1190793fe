"""Rows of all ranks, for losses that compare every example with every other one."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """Return all ranks' rows, (n, D) -> (world * n, D), with gradients; every rank must bring the same n."""
    return _Gather.apply(rows) if dist.is_initialized() and dist.get_world_size() > 1 else rows


class _Gather(torch.autograd.Function):
    """The gradients that all ranks give a row are summed."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]
