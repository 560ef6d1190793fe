"""Bland-Altman plot: how far predicted measurements lie from the true ones."""

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cineclr.errors import InputError
from cineclr.reporting.figures import style
from cineclr.reporting.predictions_table import Duplicates, read_predictions_table, select_model
from cineclr.reporting.regression import UNNAMED
from cineclr.stats.bland_altman import BlandAltman, bland_altman
from cineclr.stats.proportion import Estimate

COLOUR, BAND = style.COLOURS["echoclr"], style.COLOURS["kinetics400"]


def plot_bland_altman(
    predictions: Path,
    model: str,
    svg: Path,
    png: Path,
    quantity: str = "value",
    confidence: float = 0.95,
    duplicates: Duplicates = "error",
) -> None:
    """Draw predicted - true against their mean, with bias and limits of agreement, a panel per cohort.

    `predictions` is a long table (CSV, CSV.gz or Parquet) with columns model, study, labels (true values),
    preds and, optionally, cohort and row. Bands are intervals of the bias and of either limit.

    Args:
        predictions: the table.
        model: whose predictions are drawn.
        svg: the figure as SVG.
        png: the figure as PNG.
        quantity: what was measured and its unit, for the axes, such as "LVEF (%)".
        confidence: level of the intervals.
        duplicates: studies that the model has several times: refuse, keep the first row, or average.

    Raises:
        InputError: what `read_predictions_table` refuses; a model that is not there; studies repeated; a
            confidence out of range.
    """
    if not 0 < confidence < 1:
        raise InputError(f"--confidence is {confidence:g}; it must lie between 0 and 1, such as 0.95")
    frame = read_predictions_table(predictions, "preds", "cohort", default_group=UNNAMED)
    cohorts = frame.loc[frame["model"] == model, "group"].unique()
    if not len(cohorts):
        known = ", ".join(sorted(frame["model"].unique()))
        raise InputError(f"predictions {predictions.name}: no model {model}; known are {known}")
    rows = {cohort: select_model(frame, cohort, model, duplicates) for cohort in cohorts}
    with mpl.rc_context(style.STYLE):
        style.save(draw_bland_altman(rows, quantity, confidence), svg, png)


def draw_bland_altman(rows: dict[str, pd.DataFrame], quantity: str, confidence: float) -> Figure:
    """Return the figure; `rows` is cohort -> frame with columns labels and value, a row per study."""
    figure = Figure(figsize=(5.2, 0.4 + 3.3 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for panel, (cohort, frame) in zip(panels, rows.items(), strict=True):
        true, predicted = frame["labels"], frame["value"]
        draw_differences(panel, true, predicted)
        agreement = bland_altman(true, predicted, confidence)
        draw_agreement(panel, agreement)
        _write_agreement(panel, agreement)
        panel.set_ylabel(f"Predicted − true {quantity}")
        title = f"{len(frame):,} studies" if cohort == UNNAMED else f"{cohort}, {len(frame):,} studies"
        panel.set_title(title, loc="left")
    panels[-1].set_xlabel(f"Mean of predicted and true {quantity}")
    style.add_notes(figure, [f"Bands: {100 * confidence:g}% confidence intervals. Limits: bias ± 1.96 SD."])
    return figure


def draw_differences(
    panel: Axes, true: npt.ArrayLike, predicted: npt.ArrayLike, colour: str = COLOUR
) -> None:
    """Draw predicted - true over their mean, a point per study; (n,) each."""
    one, other = np.asarray(true), np.asarray(predicted)
    panel.plot(
        (one + other) / 2, other - one, "o", color=colour, alpha=0.4, markersize=3, markeredgewidth=0
    )  # fmt: skip


def draw_agreement(panel: Axes, agreement: BlandAltman, colour: str = BAND) -> None:
    """Draw bias and limits of agreement as lines, their intervals as bands."""
    panel.axhline(0, color=style.INK, linewidth=0.6)
    for name, estimate in _list_lines(agreement):
        dashes = "solid" if name == "Bias" else style.DASHED
        panel.axhspan(estimate.ci_low, estimate.ci_high, color=colour, alpha=0.25, linewidth=0, zorder=2)
        panel.axhline(estimate.value, color=colour, linewidth=1.2, linestyle=dashes, zorder=3)


def _write_agreement(panel: Axes, agreement: BlandAltman) -> None:
    """Write bias and limits of agreement beside their lines."""
    for name, estimate in _list_lines(agreement):
        panel.text(
            1.02, estimate.value, f"{name} {_in_words(estimate)}", va="center", size=7.5, linespacing=1.3,
            transform=panel.get_yaxis_transform(),
        )  # fmt: skip


def _list_lines(agreement: BlandAltman) -> list[tuple[str, Estimate]]:
    """Return the lines that exist, by name; one study has no limits."""
    lines = [
        ("Upper limit", agreement.limit_high),
        ("Bias", agreement.bias),
        ("Lower limit", agreement.limit_low),
    ]
    return [(name, estimate) for name, estimate in lines if not math.isnan(estimate.value)]


def _in_words(estimate: Estimate) -> str:
    value, low, high = map(format_number, estimate)
    return value if math.isnan(estimate.ci_low) else f"{value}\n({low} to {high})"


def format_number(number: float) -> str:
    """Return a measurement with one decimal and a true minus."""
    return f"{number:.1f}".replace("-", "−")
