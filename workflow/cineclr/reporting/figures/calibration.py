"""Calibration curves and decision curves of the inits at the largest ratio."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cineclr.config.echo import Task
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.evaluate import REFERENCE
from cineclr.reporting.figures import style
from cineclr.reporting.names import INIT_NAMES, SPLIT_NAMES, TASK_NAMES, TEST_SETS
from cineclr.reporting.suppress import suppress_curve

COLUMNS = ("init", "ratio", "test_set", "kind", "x", "y", "ci_low", "ci_high", "n")
NOTE = (
    "Above: smoothed rate of positives; the diagonal is ideal. Of {}, the band is the bootstrap interval and "
    "the points are tenths of the studies with Wilson intervals. Below: net benefit of treating whoever is "
    "at or above the threshold probability."
)
FEW = "Not drawn: test sets with fewer than {0} studies of a class, and points of fewer than {0} studies."


def plot_calibration(curve: Path, task: Task, min_cell: int, svg: Path, png: Path) -> None:
    """Draw calibration curves and net benefit of every init at the largest ratio, a column per test set.

    `curve` is the long table of evaluate-calibration. Points and band belong to EchoCLR, or to the first init
    where it was not run: those of five inits would hide each other. Points of fewer than `min_cell` studies
    and test sets with fewer of either class are not drawn.

    Raises:
        InputError: no such table, a column missing, or no rows of a test set.
    """
    require_file(curve, "calibration curves", "Run evaluate-calibration first.")
    table = pd.read_csv(curve)
    if absent := [name for name in COLUMNS if name not in table.columns]:
        raise InputError(f"calibration curves {curve.name}: no column {', '.join(absent)}")
    rows = table[table["ratio"].eq(table["ratio"].max()) & table["test_set"].isin(TEST_SETS)]
    if rows.empty:
        raise InputError(f"calibration curves {curve.name}: no rows of a test set; run evaluate-calibration")
    shown = suppress_curve(rows, min_cell)
    notes = [FEW.format(min_cell)] if len(shown) < len(rows) else []
    with mpl.rc_context(style.STYLE):
        style.save(draw_calibration(shown, task, notes), svg, png)


def draw_calibration(rows: pd.DataFrame, task: Task, notes: Sequence[str] = ()) -> Figure:
    """Return the figure: calibration above, net benefit below; `rows` are of one ratio."""
    if rows.empty:
        return style.draw_notes(TASK_NAMES[task].capitalize(), notes)
    sets = [name for name in TEST_SETS if name in set(rows["test_set"])]
    inits = [init for init in INIT_NAMES if init in set(rows["init"])]
    shown = REFERENCE if REFERENCE in inits else inits[0]
    lines = style.wrap_notes([NOTE.format(INIT_NAMES[shown]), *notes], 65 * len(sets))
    height = 2 * (style.PANEL + 0.4) + 0.13 * len(lines)
    figure = Figure(figsize=(0.9 + style.PANEL * len(sets), height), layout="constrained")
    panels = figure.subplots(2, len(sets), squeeze=False)
    for number, name in enumerate(sets):
        of_set = rows[rows["test_set"] == name]
        above, below = panels[:, number]
        _draw_calibration(above, of_set, inits, shown)
        _draw_net_benefit(below, of_set, inits)
        above.set_title(f"Calibration, {SPLIT_NAMES[name].lower()} set", loc="left")
        below.set_title(f"Decision curve, {SPLIT_NAMES[name].lower()} set", loc="left")
    for panel, letter in zip(panels.flat, "ABCD", strict=False):
        style.add_letter(panel, letter)
    ratio = rows["ratio"].iloc[0]
    share = "all" if ratio == 1 else f"{100 * ratio:g}% of"
    style.add_title(figure, f"{TASK_NAMES[task].capitalize()}, {share} labels")
    # Curves of net benefit fall to the right, so that there is room above them.
    panels[1, 0].legend(loc="upper right", fontsize=7.5, frameon=False)
    style.add_notes(figure, lines)
    return figure


def _draw_calibration(panel: Axes, rows: pd.DataFrame, inits: list[str], shown: str) -> None:
    _frame(panel, "Predicted probability", "Observed rate of positives")
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    panel.plot([0, 1], [0, 1], color=style.INK, linewidth=0.8, linestyle=style.DASHED)
    for init in inits:
        line = rows[rows["init"].eq(init) & rows["kind"].eq("smoothed")]
        panel.plot(line["x"], line["y"], **_look(init))
    line = rows[rows["init"].eq(shown) & rows["kind"].eq("smoothed")]
    panel.fill_between(
        line["x"], line["ci_low"], line["ci_high"], color=style.COLOURS[shown], alpha=0.18, linewidth=0
    )
    groups = rows[rows["init"].eq(shown) & rows["kind"].eq("group")]
    panel.errorbar(
        groups["x"], groups["y"], [groups["y"] - groups["ci_low"], groups["ci_high"] - groups["y"]],
        fmt=style.MARKERS[shown], color=style.COLOURS[shown], markersize=4, elinewidth=0.8,
        markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip


def _draw_net_benefit(panel: Axes, rows: pd.DataFrame, inits: list[str]) -> None:
    _frame(panel, "Threshold probability", "Net benefit")
    everybody = rows[rows["kind"] == "treat_all"].drop_duplicates("x").sort_values("x")
    panel.plot(everybody["x"], everybody["y"], color=style.INK, linewidth=0.8, label="Treat all")
    panel.axhline(0, color=style.INK, linewidth=0.8, linestyle=style.DASHED, label="Treat none")
    models = rows[rows["kind"] == "net_benefit"]
    for init in inits:
        line = models[models["init"] == init].sort_values("x")
        panel.plot(line["x"], line["y"], **_look(init))
    # Treating all at a high threshold does boundless harm; what matters lies about zero.
    top = max(models["y"].max(), everybody["y"].max(), 0.01)
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.3 * top, 1.08 * top))


def _look(init: str) -> dict[str, Any]:
    return {
        "color": style.COLOURS[init],
        "linestyle": style.DASHES[init],
        "linewidth": 1.8 if init == REFERENCE else 1.3,
        "label": INIT_NAMES[init],
    }


def _frame(panel: Axes, x_label: str, y_label: str) -> None:
    panel.set(xlabel=x_label, ylabel=y_label, box_aspect=1)
    panel.grid(color=style.GRID, linewidth=0.5)
    panel.set_axisbelow(True)
