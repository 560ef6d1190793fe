import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.runs import compare_runs


def write_run(folder, values):
    """Write Table S2 of a run; `values` is init -> AUROC."""
    rows = [
        {"init": init, "ratio": 0.1, "test_set": "internal", "metric": "auroc", "value": value}
        for init, value in values.items()
    ]
    path = folder / "echo" / "tables" / "table_s2_lvh.csv"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(path, index=False)
    return folder


def test_means_and_gains_over_runs(tmp_path):
    runs = [
        write_run(tmp_path / "a", {"random": 0.5, "echoclr": 0.7, "kinetics400": np.nan}),
        write_run(tmp_path / "b", {"random": 0.6, "echoclr": 0.7, "kinetics400": np.nan}),
        write_run(tmp_path / "c", {"random": 0.4, "echoclr": 0.7, "kinetics400": np.nan}),
    ]
    compare_runs(runs, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv").set_index("init")
    assert table.index.tolist() == ["random", "echoclr"]
    assert table["runs"].tolist() == [3, 3]
    assert table.loc["random", "mean"] == pytest.approx(0.5)
    # Student's t with two degrees of freedom: 4.3027; the standard error of 0.4, 0.5, 0.6 is 0.1 / sqrt(3).
    assert table.loc["random", "mean_ci_high"] - 0.5 == pytest.approx(4.30265 * 0.1 / np.sqrt(3), rel=1e-5)
    assert table.loc["echoclr", "gain"] == pytest.approx(0.2)
    assert table.loc["echoclr", "gain_ci_low"] == pytest.approx(0.2 - 4.30265 * 0.1 / np.sqrt(3), rel=1e-5)
    assert np.isnan(table.loc["random", "gain"])


def test_too_few_runs_and_unfinished_ones_are_refused(tmp_path):
    run = write_run(tmp_path / "a", {"random": 0.5})
    with pytest.raises(InputError, match="two or more"):
        compare_runs([run], tmp_path / "out.csv")
    with pytest.raises(InputError, match="b holds no results tables"):
        compare_runs([run, tmp_path / "b"], tmp_path / "out.csv")
