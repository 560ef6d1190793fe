"""The cohort flow: a box per stage, what was set aside beside the arrows, the splits at the foot."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cineclr.reporting.figures.style import INK, MUTED, STYLE, save
from cineclr.reporting.flow_chart import FlowChart, Split, describe_flow, read_flow

WIDTH, LINE, PAD, GAP, DIGIT, LETTER = 7.4, 0.155, 0.09, 0.26, 0.075, 0.085  # inches
MAIN_X, MAIN_WIDTH, SIDE_X, SIDE_WIDTH = 0.1, 2.9, 3.75, 3.55
PALE, QUIET = "#EAF1F7", "#F5F5F5"


def plot_cohort_flow(flow: Path, min_cell: int, svg: Path, png: Path) -> None:
    """Draw the flow of files from the hospital to the splits, with every reason for setting files aside.

    Counts of fewer than `min_cell` studies are withheld.
    """
    chart = describe_flow(read_flow(flow), min_cell)
    with mpl.rc_context(STYLE):
        save(_draw_flow(chart), svg, png)


def _draw_flow(chart: FlowChart) -> Figure:
    """Draw the chart on axes that are inches, from the top; boxes grow with their lines."""
    heights = [_height(2)] * len(chart.steps)
    gaps = [
        max(GAP, _height(len(step.set_aside)) + 0.16 if step.set_aside else 0) for step in chart.steps[1:]
    ]
    total = (
        sum(heights)
        + sum(gaps)
        + 2 * GAP
        + _split_height(chart.splits)
        + LINE * (len(chart.footnote) + 1)
        + 0.2
    )
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
    axes.text(MAIN_X, top + LINE, "\n".join(chart.footnote), va="top", size=7, color=MUTED, linespacing=1.4)
    return figure


def _draw_splits(axes: Axes, splits: tuple[Split, ...], centre: float, top: float) -> float:
    """Draw the splits side by side below a branching line; return where they end."""
    width, titles = _split_width(splits), _wrap_titles(splits)
    lefts = [MAIN_X + number * (width + 0.15) for number in range(len(splits))]
    middles = [left + width / 2 for left in lefts]
    axes.plot([centre, centre], [top, top + GAP], color=INK, linewidth=0.8)
    axes.plot([min(middles), max(middles)], [top + GAP] * 2, color=INK, linewidth=0.8)
    height = _split_height(splits)
    for split, title, left, middle in zip(splits, titles, lefts, middles, strict=True):
        _arrow(axes, (middle, top + GAP), (middle, top + 2 * GAP))
        lines = (*title, split.studies, split.clips)
        _box(axes, left, top + 2 * GAP, width, height, lines, bold=len(title))
    return top + 2 * GAP + height


def _split_width(splits: tuple[Split, ...]) -> float:
    """Return the width of each box: as wide as a stage's at most, so that a single one lies below them."""
    return min(MAIN_WIDTH, (WIDTH - 2 * MAIN_X - 0.15 * (len(splits) - 1)) / max(len(splits), 1))


def _split_height(splits: tuple[Split, ...]) -> float:
    return _height(2 + max(map(len, _wrap_titles(splits)), default=1))


def _wrap_titles(splits: tuple[Split, ...]) -> list[list[str]]:
    """Return the titles as lines that fit their boxes, as many lines each."""
    wrapped = [textwrap.wrap(split.title, int(_split_width(splits) / LETTER)) for split in splits]
    most = max(map(len, wrapped), default=1)
    return [[*lines, *[""] * (most - len(lines))] for lines in wrapped]


def _height(lines: int) -> float:
    return lines * LINE + 2 * PAD


def _box(
    axes: Axes,
    left: float,
    top: float,
    width: float,
    height: float,
    lines: tuple[str, ...],
    bold: int = 1,
) -> None:
    """Draw a box of centred lines, the first `bold` of them bold."""
    _frame(axes, left, top, width, height, PALE)
    for number, line in enumerate(lines):
        y = top + PAD + (number + 0.5) * LINE
        axes.text(
            left + width / 2, y, line, ha="center", va="center_baseline", color=INK,
            weight=_weight(number >= bold),
        )  # fmt: skip


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


def _weight(plain: int | bool) -> str:
    return "normal" if plain else "bold"


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
    )
