"""What all figures share: fonts, colours, titles, notes, and files that are equal for equal data."""

import logging
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cineclr.publishing import publish

log = logging.getLogger(__name__)

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.constrained_layout.hspace": 0.05,
    "svg.hashsalt": "cineclr",
}
# Colours of Okabe and Ito, told apart with any colour vision; markers and dashes say the same without colour.
COLOURS = {
    "random": "#7F7F7F",
    "kinetics400": "#D55E00",
    "simclr": "#CC79A7",
    "mi_simclr": "#009E73",
    "echoclr": "#0072B2",
}
MARKERS = {"random": "s", "kinetics400": "^", "simclr": "D", "mi_simclr": "v", "echoclr": "o"}
DASHES: dict[str, Any] = {
    "random": (0, (1, 1)),
    "kinetics400": (0, (5, 1.5)),
    "simclr": (0, (4, 1, 1, 1)),
    "mi_simclr": "solid",
    "echoclr": "solid",
}
INK, MUTED, GRID = "#222222", "#444444", "#DDDDDD"
DASHED = (0, (4, 3))
DPI = 200
PANEL = 3.1  # inches; two panels and their labels fill a page's width


def add_title(figure: Figure, title: str) -> None:
    """Write the title of a figure at its upper left."""
    figure.suptitle(title, x=0.01, ha="left", size=10, weight="bold")


def add_letter(panel: Axes, letter: str) -> None:
    """Write a panel's letter outside its upper left corner."""
    panel.annotate(
        letter, (0, 1), (-6, 7), "axes fraction", "offset points", weight="bold", size=11, ha="right"
    )


def wrap_notes(notes: Sequence[str], width: int = 120) -> list[str]:
    """Return notes as lines of at most `width` characters."""
    return [line for note in notes for line in textwrap.wrap(note, width)]


def add_notes(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines below all panels."""
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", size=6.5, color=MUTED)


def draw_notes(title: str, notes: Sequence[str]) -> Figure:
    """Return a figure of a title and notes alone, for where no value may be shown."""
    lines = wrap_notes(notes)
    figure = Figure(figsize=(2 * PANEL, 0.6 + 0.13 * len(lines)), layout="constrained")
    add_title(figure, title)
    add_notes(figure, lines)
    return figure


def save(figure: Figure, svg: Path, png: Path) -> None:
    """Publish a figure in both formats; without dates and program versions, equal figures are equal bytes."""
    with publish(svg) as temporary:
        figure.savefig(temporary, metadata={"Date": None, "Creator": None})
    with publish(png) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})
    log.info("wrote %s and %s", svg.name, png.name)
