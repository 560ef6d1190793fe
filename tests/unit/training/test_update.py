import copy

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import Tensor, nn

from cineclr.training.update import Update


class Small:
    """A small network with batch normalisation, and its guarded update."""

    def __init__(self, clip_norm: float | None = None, float16: bool = False) -> None:
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        plugins = [MixedPrecision("16-mixed", "cpu", scaler=scaler)] if float16 else []
        fabric = Fabric(accelerator="cpu", devices=1, plugins=plugins)
        torch.manual_seed(0)
        self.module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.plain = torch.optim.Adam(self.module.parameters(), lr=0.1, fused=True)
        self.fabric = fabric
        self.model, wrapped = fabric.setup(self.module, self.plain)
        self.update = Update(fabric, self.module, wrapped, clip_norm)

    def step(self, x: Tensor, factor: float = 1.0) -> bool:
        self.update.begin()
        loss = self.model(x).float().square().mean() * factor
        self.fabric.backward(loss)
        return bool(self.update.finish(loss))

    def state(self) -> list[Tensor]:
        moments = [value for state in self.plain.state_dict()["state"].values() for value in state.values()]
        weights = [v for name, v in self.module.state_dict().items() if "num_batches" not in name]
        return copy.deepcopy(weights + moments)


@pytest.mark.parametrize("float16", [False, True])
def test_step_that_is_not_finite_changes_nothing(float16: bool) -> None:
    """Weights, Adam's moments and step count, and batch statistics: as if the step had not been."""
    clips = torch.rand(5, 3)
    small, other = Small(float16=float16), Small(float16=float16)
    assert small.step(clips)
    before = small.state()
    assert not small.step(torch.full((5, 3), torch.nan))
    assert all(torch.equal(a, b) for a, b in zip(small.state(), before, strict=True))
    assert int(small.update.longest) == 1
    assert small.step(clips)
    assert other.step(clips)
    assert other.step(clips)
    for now, expected in zip(small.state(), other.state(), strict=True):
        torch.testing.assert_close(now, expected)


def test_longest_row_is_remembered() -> None:
    small = Small()
    for good in (True, False, False, True, False):
        small.step(torch.rand(5, 3) / (1.0 if good else 0.0))
    assert int(small.update.longest) == 2


def test_overflow_of_float16_lowers_the_scale_and_does_not_count() -> None:
    small = Small(float16=True)
    scaler = small.update.scaler
    assert scaler is not None
    before = small.state()[:2]
    assert not small.step(torch.rand(5, 3), factor=1e38)  # times the scale: infinite, though the loss is not
    assert scaler.get_scale() == 4
    assert int(small.update.longest) == 0
    assert all(torch.equal(a, b) for a, b in zip(small.state()[:2], before, strict=True))


@pytest.mark.parametrize("norm", [1e-3, 1e3])
def test_gradient_is_clipped_as_pytorch_clips(norm: float) -> None:
    small, clips = Small(clip_norm=norm), torch.rand(5, 3)
    reference = copy.deepcopy(small.module)
    small.step(clips, factor=10.0)
    (reference(clips).square().mean() * 10.0).backward()
    torch.nn.utils.clip_grad_norm_(reference.parameters(), norm)
    for ours, theirs in zip(small.module.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_optimizer_that_cannot_skip_is_refused() -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    module = nn.Linear(1, 1)
    _, wrapped = fabric.setup(module, torch.optim.Adam(module.parameters()))
    with pytest.raises(ValueError, match="fused=True"):
        Update(fabric, module, wrapped, None)
