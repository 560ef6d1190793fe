import numpy as np
import pandas as pd
import pytest

from cineclr.errors import InputError
from cineclr.reporting.figures.calibration import draw_calibration, plot_calibration

GRID = np.linspace(0.1, 0.9, 9)


def curve_table(inits=("random", "echoclr"), ratios=(0.1, 1.0), test_sets=("internal", "external"), size=20):
    parts = []
    for init in inits:
        for ratio in ratios:
            for test_set in test_sets:
                key = {"init": init, "ratio": ratio, "test_set": test_set}
                line = pd.DataFrame({"x": GRID, "y": GRID**2, "ci_low": GRID**2 - 0.05, "ci_high": GRID})
                nothing = {"ci_low": np.nan, "ci_high": np.nan}
                parts += [
                    line.assign(kind="smoothed", n=9 * size, **key),
                    line.assign(kind="group", n=size, **key),
                    line.assign(kind="net_benefit", n=9 * size, **(key | nothing | {"y": 0.3 - GRID / 3})),
                    line.assign(kind="treat_all", n=9 * size, **(key | nothing | {"y": 0.3 - GRID})),
                ]
    return pd.concat(parts, ignore_index=True)


def at_one(table):
    return table[table["ratio"] == 1]


def test_panels_hold_curves_points_and_net_benefit():
    figure = draw_calibration(at_one(curve_table()), "severe_as")
    assert figure.get_suptitle() == "Severe aortic stenosis, all labels"
    assert [panel.get_title("left") for panel in figure.axes] == [
        "Calibration, internal test set", "Calibration, external test set",
        "Decision curve, internal test set", "Decision curve, external test set",
    ]  # fmt: skip
    above, below = figure.axes[0], figure.axes[2]
    smoothed = {line.get_label(): line for line in above.lines}
    assert {"Random", "EchoCLR"} < set(smoothed)
    np.testing.assert_allclose(smoothed["EchoCLR"].get_ydata(), GRID**2)
    points = above.containers[0]
    np.testing.assert_allclose(points.lines[0].get_xydata(), np.column_stack([GRID, GRID**2]))
    bars = np.array(points.lines[2][0].get_segments())
    np.testing.assert_allclose(bars[:, :, 1], np.column_stack([GRID**2 - 0.05, GRID]))
    assert [line.get_label() for line in below.lines] == ["Treat all", "Treat none", "Random", "EchoCLR"]
    np.testing.assert_allclose(below.lines[0].get_ydata(), 0.3 - GRID)


def test_net_benefit_is_not_squeezed_by_treating_all():
    low, high = draw_calibration(at_one(curve_table()), "lvh").axes[2].get_ylim()
    assert -0.1 < low < 0 < 0.3 - 0.1 / 3 < high


def test_points_belong_to_the_first_init_where_the_reference_was_not_run():
    figure = draw_calibration(at_one(curve_table(inits=("random", "simclr"))), "lvh")
    assert "Of Random" in figure.get_supxlabel()
    assert len(figure.axes[0].containers) == 1


def test_only_the_largest_ratio_is_drawn_and_bytes_are_equal(tmp_path):
    table = curve_table(test_sets=["internal"])
    small = table["ratio"] < 1
    table.loc[small, "y"] = 0.5
    bytes_of = []
    for number, rows in enumerate((table, table, table[~small])):
        rows.to_csv(tmp_path / "curve.csv", index=False)
        svg, png = tmp_path / f"{number}.svg", tmp_path / f"{number}.png"
        plot_calibration(tmp_path / "curve.csv", "lvh", 11, svg, png)
        bytes_of.append((svg.read_bytes(), png.read_bytes()))
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]


def draw_withheld(tmp_path, monkeypatch, table):
    figures = []
    monkeypatch.setattr("cineclr.reporting.figures.style.save", lambda figure, *_: figures.append(figure))
    table.to_csv(tmp_path / "curve.csv", index=False)
    plot_calibration(tmp_path / "curve.csv", "lvh", 11, tmp_path / "a.svg", tmp_path / "a.png")
    return figures[0]


def test_few_studies_are_not_drawn_and_the_note_says_so(tmp_path, monkeypatch):
    table = curve_table()
    table.loc[table["test_set"].eq("external") & table["kind"].eq("group"), "y"] = 0
    figure = draw_withheld(tmp_path, monkeypatch, table)
    assert len(figure.axes) == 2
    assert "fewer than 11 studies" in figure.get_supxlabel()
    assert draw_withheld(tmp_path, monkeypatch, table[table["test_set"] == "external"]).axes == []


def test_a_table_that_holds_nothing_to_draw_is_refused(tmp_path):
    curve, files = tmp_path / "curve.csv", (tmp_path / "a.svg", tmp_path / "a.png")
    with pytest.raises(InputError, match=r"no such file: curve\.csv"):
        plot_calibration(curve, "lvh", 11, *files)
    curve_table().drop(columns="ci_low").to_csv(curve, index=False)
    with pytest.raises(InputError, match=r"curve\.csv: no column ci_low"):
        plot_calibration(curve, "lvh", 11, *files)
    curve_table(test_sets=["val"]).to_csv(curve, index=False)
    with pytest.raises(InputError, match="no rows of a test set"):
        plot_calibration(curve, "lvh", 11, *files)
