"""Which view each MRI series shows: by its name, by its geometry, or as the user's sheet says."""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.config.cmr import VIEWS, SeriesViews, View
from cineclr.errors import InputError
from cineclr.files import read_fact
from cineclr.intake.cmr.slices import TO_APEX, normal_of
from cineclr.intake.index import write_shards
from cineclr.private import CmrSources, PrivateSide
from cineclr.publishing import publish
from cineclr.views.series_names import FAINT, excludes, view_of_name

log = logging.getLogger(__name__)

LEAST_PHASES = 8  # frames per slice below which a series is no cine
# Cosine between a series' normal and the usual direction from base to apex: at least, for a short-axis slice,
# and at most, for a long-axis one. Hearts lie differently, so the two leave a wide margin.
ACROSS, ALONG = 0.45, 0.85
UNMISTAKABLE = 0.75  # and a stack of at least STACK parallel slices: a short axis, whatever its name
STACK = 5
AGREED, LIKELY, CONTRADICTED, STILL, SHAPE = 0.95, 0.7, 0.2, 0.1, 0.6
NONE = "none"


class Mapped(NamedTuple):
    """A series' view ("" for none), the confidence in it (0 to 1), and what told it."""

    view: View | str
    confidence: float
    by: str


def map_series(
    private: Path, series: Path, settings: SeriesViews, output: list[Path], unmapped: Path
) -> None:
    """Write the view of every series, and the names that were not mapped, with counts, for the user's sheet.

    `series` is that of `index-cmr`; `output` is a file for each study shard. The sheet named by
    cmr.series_views in sources.yaml wins over name and geometry. Raises InputError that lists the sheet's
    mistakes.
    """
    table = pd.read_parquet(series)
    sheet = read_series_views(PrivateSide(private).cmr_sources())
    mapped = [map_one(row, sheet) for row in table.to_dict("records")]
    views = table[["cine", "study", "study_shard"]].assign(
        view=[one.view for one in mapped],
        confidence=[one.confidence for one in mapped],
        by=[one.by for one in mapped],
    )
    write_shards(views, output, read_fact(series, "key_fingerprint"))
    sure = views["confidence"] >= settings.min_confidence
    _write_unmapped(table[~sure], views[~sure], unmapped)
    counts = views.loc[sure, "view"].value_counts().to_dict()
    log.info("%d series: %s; %d of no view", len(views), counts, int((~sure).sum()))


def map_one(series: dict, sheet: dict[str, str]) -> Mapped:
    """Return the view of one series: a row of `index-cmr` as a dict, and the sheet's name -> view."""
    name = str(series["description"])
    if name.casefold() in sheet:
        view = sheet[name.casefold()]
        return Mapped("" if view == NONE else view, 0.0 if view == NONE else 1.0, "sheet")
    by_name, sure = view_of_name(name)
    cosine = across_apex(str(series["orientation"]))
    moving = series["phases"] >= LEAST_PHASES and not series["derived"]
    if by_name is None:
        if moving and not excludes(name) and _is_stack(series, cosine):
            return Mapped("SAX", SHAPE, "geometry")
        return Mapped("", 0.0, "none")
    if not moving:
        return Mapped(by_name, STILL, "name")
    if np.isnan(cosine):
        return Mapped(by_name, sure, "name")
    agrees = cosine >= ACROSS if by_name == "SAX" else cosine <= ALONG
    if not agrees:
        return Mapped(by_name, CONTRADICTED, "name")
    return Mapped(by_name, LIKELY if sure <= FAINT else AGREED, "both")


def across_apex(orientation: str) -> float:
    """Return the cosine, 0 to 1, between a plane's normal and the usual long axis; NaN if it is unknown."""
    normal = normal_of(orientation)
    return float(abs(normal @ TO_APEX)) if normal.any() else float("nan")


def _is_stack(series: dict, cosine: float) -> bool:
    return bool(series["slices"] >= STACK and series["parallel"] and cosine >= UNMISTAKABLE)


def read_series_views(sources: CmrSources) -> dict[str, str]:
    """Return the user's sheet as name (case folded) -> view or `none`; empty where there is no sheet.

    Raises InputError that names row and column.
    """
    if sources.series_views is None:
        return {}
    rows = read_rows(sources.series_views, "series_views")
    for column in ("series_description", "view"):
        if column not in rows.columns:
            raise InputError(
                f"series_views, row 1: no column {column!r}; columns are series_description, view"
            )
    allowed = {view.casefold(): view for view in VIEWS} | {NONE: NONE, "": ""}
    raise_errors(
        [
            f"series_views, row {row}: column view must be one of {', '.join(VIEWS)} or {NONE}"
            for row, view in rows["view"].items()
            if view.casefold() not in allowed
        ]
    )
    named = zip(rows["series_description"], rows["view"], strict=True)
    return {name.casefold(): allowed[view.casefold()] for name, view in named if view}


def _write_unmapped(series: pd.DataFrame, views: pd.DataFrame, path: Path) -> None:
    """Write names without a sure view and how many series bear them; the column `view` is to be filled."""
    names = pd.DataFrame(
        {
            "series_description": series["description"],
            "guess": views["view"],
            "phases": series["phases"],
            "slices": series["slices"],
        }
    )
    counted = names.groupby("series_description", as_index=False).agg(
        series=("guess", "size"),
        guess=("guess", lambda values: values.mode().iloc[0]),
        frames=("phases", "median"),
        slices=("slices", "median"),
    )
    counted = counted.sort_values(["series", "series_description"], ascending=[False, True])
    counted.insert(1, "view", "")
    with publish(path) as temporary:
        counted.to_csv(temporary, index=False, lineterminator="\n")
