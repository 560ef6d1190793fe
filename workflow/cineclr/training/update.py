"""One update of the weights: clipped if asked for, and left out where the gradient is not finite."""

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm


class Update:
    """Steps a fused optimizer, except where the gradient is not finite; nothing of it makes a GPU wait.

    Fused optimizers take `found_inf`, the flag on the device by which GradScaler (float16) tells them to
    change nothing; it serves every precision here. Batch normalisation has by then averaged in what the
    skipped step saw, so its statistics are put back. Under DDP gradients are equal on all ranks, and so is
    the decision.

    Attributes:
        longest: most steps in a row that were skipped, a 0-d tensor on the device. Overflows in float16 that
            only lower GradScaler's scale (the loss is finite) do not count.
    """

    def __init__(
        self, fabric: Fabric, module: nn.Module, optimizer: _FabricOptimizer, clip_norm: float | None
    ) -> None:
        if not getattr(optimizer.optimizer, "_step_supports_amp_scaling", False):
            raise ValueError("the optimizer cannot skip a step on the device: make it with fused=True")
        self.module, self.optimizer, self.clip_norm = module, optimizer, clip_norm
        self.scaler = getattr(fabric.strategy.precision, "scaler", None)
        self.longest = torch.zeros((), dtype=torch.int64, device=fabric.device)
        self._row = torch.zeros_like(self.longest)
        self._statistics = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        self._before: list[Tensor] = []

    def begin(self) -> None:
        """Before a step: forget the last gradients, remember what a forward pass changes."""
        self.optimizer.zero_grad()
        self._before = [buffer.clone() for buffer in self._statistics]

    def finish(self, loss: Tensor) -> Tensor:
        """Update the weights by the gradients; return whether that was done, a 0-d bool on the device."""
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer.optimizer)
        gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        finite = norm.isfinite()
        if self.clip_norm is not None:
            clip_grads_with_norm_(self.module.parameters(), self.clip_norm, norm)
        self.optimizer.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        for now, before in zip(self._statistics, self._before, strict=True):
            now.copy_(torch.where(finite, now, before))
        counted = ~finite if self.scaler is None else ~(finite | loss.isfinite())
        self._row = (self._row + 1) * counted
        self.longest = torch.maximum(self.longest, self._row)
        return finite
