"""Agreement of two annotators who labelled the same studies."""

from pathlib import Path

import pandas as pd

from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.stats.agreement import tabulate_agreement


def compare_annotators(first: Path, second: Path, output: Path, confidence: float = 0.95) -> None:
    """Write how far two annotators agree, a row per label, and print it.

    `first` and `second` are CSV files with a column `study` and one per label (1, 0 or empty), or with the
    columns study, label, value. `output` (CSV, and Parquet beside it) gets the columns of
    `stats.agreement.tabulate_agreement`, which raises InputError for what it refuses.
    """
    table = tabulate_agreement(_read(first, "--first"), _read(second, "--second"), confidence)
    write_table(table, output)
    print(table[["label", "n", "agreement", "kappa", "ci_low", "ci_high"]].to_string(index=False))


def _read(path: Path, option: str) -> pd.DataFrame:
    try:
        return pd.read_csv(require_file(path, option, "Name a CSV file."), dtype={"study": str, "label": str})
    except (ValueError, pd.errors.ParserError):
        raise InputError(f"{option}: not a table; give a CSV file with a column study") from None
