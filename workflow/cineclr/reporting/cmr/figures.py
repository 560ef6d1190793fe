"""Figures of the second paper: agreement of LVEF, LVEF over the share of labels, forests of diagnoses."""

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from cineclr.config.cmr import LVEF
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.cmr.lvef import TRAIN_MEAN
from cineclr.reporting.cmr.predictions import MODES, Cell, Predictions, of_task, read_predictions
from cineclr.reporting.figures import style
from cineclr.reporting.figures.bland_altman import draw_agreement, draw_differences, format_number
from cineclr.reporting.figures.efficiency import label_sizes
from cineclr.reporting.figures.forest import ROW, Look, draw_panel
from cineclr.reporting.names import CMR_INIT_NAMES, MODE_NAMES, name_diagnosis
from cineclr.stats.bland_altman import BlandAltman
from cineclr.stats.proportion import UNKNOWN, Estimate

LOOKS = {
    "contrastive": Look(CMR_INIT_NAMES["contrastive"], style.COLOURS["echoclr"], "o"),
    "published": Look(CMR_INIT_NAMES["published"], style.COLOURS["mi_simclr"], "v"),
    "kinetics400": Look(CMR_INIT_NAMES["kinetics400"], style.COLOURS["kinetics400"], "s"),
    "random": Look(CMR_INIT_NAMES["random"], style.COLOURS["random"], "D"),
}
ANY = Look("", style.INK, "")  # a line of no init
ESTIMATE = ["value", "ci_low", "ci_high"]
WITHHELD = "withheld: too few studies to be shown"
# How the remark of `reporting.tables.note_few` begins: one per count, where a figure has room for one.
FEW = "only "
# Points of a factor beside each other on the logarithmic axis, so that intervals do not cover one another.
DODGE = 1.035


def plot_lvef(predictions: list[Path], table: Path, cohort: str, svg: Path, png: Path) -> None:
    """Draw predicted - true LVEF over their mean, a panel per mode and init, at the largest ratio given.

    Bias, limits of agreement and their intervals are those of `table`, the table of LVEF; a model without
    them there, since they were withheld, is not drawn. A cohort without LVEF is a figure that says so.

    Args:
        predictions: files `lvef/<init>/<mode>/<ratio>.csv`.
        table: as tabulate-cmr writes it.
        cohort: the test set.
        svg: the figure as SVG.
        png: the figure as PNG.

    Raises:
        InputError: no such table; what `read_predictions` refuses.
    """
    models = of_task(read_predictions(predictions), LVEF)
    rows = _read_table(table)
    rows = rows[rows["test_set"] == cohort]
    largest = max((cell.ratio for cell in models), default=0.0)
    chosen = {cell: frame for cell, frame in models.items() if cell.ratio == largest}
    with mpl.rc_context(style.STYLE):
        style.save(draw_lvef(chosen, rows, cohort), svg, png)


def draw_lvef(models: Predictions, rows: pd.DataFrame, cohort: str) -> Figure:
    """Return the figure of one test set's models; `rows` are those of the table of LVEF."""
    agreements = {cell: found for cell in models if (found := _find_agreement(rows, cell)) is not None}
    title = f"LV ejection fraction, {cohort}"
    if not agreements:
        return style.draw_notes(title, [WITHHELD if len(rows) else "no study of this cohort has an LVEF"])
    modes = [mode for mode in MODES if any(cell.mode == mode for cell in agreements)]
    inits = [init for init in LOOKS if any(cell.init == init for cell in agreements)]
    figure = Figure(figsize=(max(0.4 + 2.5 * len(inits), 5.0), 0.7 + 2.6 * len(modes)), layout="constrained")
    panels = figure.subplots(len(modes), len(inits), squeeze=False, sharex=True, sharey=True)
    for cell, agreement in agreements.items():
        row, column = modes.index(cell.mode), inits.index(cell.init)
        panel, frame = panels[row, column], models[cell]
        frame = frame[frame["group"] == cohort]
        look = LOOKS[cell.init]
        draw_differences(panel, frame["labels"], frame["value"], look.colour)
        draw_agreement(panel, agreement, style.INK)
        panel.set_title(f"{look.name}, {MODE_NAMES[cell.mode].lower()}", loc="left", pad=15)
        panel.annotate(_in_words(agreement), (0, 1), (0, 5), "axes fraction", "offset points", size=6.5)
    _label_edges(panels, "Mean of predicted and true LVEF (%)", "Predicted − true LVEF (%)")
    studies = int(rows["n"].dropna().iloc[0])
    style.add_title(figure, f"{title} ({studies:,} studies)")
    level = 100 * rows["confidence"].dropna().iloc[0]
    style.add_notes(figure, [f"Bands: {level:g}% bootstrap confidence intervals. Limits: bias ± 1.96 SD."])
    return figure


def _in_words(agreement: BlandAltman) -> str:
    bias, low, high = map(format_number, agreement.bias)
    limits = [format_number(limit.value) for limit in (agreement.limit_low, agreement.limit_high)]
    return f"Bias {bias} ({low} to {high}), limits {limits[0]} to {limits[1]}"


def _label_edges(panels: np.ndarray, x: str, y: str) -> None:
    for panel in panels[-1]:
        panel.set_xlabel(x)
    for panel in panels[:, 0]:
        panel.set_ylabel(y)


def _find_agreement(rows: pd.DataFrame, cell: Cell) -> BlandAltman | None:
    """Return bias and limits of a model; None where the table does not show them."""
    own = rows[rows["init"].eq(cell.init) & rows["mode"].eq(cell.mode) & rows["ratio"].eq(cell.ratio)]
    found = {row["metric"]: Estimate(*(row[name] for name in ESTIMATE)) for row in own.to_dict("records")}
    lines = [found.get(name, UNKNOWN) for name in ("bias", "limit_low", "limit_high")]
    return None if any(math.isnan(line.value) for line in lines) else BlandAltman(*lines)


def plot_lvef_ratios(table: Path, svg: Path, png: Path) -> None:
    """Draw error and AUROC of LVEF over the number of training studies, a row of panels per test set.

    `table` is the table of LVEF; the dashed lines are a predictor that knows no video: the mean of the
    training labels, and chance. What the table withholds is not drawn; notes say why.

    Raises:
        InputError: no such table, or no row in it.
    """
    rows = _read_table(table)
    with mpl.rc_context(style.STYLE):
        style.save(draw_lvef_ratios(rows), svg, png)


def draw_lvef_ratios(rows: pd.DataFrame) -> Figure:
    """Return the figure of the table of LVEF."""
    (auroc,) = rows.loc[rows["metric"].str.startswith("auroc_le_"), "metric"].unique()
    shown = rows[rows["metric"].isin(["mae", auroc])].dropna(subset="value")
    sets = list(dict.fromkeys(shown["test_set"]))
    title = "LV ejection fraction over the share of labels"
    notes = [*_list_notes(rows), "Without video: the mean of the training labels (error), chance (AUROC)."]
    if not sets:
        return style.draw_notes(title, notes)
    lines = style.wrap_notes(notes)
    figure = Figure(figsize=(7.2, 0.85 + 2.5 * len(sets) + 0.13 * len(lines)), layout="constrained")
    panels = figure.subplots(len(sets), 2, squeeze=False, sharex=True)
    names = ["Mean absolute error (% LVEF)", f"AUROC, LVEF ≤ {auroc.rsplit('_', 1)[1]}%"]
    for row, test_set in enumerate(sets):
        for column, metric in enumerate(["mae", auroc]):
            panel = panels[row, column]
            _draw_metric(panel, shown[shown["test_set"].eq(test_set) & shown["metric"].eq(metric)], metric)
            panel.set_ylabel(names[column])
        studies = int(rows.loc[rows["test_set"] == test_set, "n"].dropna().iloc[0])
        panels[row, 0].set_title(f"{test_set}, {studies:,} studies", loc="left")
    for panel in panels[:-1].flat:
        panel.set_xlabel("")
    style.add_title(figure, title)
    figure.legend(handles=_list_handles(shown), loc="outside right upper", frameon=False, handlelength=2.8)
    style.add_notes(figure, lines)
    return figure


def _draw_metric(panel: Axes, rows: pd.DataFrame, metric: str) -> None:
    """Draw one metric on one test set: a line per init and mode with its intervals."""
    models = rows[rows["init"] != TRAIN_MEAN]
    drawn = [
        (init, mode, own.sort_values("n_train"))
        for init in LOOKS
        for mode in MODES
        if len(own := models[models["init"].eq(init) & models["mode"].eq(mode)])
    ]
    for number, (init, mode, own) in enumerate(drawn):
        x = own["n_train"] * DODGE ** (number - (len(drawn) - 1) / 2)
        panel.vlines(x, own["ci_low"], own["ci_high"], color=LOOKS[init].colour, linewidth=0.9, alpha=0.6)
        panel.plot(x, own["value"], zorder=3, **_look_of(LOOKS[init], mode))
    if len(models):
        label_sizes(panel, models)
    naive = rows.loc[rows["init"] == TRAIN_MEAN, "value"].tolist() if metric == "mae" else [0.5]
    for value in naive:
        panel.axhline(value, color=style.INK, linewidth=0.8, linestyle=style.DASHED, zorder=1)
    panel.set_ylim(*((0, None) if metric == "mae" else (None, 1.0)))
    panel.grid(axis="y", color=style.GRID, linewidth=0.5)
    panel.set_axisbelow(True)


def _look_of(look: Look, mode: str) -> dict[str, Any]:
    """Return how a model's line looks: its init by colour and marker, its mode by fill and dashes."""
    whole = mode == "transfer_learning"
    return {
        **{"color": look.colour, "marker": look.marker, "markersize": 4.5, "linewidth": 1.4},
        **{"markerfacecolor": look.colour if whole else "white", "markeredgewidth": 1.0},
        "linestyle": "solid" if whole else (0, (2.5, 1.2)),
    }


def _list_handles(rows: pd.DataFrame) -> list[Line2D]:
    """Return the legend: what colour and marker, and what fill and dashes, say."""
    inits = [
        Line2D([], [], **_look_of(look, "transfer_learning"), label=look.name)
        for init, look in LOOKS.items()
        if init in set(rows["init"])
    ]
    modes = [
        Line2D([], [], **_look_of(ANY, mode), label=MODE_NAMES[mode])
        for mode in MODES
        if mode in set(rows["mode"])
    ]
    naive: dict[str, Any] = {"color": style.INK, "linewidth": 0.8, "linestyle": style.DASHED}
    return [*inits, *modes, Line2D([], [], **naive, label="Without video")]


def plot_diagnoses(table: Path, svg: Path, png: Path) -> None:
    """Draw the AUROCs of all diagnoses as forest plots, at the largest ratio of each mode.

    A row of panels per mode, a column per test set, in each the best diagnosis of the contrastive encoder (on
    the first test set that shows it) on top; p compares it with the baseline (paired DeLong, not adjusted).
    What the table withholds is not drawn.

    Raises:
        InputError: no such table, or no row in it.
    """
    rows = _read_table(table)
    largest = rows.groupby("mode")["ratio"].transform("max")
    with mpl.rc_context(style.STYLE):
        style.save(draw_diagnoses(rows[rows["ratio"] == largest]), svg, png)


def draw_diagnoses(rows: pd.DataFrame) -> Figure:
    """Return the figure of the table of diagnoses at one ratio."""
    shown = rows.dropna(subset="value")
    title, notes = "Diagnoses from cine MRI", [*_list_notes(rows), *_explain_p(rows)]
    if shown.empty:
        return style.draw_notes(title, notes)
    inits = [init for init in LOOKS if init in set(shown["init"])]
    modes = [mode for mode in MODES if mode in set(shown["mode"])]
    sets = list(dict.fromkeys(rows["test_set"]))
    tables = {mode: _order(shown[shown["mode"] == mode], inits) for mode in modes}
    heights = [0.55 + _row_height(inits) * len(order) for order in tables.values()]
    lines = style.wrap_notes(notes)
    size = (2.6 + 3.0 * max(len(sets), 1.3), 0.9 + sum(heights) + 0.13 * len(lines))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.06))
    panels = figure.subplots(len(modes), len(sets), squeeze=False, sharex=True, height_ratios=heights)
    lefts = []
    for row, (mode, order) in enumerate(tables.items()):
        for column, test_set in enumerate(sets):
            panel = panels[row, column]
            own = rows[rows["mode"].eq(mode) & rows["test_set"].eq(test_set)]
            draw_panel(panel, _widen(own, order, inits), {init: LOOKS[init] for init in inits})
            lefts.append(panel.get_xlim()[0])
            panel.xaxis.set_major_locator(MultipleLocator(0.1))
            panel.set_title(f"{test_set}, {MODE_NAMES[mode].lower()}", loc="left", pad=16)
            if column:
                panel.set_yticklabels([])
            if row < len(modes) - 1:
                panel.set_xlabel("")
    panels[0, 0].set_xlim(left=min(lefts))  # all share it, and each set its own
    style.add_title(figure, title)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)
    style.add_notes(figure, lines)
    return figure


def _explain_p(rows: pd.DataFrame) -> list[str]:
    """Return what the p-values compare, where there are any."""
    tested = rows.dropna(subset="p_value")
    tested = tested[tested["init"] == next(iter(LOOKS))]
    if tested.empty:
        return []
    names = [_name(name) for name in (tested["init"].iloc[0], tested["baseline"].iloc[0])]
    return [f"p: {names[0]} against {names[1]}, paired DeLong test, not adjusted; the table adjusts it."]


def _row_height(inits: list[str]) -> float:
    return ROW * max(1.0, len(inits) / 2)


def _order(rows: pd.DataFrame, inits: list[str]) -> list[str]:
    """Return the diagnoses with a value, the best of the first init on the first test set on top."""
    first = rows[rows["init"] == inits[0]].drop_duplicates("task").set_index("task")["value"]
    return sorted(rows["task"].unique(), key=lambda task: -first.get(task, 0.0))


def _widen(rows: pd.DataFrame, order: list[str], inits: list[str]) -> pd.DataFrame:
    """Return a row per diagnosis with the AUROCs of all inits, as `draw_panel` takes it."""
    wide = pd.DataFrame({"target": [name_diagnosis(task) for task in order]}, index=order)
    counts = rows.dropna(subset="n_positive").drop_duplicates("task").set_index("task")["n_positive"]
    wide["n_positive"] = [f"{counts[task]:.0f}" if task in counts else None for task in order]
    for init in inits:
        own = rows[rows["init"] == init].set_index("task").reindex(order)
        for ours, theirs in (("auc", "value"), ("ci_low", "ci_low"), ("ci_high", "ci_high")):
            wide[f"{ours}_{init}"] = own[theirs]
        if init == inits[0]:
            wide["p_value"] = own["p_value"]
    return wide.reset_index(drop=True)


def _read_table(table: Path) -> pd.DataFrame:
    require_file(table, "table", "Run tabulate-cmr first.")
    rows = pd.read_csv(table, dtype={"note": str, "mode": str, "init": str})
    if rows.empty:
        raise InputError(f"table {table.name}: 0 rows; nothing to draw")
    return rows.fillna({"note": "", "mode": ""})


def _list_notes(rows: pd.DataFrame) -> list[str]:
    """Return the notes below the panels: what was not run, what is withheld, what the table says."""
    level = f"{100 * rows['confidence'].dropna().iloc[0]:g}%"
    notes = [f"Bars: {level} confidence intervals."]
    known = set(rows.dropna(subset="value")["init"])
    absent = rows[~rows["init"].isin(known)].drop_duplicates("init")
    notes += [f"{_name(init)}: {note}." for init, note in zip(absent["init"], absent["note"], strict=True)]
    rest = rows[rows["init"].isin(known)]
    said = dict.fromkeys(part for text in rest["note"] for part in text.split("; ") if part)
    if any(note.startswith(FEW) for note in said):
        notes.append("Intervals of few studies of a class are unreliable; the table says which.")
    for note in [note for note in said if not note.startswith(FEW)]:
        having = rest["note"].str.contains(note, regex=False)
        sets = list(dict.fromkeys(rest.loc[having, "test_set"]))
        everywhere = having[rest["init"] != TRAIN_MEAN].all()
        notes.append(f"{note[0].upper()}{note[1:]}{'' if everywhere else ' (' + ', '.join(sets) + ')'}.")
    return notes


def _name(init: str) -> str:
    return LOOKS[init].name if init in LOOKS else init
