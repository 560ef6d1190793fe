"""Forest plot: AUROCs of two models on many targets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.figures import style

ROLES = ("reference", "baseline")
ROW = 0.2  # inches per target
APART = 0.17  # rows between a target's two markers and its middle
NUMBERS = tuple(f"{name}_{role}" for role in ROLES for name in ("auc", "ci_low", "ci_high"))
COLUMNS = ("target", "n_positive", "p_value", *NUMBERS)


@dataclass(frozen=True)
class Look:
    """How a model is drawn, and what the legend calls it."""

    name: str
    colour: str
    marker: str


def plot_forest(
    table: Path, svg: Path, png: Path, reference_name: str = "Reference", baseline_name: str = "Baseline"
) -> None:
    """Draw the AUROCs of two models and their intervals, a row per target, the best target on top.

    `table` is what evaluate-predictions writes. A target whose interval does not exist is a bare point.

    Args:
        table: the table.
        svg: the figure as SVG.
        png: the figure as PNG.
        reference_name: what the legend calls the reference model.
        baseline_name: what the legend calls the other one.

    Raises:
        InputError: no such table, a column missing, 0 rows, a target without AUROC or twice.
    """
    require_file(table, "comparison", "Run evaluate-predictions first.")
    rows = pd.read_csv(table, dtype={"target": str, "n_positive": str})
    if absent := [name for name in COLUMNS if name not in rows.columns]:
        raise InputError(f"comparison {table.name}: no column {', '.join(absent)}")
    if rows.empty:
        raise InputError(f"comparison {table.name}: 0 rows; nothing to draw")
    unknown = rows["auc_reference"].isna() | rows["auc_baseline"].isna()
    if unknown.any():
        raise InputError(f"comparison {table.name}: target {rows['target'][unknown].iloc[0]} has no AUROC")
    if (repeated := rows["target"][rows["target"].duplicated()]).size:
        raise InputError(f"comparison {table.name}: target {repeated.iloc[0]} is there more than once")
    with mpl.rc_context(style.STYLE):
        style.save(draw_forest(rows, {"reference": reference_name, "baseline": baseline_name}), svg, png)


def draw_forest(rows: pd.DataFrame, names: dict[str, str]) -> Figure:
    """Return the figure of a comparison, a row per target; `names` says what to call either role."""
    ordered = rows.sort_values("auc_reference", ascending=False, kind="stable", ignore_index=True)
    ordered["target"] = ordered["target"].map(_readable)
    figure = Figure(figsize=(7.2, 0.95 + ROW * len(ordered)), layout="constrained")
    panel = figure.subplots()
    looks = {
        "reference": Look(names["reference"], style.COLOURS["echoclr"], "o"),
        "baseline": Look(names["baseline"], style.COLOURS["kinetics400"], "s"),
    }
    draw_panel(panel, ordered, looks)
    panel.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    return figure


def draw_panel(panel: Axes, rows: pd.DataFrame, looks: dict[str, Look]) -> None:
    """Draw the AUROCs of several models, a row per target from the top in the order given.

    `rows` has target (as it is shown), n_positive (text), p_value and, for every role of `looks`, auc_<role>,
    ci_low_<role> and ci_high_<role>; what is missing is not drawn.
    """
    spread = APART * (len(looks) - 1)
    for (role, look), offset in zip(looks.items(), np.linspace(-spread, spread, len(looks)), strict=True):
        _draw_role(panel, rows, role, offset, look)
    _frame(panel, rows, [f"{name}_{role}" for role in looks for name in ("auc", "ci_low", "ci_high")])
    _write_columns(panel, rows)


def _draw_role(panel: Axes, rows: pd.DataFrame, role: str, offset: float, look: Look) -> None:
    y = np.arange(len(rows)) + offset
    common: Any = {"color": look.colour, "zorder": 3}
    panel.hlines(y, rows[f"ci_low_{role}"], rows[f"ci_high_{role}"], linewidth=1.1, **common)
    panel.plot(
        rows[f"auc_{role}"], y, look.marker, markersize=4, markeredgecolor="white", markeredgewidth=0.4,
        label=look.name, **common,
    )  # fmt: skip


def _frame(panel: Axes, rows: pd.DataFrame, numbers: list[str]) -> None:
    for position in range(0, len(rows), 2):
        panel.axhspan(position - 0.5, position + 0.5, color="#F4F4F4", linewidth=0, zorder=0)
    panel.axvline(0.5, color=style.INK, linewidth=0.8, linestyle=style.DASHED, zorder=1)
    lowest = rows[numbers].min().min()  # missing intervals are passed over
    panel.set(xlim=(min(0.45, lowest - 0.02), 1.01), ylim=(len(rows) - 0.5, -0.5), xlabel="AUROC")
    panel.set_yticks(range(len(rows)), rows["target"])
    panel.tick_params(axis="y", length=0, pad=42)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x", color=style.GRID, linewidth=0.5)
    panel.set_axisbelow(True)


def _readable(target: str) -> str:
    """Return a target's name without what R or a file name put in place of spaces."""
    return target.replace(".", " ").replace("_", " ")


def _write_columns(panel: Axes, rows: pd.DataFrame) -> None:
    """Write the positives left of the axis and the p-values right of it."""
    counts = ["" if pd.isna(count) else _with_commas(count) for count in rows["n_positive"]]
    columns = [(0, -6, ["Positive", *counts]), (1, 42, ["p", *map(format_p, rows["p_value"])])]
    for edge, points, texts in columns:
        for position, text in enumerate(texts, start=-1):
            panel.annotate(
                text, (edge, position), (points, 0), panel.get_yaxis_transform(), "offset points",
                ha="right", va="center_baseline", weight="bold" if position < 0 else "normal", size=7.5,
            )  # fmt: skip


def _with_commas(count: str) -> str:
    return f"{int(count):,}" if count.isdecimal() else count


def format_p(p: float) -> str:
    """Return p as journals print it: three decimals below 0.1, two above; empty where it is NaN."""
    if pd.isna(p):
        return ""
    if p < 0.001 or p > 0.99:
        return "<0.001" if p < 0.001 else ">0.99"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
