"""ROC and precision-recall curves of the inits at one ratio, with pointwise bands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cineclr.config.echo import Evaluation, Task
from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.reporting.evaluate import REFERENCE
from cineclr.reporting.figures import style
from cineclr.reporting.names import INIT_NAMES, METRIC_NAMES, SPLIT_NAMES, TASK_NAMES
from cineclr.reporting.predictions import find_patients, join_test_sets, read_models, read_patients
from cineclr.seeds import derive_seed
from cineclr.stats.bootstrap import Metric
from cineclr.stats.checks import TestSet
from cineclr.stats.curves import Bands, bands, pr_curve, roc_curve
from cineclr.stats.proportion import Estimate

# Enough for a band's edge, which is drawn and not read off; intervals of areas come from the table.
RESAMPLES = 1000
AXES: dict[Metric, tuple[str, str]] = {
    "auroc": ("False positive rate (1 − specificity)", "True positive rate (sensitivity)"),
    "aupr": ("Recall (sensitivity)", "Precision (positive predictive value)"),
}

Areas = dict[tuple[str, Metric], Estimate]


@dataclass(frozen=True)
class Curves:
    """One test set, as it is drawn.

    Attributes:
        inits: of the m models of `joined`, (m,).
        joined: labels and probabilities.
        bands: around the curves.
        areas: by init and metric, with their intervals.
    """

    inits: list[str]
    joined: TestSet
    bands: Bands
    areas: Areas


def plot_curves(
    task: Task,
    predictions: list[Path],
    evaluation: Path,
    splits: Path,
    ratio: float,
    settings: Evaluation,
    seed: int,
    svg: Path,
    png: Path,
) -> None:
    """Draw the ROC and precision-recall curves of every init at one ratio, a column per test set.

    Areas and their intervals in the legends are those of `evaluation`, the table of evaluate-echo. Bands are
    pointwise percentiles over bootstrap resamples of what `settings.resample` says; `splits` tells whose each
    study is. A step of a curve is one study, so a test set with fewer than `settings.min_cell` studies of
    either class is not drawn.

    Raises:
        InputError: no predictions of this ratio; what `join_test_sets` refuses; a model without its row in
            `evaluation`.
    """
    models = {key: frame for key, frame in read_models(predictions).items() if key[1] == ratio}
    if not models:
        raise InputError(f"predictions of {task}: none of ratio {ratio:g}; run predict-echo for it first")
    inits = [init for init, _ in models]
    patients = read_patients(splits) if settings.resample == "patient" else None
    drawn, notes = {}, []
    for name, joined in join_test_sets(task, models).items():
        if min(joined.labels.sum(), (1 - joined.labels).sum()) < settings.min_cell:
            few = f"fewer than {settings.min_cell} studies of a class"
            notes.append(f"{SPLIT_NAMES[name]} set not drawn: {few}.")
            continue
        around = bands(
            joined.labels,
            joined.probabilities,
            RESAMPLES,
            derive_seed(seed, "plot_curves", task, name),
            confidence=settings.confidence,
            clusters=None if patients is None else find_patients(joined.studies, patients),
        )
        drawn[name] = Curves(inits, joined, around, read_areas(evaluation, inits, ratio, name))
    with mpl.rc_context(style.STYLE):
        style.save(draw_curves(drawn, task, ratio, settings.confidence, notes), svg, png)


def read_areas(evaluation: Path, inits: list[str], ratio: float, test_set: str) -> Areas:
    """Return AUROC and AUPR of each init at a ratio in a test set, by init and metric."""
    require_file(evaluation, "evaluation", "Run evaluate-echo first.")
    table = pd.read_csv(evaluation)
    rows = table[table["ratio"].eq(ratio) & table["test_set"].eq(test_set)]
    columns = [rows[name] for name in ("init", "metric", "value", "ci_low", "ci_high")]
    found = {(init, metric): Estimate(*numbers) for init, metric, *numbers in zip(*columns, strict=True)}
    if absent := [init for init in inits for metric in AXES if (init, metric) not in found]:
        raise InputError(
            f"evaluation {evaluation.name}: no row of {absent[0]} at {ratio:g} on the {test_set} test set; "
            "run evaluate-echo on these predictions"
        )
    return found


def draw_curves(
    drawn: dict[str, Curves], task: Task, ratio: float, confidence: float, notes: Sequence[str] = ()
) -> Figure:
    """Return the figure: ROC curves above, precision-recall curves below, a column per test set.

    `notes` go below it, such as which test sets may not be drawn; without any other they are all there is.
    """
    share = "all" if ratio == 1 else f"{100 * ratio:g}% of"
    title = f"{TASK_NAMES[task].capitalize()}, {share} labels"
    if not drawn:
        return style.draw_notes(title, notes)
    level = f"{100 * confidence:g}%"
    inits = next(iter(drawn.values())).inits
    lines = style.wrap_notes([*_explain(inits, level), *notes], 65 * len(drawn))
    height = 2 * (style.PANEL + 0.55 + 0.14 * len(inits)) + 0.13 * len(lines)
    figure = Figure(figsize=(0.9 + style.PANEL * len(drawn), height), layout="constrained")
    panels = figure.subplots(2, len(drawn), squeeze=False)
    letters = iter("ABCD")
    for row, metric in zip(panels, AXES, strict=True):
        for panel, (name, curves) in zip(row, drawn.items(), strict=True):
            _draw_panel(panel, curves, metric, level)
            style.add_letter(panel, next(letters))
            labels = curves.joined.labels
            counts = f"({len(labels):,} studies, {labels.sum():,} positive)"
            panel.set_title(f"{SPLIT_NAMES[name]} set {counts}", loc="left")
    style.add_title(figure, title)
    style.add_notes(figure, lines)
    return figure


def _explain(inits: list[str], level: str) -> list[str]:
    whose = f"{INIT_NAMES[REFERENCE]} and the best other model" if REFERENCE in inits else "the best model"
    return [
        f"Bands: pointwise {level} bootstrap intervals of {whose}.",
        "Dashed: a model without information (the diagonal; the prevalence).",
    ]


def _draw_panel(panel: Axes, curves: Curves, metric: Metric, level: str) -> None:
    x_label, y_label = AXES[metric]
    panel.set(xlabel=x_label, ylabel=y_label, xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    panel.grid(color=style.GRID, linewidth=0.5)
    panel.set_axisbelow(True)
    labels = curves.joined.labels
    if metric == "auroc":
        panel.plot([0, 1], [0, 1], color=style.INK, linewidth=0.8, linestyle=style.DASHED, zorder=1)
    else:
        panel.axhline(labels.mean(), color=style.INK, linewidth=0.8, linestyle=style.DASHED, zorder=1)
    banded = find_banded(curves, metric)
    for model, init in enumerate(curves.inits):
        if init in banded:
            _draw_band(panel, curves.bands, model, init, metric)
        _draw_line(panel, curves, model, metric)
    panel.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False, fontsize=7.5,
        title=f"{METRIC_NAMES[metric]} ({level} CI)", title_fontsize=7.5, labelspacing=0.25,
    )  # fmt: skip


def find_banded(curves: Curves, metric: Metric) -> set[str]:
    """Return the inits with a band, the reference and the best other one: more bands hide each other."""
    others = [init for init in curves.inits if init != REFERENCE]
    best = sorted(others, key=lambda init: -curves.areas[init, metric].value)
    return {*best[:1], REFERENCE}


def _draw_band(panel: Axes, band: Bands, model: int, init: str, metric: Metric) -> None:
    low, high = (band.roc_low, band.roc_high) if metric == "auroc" else (band.pr_low, band.pr_high)
    panel.fill_between(band.grid, low[model], high[model], color=style.COLOURS[init], alpha=0.18, linewidth=0)


def _draw_line(panel: Axes, curves: Curves, model: int, metric: Metric) -> None:
    labels, init = curves.joined.labels, curves.inits[model]
    value, low, high = curves.areas[init, metric]
    look: Any = {
        "color": style.COLOURS[init],
        "linestyle": style.DASHES[init],
        "linewidth": 1.8 if init == REFERENCE else 1.3,
        "label": f"{INIT_NAMES[init]}  {value:.3f} ({low:.3f}–{high:.3f})",
    }
    if metric == "auroc":
        panel.plot(*roc_curve(labels, curves.joined.probabilities[model]), **look)
    else:
        recall, precision = pr_curve(labels, curves.joined.probabilities[model])
        panel.step(np.append(0, recall), np.append(precision[0], precision), where="pre", **look)
