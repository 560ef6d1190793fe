"""Figures as SVG and PNG: label efficiency, ablation, cohort flow. Only this module imports matplotlib."""

import logging
import textwrap
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from cineclr.config import Init, Task
from cineclr.errors import InputError
from cineclr.files import publish, require_file
from cineclr.reporting.flow_chart import FlowChart, Split, describe_flow, read_flow
from cineclr.stats.bootstrap import Metric

log = logging.getLogger(__name__)

Kind = Literal["label_efficiency", "ablation"]

# Figs 2 and S1, and Figs 3 and S2, of the paper.
INITS_OF_KIND: dict[Kind, tuple[Init, ...]] = {
    "label_efficiency": ("random", "kinetics400", "echoclr"),
    "ablation": ("simclr", "mi_simclr", "echoclr"),
}
# Colours of Okabe and Ito, told apart with any colour vision; markers say the same without colour.
LOOKS: dict[Init, tuple[str, str, str]] = {
    "random": ("Random", "#7F7F7F", "s"),
    "kinetics400": ("Kinetics-400", "#D55E00", "^"),
    "simclr": ("SimCLR", "#CC79A7", "D"),
    "mi_simclr": ("MI-SimCLR", "#009E73", "v"),
    "echoclr": ("EchoCLR", "#0072B2", "o"),
}
TASK_NAMES: dict[Task, str] = {"lvh": "Left ventricular hypertrophy", "severe_as": "Severe aortic stenosis"}
METRIC_NAMES: dict[Metric, str] = {"auroc": "AUROC", "aupr": "AUPR"}
TEST_SETS = ("internal", "external")
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.hashsalt": "cineclr",
}
INK, PALE, QUIET = "#222222", "#EAF1F7", "#F5F5F5"
DPI = 200


def plot_results(table: Path, kind: Kind, metric: Metric, task: Task, svg: Path, png: Path) -> None:
    """Draw AUROC or AUPR against the number of training studies, a panel per test set (Figs 2, 3, S1, S2).

    `table` is Table S2 or S3. Bands are the confidence intervals of the table; the dashed line is what a
    model without information reaches: 0.5, or the prevalence. Inits without values are named below.
    """
    require_file(table, "results table", "Run tabulate-results first.")
    rows = pd.read_csv(table)
    rows = rows[rows["metric"].eq(metric) & rows["init"].isin(INITS_OF_KIND[kind])]
    drawn = rows.dropna(subset="value")
    if drawn.empty:
        raise InputError(
            f"results table {table.name}: no {metric} of any of {', '.join(INITS_OF_KIND[kind])}"
        )
    sets = [name for name in TEST_SETS if name in set(drawn["test_set"])]
    with mpl.rc_context(STYLE):
        notes = _notes(rows)
        figure = Figure(figsize=(1 + 3.1 * len(sets), 3.5 + 0.13 * len(notes)), layout="constrained")
        panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
        for letter, panel, name in zip("AB", panels, sets, strict=False):
            _draw_panel(panel, drawn[drawn["test_set"] == name], kind, metric)
            studies, positive = drawn.loc[drawn["test_set"] == name, ["n_test", "n_test_positive"]].iloc[0]
            panel.set_title(
                f"{name.capitalize()} test set ({studies:,} studies, {positive:,} positive)", loc="left"
            )
            panel.annotate(
                letter, (0, 1), (-6, 7), "axes fraction", "offset points", weight="bold", size=11, ha="right"
            )
        panels[0].set_ylabel(METRIC_NAMES[metric])
        figure.suptitle(TASK_NAMES[task], x=0.01, ha="left", size=10, weight="bold")
        _draw_legend(figure, panels[0], notes)
        _save(figure, svg, png)


def _draw_panel(panel: Axes, rows: pd.DataFrame, kind: Kind, metric: Metric) -> None:
    chance = 0.5 if metric == "auroc" else float((rows["n_test_positive"] / rows["n_test"]).iloc[0])
    for init in INITS_OF_KIND[kind]:
        curve = rows[rows["init"] == init].sort_values("n_train")
        if curve.empty:
            continue
        name, colour, marker = LOOKS[init]
        panel.fill_between(
            curve["n_train"], curve["ci_low"], curve["ci_high"], color=colour, alpha=0.16, linewidth=0
        )
        panel.plot(
            curve["n_train"], curve["value"], color=colour, marker=marker, markersize=4.5, linewidth=1.6,
            markeredgecolor="white", markeredgewidth=0.5, label=name, zorder=3,
        )  # fmt: skip
    sizes = rows.drop_duplicates("ratio").sort_values("ratio")
    panel.set_xscale("log")
    panel.margins(x=0.06)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(
        sizes["n_train"],
        [f"{n:,}\n{100 * ratio:g}%" for n, ratio in zip(sizes["n_train"], sizes["ratio"], strict=True)],
    )
    panel.set_xlabel("Training studies (share of those with a label)")
    panel.set_ylim(min(0.4, rows["ci_low"].min() - 0.02) if metric == "auroc" else 0, 1.0)
    panel.grid(axis="y", color="#DDDDDD", linewidth=0.5)
    panel.set_axisbelow(True)
    label = "Chance" if metric == "auroc" else "Prevalence"
    panel.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1, label=label)


def _draw_legend(figure: Figure, panel: Axes, notes: list[str]) -> None:
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)
    figure.supxlabel("\n".join(notes), x=0.01, ha="left", size=6.5, color="#444444")


def _notes(rows: pd.DataFrame) -> list[str]:
    """Return the lines below the panels: what the bands are, what was not run, notes of the table."""
    notes = ["Bands: percentile bootstrap confidence intervals, studies resampled."]
    absent = rows[rows["value"].isna()].fillna({"note": "not run"}).drop_duplicates("init")
    looks = {str(init): look for init, look in LOOKS.items()}
    notes += [f"{looks[init][0]}: {why}." for init, why in zip(absent["init"], absent["note"], strict=True)]
    present = rows.dropna(subset=["value", "note"]).drop_duplicates(["test_set", "note"])
    for note in present["note"].drop_duplicates():
        of = present.loc[present["note"] == note, "test_set"].tolist()
        where = "All" if set(of) == set(rows["test_set"]) else f"{of[0].capitalize()} test set"
        notes.append(f"{where}: {note}.")
    return [line for note in notes for line in textwrap.wrap(note, 120)]


def plot_cohort_flow(flow: Path, svg: Path, png: Path) -> None:
    """Draw the flow of files from the hospital to the splits, with every reason for setting files aside."""
    chart = describe_flow(read_flow(flow))
    with mpl.rc_context(STYLE):
        _save(_draw_flow(chart), svg, png)


WIDTH, LINE, PAD, GAP, DIGIT = 7.4, 0.155, 0.09, 0.26, 0.075  # inches
MAIN_X, MAIN_WIDTH, SIDE_X, SIDE_WIDTH = 0.1, 2.9, 3.75, 3.55


def _draw_flow(chart: FlowChart) -> Figure:
    """Draw the chart on axes that are inches, from the top; boxes grow with their lines."""
    heights = [_height(2)] * len(chart.steps)
    gaps = [
        max(GAP, _height(len(step.set_aside)) + 0.16 if step.set_aside else 0) for step in chart.steps[1:]
    ]
    total = sum(heights) + sum(gaps) + 2 * GAP + _height(3) + LINE * (len(chart.footnote) + 1) + 0.2
    figure = Figure(figsize=(WIDTH, total))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(total, 0))
    axes.set_axis_off()
    top, centre = 0.1, MAIN_X + MAIN_WIDTH / 2
    for number, step in enumerate(chart.steps):
        if number:
            gap = gaps[number - 1]
            _arrow(axes, (centre, top), (centre, top + gap))
            if step.set_aside:
                _arrow(axes, (centre, top + gap / 2), (SIDE_X, top + gap / 2))
                _list_set_aside(axes, top + (gap - _height(len(step.set_aside))) / 2, step.set_aside)
            top += gap
        _box(axes, MAIN_X, top, MAIN_WIDTH, heights[number], (step.title, step.count))
        top += heights[number]
    top = _draw_splits(axes, chart.splits, centre, top)
    axes.text(
        MAIN_X, top + LINE, "\n".join(chart.footnote), va="top", size=7, color="#444444", linespacing=1.4
    )
    return figure


def _draw_splits(axes: Axes, splits: tuple[Split, ...], centre: float, top: float) -> float:
    """Draw the splits side by side below a branching line; return where they end."""
    width = (WIDTH - 2 * MAIN_X - 0.15 * (len(splits) - 1)) / max(len(splits), 1)
    lefts = [MAIN_X + number * (width + 0.15) for number in range(len(splits))]
    middles = [left + width / 2 for left in lefts]
    axes.plot([centre, centre], [top, top + GAP], color=INK, linewidth=0.8)
    axes.plot([min(middles), max(middles)], [top + GAP] * 2, color=INK, linewidth=0.8)
    for split, left, middle in zip(splits, lefts, middles, strict=True):
        _arrow(axes, (middle, top + GAP), (middle, top + 2 * GAP))
        _box(axes, left, top + 2 * GAP, width, _height(3), (split.title, split.studies, split.clips))
    return top + 2 * GAP + _height(3)


def _height(lines: int) -> float:
    return lines * LINE + 2 * PAD


def _box(axes: Axes, left: float, top: float, width: float, height: float, lines: tuple[str, ...]) -> None:
    """Draw a box of centred lines, the first of them bold."""
    _frame(axes, left, top, width, height, PALE)
    for number, line in enumerate(lines):
        y = top + PAD + (number + 0.5) * LINE
        axes.text(
            left + width / 2, y, line, ha="center", va="center_baseline", weight=_weight(number), color=INK
        )


def _list_set_aside(axes: Axes, top: float, reasons: tuple[tuple[str, str], ...]) -> None:
    """Draw the box of what was set aside: numbers aligned on their right, reasons on their left."""
    _frame(axes, SIDE_X, top, SIDE_WIDTH, _height(len(reasons)), QUIET)
    column = SIDE_X + PAD + DIGIT * max(len(number) for number, _ in reasons)
    for line, (number, reason) in enumerate(reasons):
        y = top + PAD + (line + 0.5) * LINE
        look: Any = {"va": "center_baseline", "weight": _weight(line), "color": INK, "size": 7.5}
        axes.text(column, y, number, ha="right", **look)
        axes.text(column + PAD, y, reason, ha="left", **look)


def _frame(axes: Axes, left: float, top: float, width: float, height: float, fill: str) -> None:
    axes.add_patch(Rectangle((left, top), width, height, facecolor=fill, edgecolor=INK, linewidth=0.8))


def _weight(line: int) -> str:
    return "normal" if line else "bold"


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
    )


def _save(figure: Figure, svg: Path, png: Path) -> None:
    """Publish a figure in both formats; without dates and program versions, equal figures are equal bytes."""
    with publish(svg) as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    with publish(png) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})
    log.info("wrote %s and %s", svg.name, png.name)
