"""AUROC or AUPR against the number of training studies: label efficiency and ablation."""

from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from cineclr.config.echo import Init, Task
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.figures import style
from cineclr.reporting.names import INIT_NAMES, METRIC_NAMES, SPLIT_NAMES, TASK_NAMES, TEST_SETS
from cineclr.stats.bootstrap import Metric

Kind = Literal["label_efficiency", "ablation"]

# Figs 2 and S1, and Figs 3 and S2, of the paper.
INITS_OF_KIND: dict[Kind, tuple[Init, ...]] = {
    "label_efficiency": ("random", "kinetics400", "echoclr"),
    "ablation": ("simclr", "mi_simclr", "echoclr"),
}


def plot_results(table: Path, kind: Kind, metric: Metric, task: Task, svg: Path, png: Path) -> None:
    """Draw AUROC or AUPR against the number of training studies, a panel per test set (Figs 2, 3, S1, S2).

    `table` is Table S2 or S3. Bands are the confidence intervals of the table; the dashed line is what a
    model without information reaches: 0.5, or the prevalence. Inits without values are named below; without
    any value, since all were withheld, the figure is these notes alone.

    Raises:
        InputError: no such table, or no row in it of what is to be drawn.
    """
    require_file(table, "results table", "Run tabulate-results first.")
    rows = pd.read_csv(table)
    rows = rows[rows["metric"].eq(metric) & rows["init"].isin(INITS_OF_KIND[kind])]
    if rows.empty:
        raise InputError(
            f"results table {table.name}: no {metric} of any of {', '.join(INITS_OF_KIND[kind])}"
        )
    with mpl.rc_context(style.STYLE):
        style.save(draw_results(rows, kind, metric, task), svg, png)


def draw_results(rows: pd.DataFrame, kind: Kind, metric: Metric, task: Task) -> Figure:
    """Return the figure of one metric's rows of a results table; rows without a value are named below it."""
    drawn = rows.dropna(subset="value")
    sets = [name for name in TEST_SETS if name in set(drawn["test_set"])]
    if not sets:
        return style.draw_notes(TASK_NAMES[task].capitalize(), _notes(rows)[1:])
    single = len(sets) == 1  # title and legend do not fit above one panel: the legend goes beside it
    width = 5.6 if single else 7.2
    notes = style.wrap_notes(_notes(rows), round(16.6 * width))
    figure = Figure(figsize=(width, 3.5 + 0.13 * len(notes)), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for letter, panel, name in zip("AB", panels, sets, strict=False):
        _draw_panel(panel, drawn[drawn["test_set"] == name], kind, metric)
        sizes = drawn.loc[drawn["test_set"] == name, ["n_test", "n_test_positive"]]
        studies, positive = sizes.iloc[0].astype(int)
        panel.set_title(f"{SPLIT_NAMES[name]} set ({studies:,} studies, {positive:,} positive)", loc="left")
        style.add_letter(panel, letter)
    panels[0].set_ylabel(METRIC_NAMES[metric])
    style.add_title(figure, TASK_NAMES[task].capitalize())
    handles, labels = panels[0].get_legend_handles_labels()
    place: Literal["outside right upper", "outside upper right"]
    place, columns = ("outside right upper", 1) if single else ("outside upper right", len(labels))
    figure.legend(handles, labels, loc=place, ncols=columns, frameon=False)
    style.add_notes(figure, notes)
    return figure


def _draw_panel(panel: Axes, rows: pd.DataFrame, kind: Kind, metric: Metric) -> None:
    chance = 0.5 if metric == "auroc" else float((rows["n_test_positive"] / rows["n_test"]).iloc[0])
    for init in INITS_OF_KIND[kind]:
        curve = rows[rows["init"] == init].sort_values("n_train")
        if curve.empty:
            continue
        panel.fill_between(
            curve["n_train"],
            curve["ci_low"],
            curve["ci_high"],
            color=style.COLOURS[init],
            alpha=0.16,
            linewidth=0,
        )
        panel.plot(
            curve["n_train"], curve["value"], color=style.COLOURS[init], marker=style.MARKERS[init],
            markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, linewidth=1.6,
            label=INIT_NAMES[init], zorder=3,
        )  # fmt: skip
    label_sizes(panel, rows)
    panel.set_ylim(min(0.4, rows["ci_low"].min() - 0.02) if metric == "auroc" else 0, 1.0)
    panel.grid(axis="y", color=style.GRID, linewidth=0.5)
    panel.set_axisbelow(True)
    label = "Chance" if metric == "auroc" else "Prevalence"
    panel.axhline(chance, color=style.INK, linewidth=0.8, linestyle=style.DASHED, zorder=1, label=label)


def label_sizes(panel: Axes, rows: pd.DataFrame) -> None:
    """Make the x-axis one of training studies, with a tick per ratio; `rows` has ratio and n_train."""
    sizes = rows.drop_duplicates("ratio").sort_values("ratio")
    panel.set_xscale("log")
    panel.margins(x=0.06)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xticks(
        sizes["n_train"],
        [f"{n:,}\n{100 * ratio:g}%" for n, ratio in zip(sizes["n_train"], sizes["ratio"], strict=True)],
    )
    panel.set_xlabel("Training studies (share of those with a label)")


def _notes(rows: pd.DataFrame) -> list[str]:
    """Return the notes below the panels: what the bands are, what was not run, notes of the table."""
    notes = ["Bands: percentile bootstrap confidence intervals."]
    without = rows[rows["value"].isna()].fillna({"note": "not run"})
    elsewhere = without["init"].isin(rows.dropna(subset="value")["init"])
    absent = without[~elsewhere].drop_duplicates("init")
    notes += [f"{INIT_NAMES[init]}: {why}." for init, why in zip(absent["init"], absent["note"], strict=True)]
    # An init that has values on the other test set was run: it is the test set that is withheld.
    small = without[elsewhere].drop_duplicates(["test_set", "note"])
    notes += [
        f"{SPLIT_NAMES[name]} set: {why}." for name, why in zip(small["test_set"], small["note"], strict=True)
    ]
    present = rows.dropna(subset=["value", "note"]).drop_duplicates(["test_set", "note"])
    for note in present["note"].drop_duplicates():
        of = present.loc[present["note"] == note, "test_set"].tolist()
        where = "All" if set(of) == set(rows["test_set"]) else f"{SPLIT_NAMES[of[0]]} set"
        notes.append(f"{where}: {note}.")
    return notes
