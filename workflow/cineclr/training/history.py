"""The history of a training: one row per epoch, without times, so that equal runs write equal files."""

from pathlib import Path

import pandas as pd

from cineclr.files import publish


def write_history(rows: list[dict[str, float]], path: Path) -> None:
    """Publish the history as CSV."""
    with publish(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")
