"""Conversion: of each study, the cine slices of the four views as one HDF5 file, and nothing else."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.config.cmr import VIEWS, Studies
from cineclr.errors import InputError
from cineclr.files import publish, read_fact, write_parquet
from cineclr.intake.cmr.assemble import Acquired, assemble, find_windows
from cineclr.intake.cmr.decode import Decoded, Job, decode_slice
from cineclr.intake.cmr.slices import TO_APEX, Slice, find_slices
from cineclr.intake.scan import frame_of, locate
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import CmrSources, PrivateSide
from cineclr.progress import Progress
from cineclr.video.hdf5 import CLIPS, sort_clips, write_study

log = logging.getLogger(__name__)

MANIFEST_COLUMNS = {
    **{"file": "str", "study": "str", "cine": "str", "view": "str", "code": "str", "slice": "Int64"},
    **{"vendor": "str", "year": "Int64"},
}
SAME_PLACE = 1.0  # mm between two acquisitions of one slice
SAME_PLANE = 0.999  # least cosine of their normals


@dataclass
class Candidate:
    """A slice that may go into a study's file; `rows` are the labels of its files in the index."""

    view: str
    series: str
    series_number: int
    place: Slice
    rows: list[int]
    spacing: tuple[float, float]


def convert_studies(
    private: Path,
    index: Path,
    views: Path,
    shard: int,
    settings: Studies,
    min_confidence: float,
    studies: Path,
    output: Path,
) -> None:
    """Convert the studies of one shard: <studies>/<study>.h5, clips.parquet, and what became of each file.

    A slice of fewer than `min_frames` frames is no cine; of two acquisitions of one slice the later one is
    kept. Frames that cannot be decoded are left out of their slice, which stays if enough are left.
    """
    sources = PrivateSide(private).cmr_sources()
    table = pd.read_parquet(index)
    table = table[table["study_shard"] == shard].reset_index(drop=True)
    table = table.merge(pd.read_parquet(views)[["cine", "view", "confidence"]], on="cine", how="left")
    shown = table["view"].isin(VIEWS) & (table["confidence"] >= min_confidence)
    table["view"] = table["view"].where(shown, "")
    table["code"] = np.where(shown, PASSED, str(Code.NO_VIEW))
    table["slice"] = pd.array([pd.NA] * len(table), dtype="Int64")
    clips: list[dict[str, object]] = []
    progress = Progress(f"convert shard {shard}", table["study"].nunique())
    with publish(studies) as folder, Worker(decode_slice, settings.memory_gb, settings.seconds) as worker:
        folder.mkdir()
        converter = Converter(sources, settings, worker, folder, read_fact(index, "key_fingerprint"))
        for study, files in table.groupby("study", sort=True):
            clips += converter.convert(str(study), table, files)
            progress.step(note=str(study))
        listed = frame_of(clips, {"study": "str", "view": "str", "slice": "int64", "frames": "int64"})
        write_parquet(sort_clips(listed), folder / CLIPS)
    write_parquet(table[list(MANIFEST_COLUMNS)].astype(MANIFEST_COLUMNS), output)
    log.info("study shard %d: %d files: %s", shard, len(table), count_codes(table["code"]))


class Converter:
    """Converts one study after the other; codes and slices are written into the table of files."""

    def __init__(
        self,
        sources: CmrSources,
        settings: Studies,
        worker: Worker[Job, Decoded],
        folder: Path,
        fingerprint: str,
    ) -> None:
        self.sources, self.settings, self.worker = sources, settings, worker
        self.folder, self.fingerprint = folder, fingerprint

    def convert(self, study: str, table: pd.DataFrame, files: pd.DataFrame) -> list[dict[str, object]]:
        """Write a study's file, if any slice of it is left; return a row per clip."""
        candidates = self._choose(table, files[files["code"] == PASSED])
        decoded = [(one, self._decode(table, one)) for one in candidates]
        kept = [(one, acquired) for one, acquired in decoded if acquired is not None]
        if not kept:
            return []
        windows = find_windows([acquired for _, acquired in kept], self.settings.white_percentile)
        made, clips = {}, []
        for view in VIEWS:
            of_view = [(one, acquired) for one, acquired in kept if one.view == view]
            if not of_view:
                continue
            made[view] = assemble([acquired for _, acquired in of_view], windows, self.settings.size)
            for number, (one, acquired) in enumerate(of_view):
                rows = [row for row in one.rows if table.at[row, "code"] == PASSED]
                table.loc[rows, "slice"] = number
                clips.append({"study": study, "view": view, "slice": number, "frames": len(acquired.frames)})
        write_study(self.folder / f"{study}.h5", study, made, self.fingerprint)
        return clips

    def _choose(self, table: pd.DataFrame, files: pd.DataFrame) -> list[Candidate]:
        """Return the slices that are cines, the later of repeated ones, each view's in the order of space."""
        candidates: list[Candidate] = []
        for _, series in files.groupby("cine", sort=True):
            for one in _candidates_of(series):
                count = len(one.place)
                code = PASSED if count >= self.settings.min_frames else Code.NOT_CINE
                code = Code.IMPLAUSIBLE_SIZE if count > self.settings.max_frames else code
                if code == PASSED:
                    candidates.append(one)
                else:
                    table.loc[one.rows, "code"] = str(code)
        kept: list[Candidate] = []
        for one in sorted(candidates, key=lambda each: each.series_number, reverse=True):
            if any(_same_place(one, other) for other in kept):
                table.loc[one.rows, "code"] = str(Code.REPEATED)
            else:
                kept.append(one)
        return sorted(kept, key=lambda one: (one.view, _along(one), one.series_number))

    def _decode(self, table: pd.DataFrame, one: Candidate) -> Acquired | None:
        """Return the decoded slice; None, with its files set aside, where too few frames are left."""
        files = table.loc[one.rows, ["root", "path"]].itertuples()
        paths = {row: locate(self.sources, root, path) for row, root, path in files}
        places = list(zip(one.place.files, one.place.indices, strict=True))
        result = self.worker.run(Job(tuple((paths[row], index) for row, index in places)))
        if not isinstance(result, Decoded):
            if result.ours:
                raise InputError(f"{one.series}: cannot be read ({result.reason}); mend that, then go on")
            log.warning("series %s: %s", one.series, result.reason)
            result = Decoded(np.empty((0, 0, 0), np.float32), tuple(range(len(places))))
        enough = len(result.frames) >= self.settings.min_frames
        lost = {places[place][0] for place in result.failed} if enough else set(one.rows)
        table.loc[sorted(lost), "code"] = str(Code.DECODE_FAILED)
        return Acquired(result.frames, one.place, one.series, one.spacing) if enough else None


def _candidates_of(series: pd.DataFrame) -> Iterator[Candidate]:
    """Yield the slices of one series; planes of different orientation are divided first."""
    number = int(series["series_number"].iloc[0])
    for _, plane in series.groupby("orientation", sort=True):
        spacing = (float(plane["row_mm"].iloc[0]), float(plane["column_mm"].iloc[0]))
        for place in find_slices(plane):
            rows = sorted(set(place.files))
            yield Candidate(plane["view"].iloc[0], plane["cine"].iloc[0], number, place, rows, spacing)


def _along(one: Candidate) -> float:
    """Return where a slice lies from base to apex, or along its own normal where that says nothing."""
    sign = -1.0 if float(np.array(one.place.normal) @ TO_APEX) < 0 else 1.0
    return sign * one.place.position if np.isfinite(one.place.position) else 0.0


def _same_place(one: Candidate, other: Candidate) -> bool:
    if one.view != other.view or one.series == other.series:
        return False
    cosine = float(np.dot(one.place.normal, other.place.normal))
    near = abs(one.place.position - np.sign(cosine) * other.place.position) < SAME_PLACE
    return abs(cosine) > SAME_PLANE and near
