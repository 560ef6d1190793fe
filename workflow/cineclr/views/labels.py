"""The user's view labels: a CSV `video_id,view`, joined to the de-identified videos."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.errors import InputError
from cineclr.ledger import PASSED
from cineclr.private import Pseudonymizer, Sources

logger = logging.getLogger(__name__)

ROLE = "view labels"


def read_view_labels(sources: Sources, names: Pseudonymizer, classes: list[str]) -> pd.Series:
    """Return video pseudonym -> class number of the labelled videos (video_id is the SOPInstanceUID).

    Raises InputError that lists every wrong row; it never quotes one.
    """
    if sources.view_labels is None:
        raise InputError(
            "sources.yaml: view_labels: name the CSV `video_id,view` to train a view classifier on"
        )
    rows = read_rows(sources.view_labels, ROLE)
    absent = [name for name in ("video_id", "view") if name not in rows.columns]
    raise_errors([f"{ROLE}, row 1: no column {name!r}; it must have video_id and view" for name in absent])
    identifiers = rows["video_id"].str.upper()
    errors = [
        *((row, "column 'video_id': must not be empty") for row in rows.index[identifiers == ""]),
        *((row, "column 'video_id': the same video again") for row in rows.index[identifiers.duplicated()]),
        *(
            (row, f"column 'view': must be one of views.classes: {', '.join(classes)}")
            for row in rows.index[~rows["view"].isin(classes)]
        ),
    ]
    raise_errors([f"{ROLE}, row {row}, {text}" for row, text in sorted(errors)])
    videos = [names.pseudonym("video", identifier) for identifier in rows["video_id"]]
    return pd.Series([classes.index(view) for view in rows["view"]], index=videos, name="view")


def find_labelled_videos(
    labels: pd.Series, manifests: list[Path], videos: list[Path], classes: list[str]
) -> pd.DataFrame:
    """Return study, video, path, frames, view of the de-identified videos with a label, sorted by video.

    `manifests` and `videos` are parallel: a shard's table and its folder. Raises InputError for a class that
    has no video.
    """
    parts = []
    for manifest, folder in zip(manifests, videos, strict=True):
        part = pd.read_parquet(manifest, columns=["study", "video", "code", "path", "frames"])
        part = part[(part["code"] == PASSED) & part["video"].isin(labels.index)]
        parts.append(part.assign(path=[str(folder / path) for path in part["path"]]))
    found = pd.concat(parts, ignore_index=True).drop_duplicates("video")
    found = found.assign(view=found["video"].map(labels).astype("int64"))
    absent = [name for number, name in enumerate(classes) if number not in set(found["view"])]
    if absent:
        raise InputError(
            f"{ROLE}: {len(labels)} rows, {len(found)} of them of de-identified videos, but none of class "
            f"{', '.join(absent)}; label some, or remove the class from views.classes"
        )
    logger.info(
        "%s: %d of %d labelled videos are there after de-identification", ROLE, len(found), len(labels)
    )
    return found.sort_values("video", ignore_index=True)
