"""What the loop asks of a kind of training."""

from collections.abc import Sized
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from cineclr.config.base import Optimization

Batch = TypeVar("Batch", bound=Sized)


class Training(Protocol[Batch]):
    """A kind of training."""

    name: str
    epochs: int

    @property
    def settings(self) -> Optimization:
        """Return the settings of its steps."""

    def steps(self) -> int:
        """Return the optimizer steps of an epoch."""

    def read(self, epoch: int, step: int) -> list[Batch]:
        """Read a step's micro-batches; a pure function of its arguments, called in a thread.

        A micro-batch's length is its number of clips; all ranks have equally many of equal lengths.
        """

    def compute(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return `loss`, a mean over the batch to be minimised, and further such scalars for the history."""

    def rate_factor(self, epoch: int) -> float:
        """Return what the optimizer's learning rate is multiplied by in an epoch."""

    def finish_epoch(
        self, model: nn.Module, epoch: int, means: dict[str, float]
    ) -> tuple[dict[str, float], bool]:
        """Return further values for the history, and whether training has come to its end.

        `means` are those of what `compute` returned, over the epoch's updates; NaN where all were skipped.
        """

    def state(self) -> dict[str, Any]:
        """Return what a resumed training needs besides model, optimizer and history."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
