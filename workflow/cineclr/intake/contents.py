"""What the scanned files are: counts by maker, model, compression, frames and frame rate.

The scan's own tables stay on the private side; the intake report is drawn from these counts.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from cineclr.files import read_fact, write_parquet
from cineclr.intake.syntaxes import name_syntax
from cineclr.ledger import PASSED

log = logging.getLogger(__name__)

UNKNOWN = "not known"
FRAMES = (1, 2, 10, 25, 50, 75, 100, 200)  # least of each class
RATES = (1, 15, 25, 30, 40, 60, 80, 120)  # frames per second


def describe_scan(scan: list[Path], ledger: Path, output: Path) -> None:
    """Count the files of a scan: `what` (vendor, …), `value`, files, passed, and studies with such a file.

    Values are words of closed lists and classes of numbers; a file whose header says nothing is `not known`.
    """
    table = pd.concat([_read(path) for path in scan], ignore_index=True)
    codes = pd.read_parquet(ledger, columns=["file", "code"]).set_index("file")["code"]
    table["passed"] = table["file"].map(codes) == PASSED
    counts = [
        count(table, what, values(table[column]))
        for what, (column, values) in VALUES.items()
        if column in table
    ]
    write_parquet(
        pd.concat(counts, ignore_index=True), output, key_fingerprint=read_fact(ledger, "key_fingerprint")
    )
    log.info("%d files counted", len(table))


def count(table: pd.DataFrame, what: str, values: pd.Series) -> pd.DataFrame:
    """Return a row per value, the most frequent first (classes of numbers in their order)."""
    groups = table.groupby(values.fillna(UNKNOWN), observed=True)
    found = pd.DataFrame(
        {"files": groups.size(), "passed": groups["passed"].sum(), "studies": groups["study"].nunique()}
    ).astype("int64")
    if not isinstance(values.dtype, pd.CategoricalDtype):
        found = found.sort_values("files", ascending=False, kind="stable")
    return found.rename_axis("value").reset_index().astype({"value": "str"}).assign(what=what)


def _read(scan: Path) -> pd.DataFrame:
    """Return the columns that are counted; MRI has no frame time."""
    wanted = {"file", "study", *(column for column, _ in VALUES.values())}
    return pd.read_parquet(scan, columns=[name for name in pq.read_schema(scan).names if name in wanted])


def _words(values: pd.Series) -> pd.Series:
    return values.astype(object)


def _syntaxes(uids: pd.Series) -> pd.Series:
    return uids.astype(object).map(name_syntax, na_action="ignore").astype(object)


def _frames(numbers: pd.Series) -> pd.Series:
    return classify(numbers, FRAMES)


def _rates(frame_times_ms: pd.Series) -> pd.Series:
    return classify((1000 / frame_times_ms).round(), RATES)


# What is counted -> the column of the scan, and its values as words of a closed list.
VALUES: dict[str, tuple[str, Callable[[pd.Series], pd.Series]]] = {
    "vendor": ("vendor", _words),
    "model": ("model", _words),
    "syntax": ("syntax", _syntaxes),
    "frames": ("frames", _frames),
    "rate": ("frame_time_ms", _rates),
}


def classify(numbers: pd.Series, least: tuple[int, ...]) -> pd.Series:
    """Return the class of each number as text, such as `25 to 49`, in order; missing is `not known`."""
    names = [_name_class(low, high) for low, high in zip(least, (*least[1:], None), strict=True)]
    edges = [*least, float("inf")]
    classes = pd.cut(numbers.astype("float64"), edges, right=False, labels=names)
    return classes.cat.add_categories(UNKNOWN)


def _name_class(low: int, high: int | None) -> str:
    if high is None:
        return f"{low} or more"
    return str(low) if high == low + 1 else f"{low} to {high - 1}"
