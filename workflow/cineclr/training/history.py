"""What a training records: one row per epoch as CSV, and the same with timings for TensorBoard."""

from pathlib import Path

import pandas as pd

from cineclr.publishing import publish


def write_history(rows: list[dict[str, float]], path: Path) -> None:
    """Publish the history as CSV, without times, so that equal runs write equal files."""
    with publish(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")


class EventLog:
    """TensorBoard event files in `folder`, a point per epoch; nothing without a folder."""

    def __init__(self, folder: Path | None, epoch: int) -> None:
        """Go on after `epoch` epochs: points of later ones, from before a kill, are no longer shown."""
        self._writer = None
        if folder is not None:
            # Here, because its import takes a second that no other training should wait.
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=epoch + 1)

    def add(self, epoch: int, values: dict[str, float]) -> None:
        """Record values after `epoch` epochs; they are on disk when this returns."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
