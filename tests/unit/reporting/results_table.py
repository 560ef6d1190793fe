"""A results table as tabulate-results writes it, with values that tests can foresee."""

import pandas as pd

from cineclr.reporting.names import INIT_NAMES


def write_table(path, missing=(), test_sets=("internal", "external")):
    rows = []
    for number, init in enumerate(INIT_NAMES):
        for ratio, studies in ((0.01, 51), (0.1, 519), (1.0, 5194)):
            for test_set in test_sets:
                for metric in ("auroc", "aupr"):
                    value = None if init in missing else 0.5 + 0.05 * number + ratio / 10
                    low, high = (None, None) if value is None else (value - 0.03, value + 0.03)
                    note = "not run: no weights" if init in missing else None
                    rows.append((init, ratio, studies, test_set, 100, 30, metric, value, low, high, note))
    names = ["init", "ratio", "n_train", "test_set", "n_test", "n_test_positive", "metric", "value", "ci_low"]
    pd.DataFrame(rows, columns=[*names, "ci_high", "note"]).to_csv(path, index=False)
    return path
