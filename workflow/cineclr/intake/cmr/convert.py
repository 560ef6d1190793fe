"""Conversion: of each study, the cine slices of the four views as one HDF5 file, and nothing else."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.config.cmr import VIEWS, Studies
from cineclr.errors import InputError
from cineclr.files import frame_of, read_fact, write_parquet
from cineclr.intake.cmr.assemble import Acquired, assemble, find_windows
from cineclr.intake.cmr.decode import Decoded, Job, decode_slice
from cineclr.intake.cmr.own import copy_study
from cineclr.intake.cmr.slices import SAME_DIRECTION, TO_APEX, Slice, find_slices
from cineclr.intake.files.members import Members, Place
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.progress import Progress, track
from cineclr.publishing import publish
from cineclr.video.hdf5 import CLIPS, sort_clips, write_study

log = logging.getLogger(__name__)

MANIFEST_COLUMNS = {
    **{"file": "str", "study": "str", "cine": "str", "view": "str", "code": "str", "slice": "Int64"},
    **{"vendor": "str", "year": "Int64"},
}
SAME_PLACE = 1.0  # mm between two acquisitions of one slice


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
    kept, or the earlier where the later cannot be decoded. Frames that cannot be decoded are left out of
    their slice, which stays if enough are left. A file of several slices has passed if one of them is kept;
    its `slice` is the first of these.
    """
    side = PrivateSide(private)
    sources = side.cmr_sources()
    table = pd.read_parquet(index)
    table = table[table["study_shard"] == shard].reset_index(drop=True)
    if sources.hdf5:
        with Members(sources, private / f"extracted_cmr_convert_{shard}") as members:
            _copy_studies(table, members, Pseudonymizer(side.key()), studies, output)
        return
    table = table.merge(pd.read_parquet(views)[["cine", "view", "confidence"]], on="cine", how="left")
    shown = table["view"].isin(VIEWS) & (table["confidence"] >= min_confidence)
    table["view"] = table["view"].where(shown, "")
    table["code"] = np.where(shown, PASSED, str(Code.NO_VIEW))
    table["slice"] = pd.array([pd.NA] * len(table), dtype="Int64")
    clips: list[dict[str, object]] = []
    progress = Progress(f"convert shard {shard}", table["study"].nunique())
    with (
        publish(studies) as folder,
        Members(sources, private / f"extracted_cmr_convert_{shard}") as members,
        Worker(decode_slice, settings.memory_gb, settings.seconds) as worker,
    ):
        folder.mkdir()
        converter = Converter(members, settings, worker, folder, read_fact(index, "key_fingerprint"))
        for study, files in table.groupby("study", sort=False):  # as they lie in archives
            clips += converter.convert(str(study), table, files)
            progress.step(note=str(study))
        _list_clips(clips, folder)
    write_parquet(table[list(MANIFEST_COLUMNS)].astype(MANIFEST_COLUMNS), output)
    log.info("study shard %d: %d files: %s", shard, len(table), count_codes(table["code"]))


def _list_clips(clips: list[dict[str, object]], folder: Path) -> None:
    listed = frame_of(clips, {"study": "str", "view": "str", "slice": "int64", "frames": "int64"})
    write_parquet(sort_clips(listed), folder / CLIPS)


def _copy_studies(
    table: pd.DataFrame, members: Members, names: Pseudonymizer, studies: Path, output: Path
) -> None:
    """Write the user's own HDF5 files anew; the manifest's row is then that of a study's file."""
    clips: list[dict[str, object]] = []
    with publish(studies) as folder:
        folder.mkdir()
        for row in track(table.to_dict("records"), "copy studies", len(table)):
            with members.on_disk([Place.of(row)]) as (path,):
                clips += copy_study(path, folder, names)
        _list_clips(clips, folder)
    manifest = table.reindex(columns=list(MANIFEST_COLUMNS)).assign(view="", code=PASSED)
    write_parquet(manifest.astype(MANIFEST_COLUMNS), output)
    log.info("%d studies written anew, %d clips", len(table), len(clips))


class Converter:
    """Converts one study after the other; codes and slices are written into the table of files."""

    def __init__(
        self,
        members: Members,
        settings: Studies,
        worker: Worker[Job, Decoded],
        folder: Path,
        fingerprint: str,
    ) -> None:
        self.members, self.settings, self.worker = members, settings, worker
        self.folder, self.fingerprint = folder, fingerprint

    def convert(self, study: str, table: pd.DataFrame, files: pd.DataFrame) -> list[dict[str, object]]:
        """Write a study's file, if any slice of it is left; return a row per clip."""
        files = files[files["code"] == PASSED]
        places = [Place.of(row) for row in files.to_dict("records")]
        with self.members.on_disk(places) as paths:
            kept = self._keep(table, files, dict(zip(files.index, paths, strict=True)))
        if not kept:
            return []
        windows = find_windows([acquired for _, acquired in kept], self.settings.white_percentile)
        made, clips = {}, []
        for view in VIEWS:
            slices = [acquired for one, acquired in kept if one.view == view]
            if not slices:
                continue
            made[view] = assemble(slices, windows, self.settings.size)
            for number, acquired in reversed([*enumerate(slices)]):
                table.loc[sorted(acquired.files), "slice"] = number
                clips.append({"study": study, "view": view, "slice": number, "frames": len(acquired.frames)})
        write_study(self.folder / f"{study}.h5", study, made, self.fingerprint)
        return clips

    def _keep(
        self, table: pd.DataFrame, files: pd.DataFrame, paths: dict[int, Path]
    ) -> list[tuple[Candidate, Acquired]]:
        """Return the slices to store, each view's in the order of space; write what became of their files."""
        codes: dict[int, str] = {}
        kept: list[tuple[Candidate, Acquired]] = []
        candidates = [one for _, series in files.groupby("cine", sort=True) for one in _candidates_of(series)]
        for one in sorted(candidates, key=_lateness, reverse=True):
            code = self._judge(one, [other for other, _ in kept])
            acquired = self._decode(one, paths) if code == PASSED else None
            if acquired is not None:
                kept.append((one, acquired))
                codes |= dict.fromkeys(acquired.files, PASSED)
            for row in one.rows:  # a file that holds another slice as well keeps the code of that one
                codes.setdefault(row, str(Code.DECODE_FAILED) if code == PASSED else code)
        table.loc[list(codes), "code"] = list(codes.values())
        return sorted(kept, key=lambda pair: (pair[0].view, _along(pair[0]), pair[0].series_number))

    def _judge(self, one: Candidate, kept: list[Candidate]) -> str:
        """Return whether a slice is a cine, and the first of its place."""
        if len(one.place) > self.settings.max_frames:
            return str(Code.IMPLAUSIBLE_SIZE)
        if len(one.place) < self.settings.min_frames:
            return str(Code.NOT_CINE)
        return str(Code.REPEATED) if any(_same_place(one, other) for other in kept) else PASSED

    def _decode(self, one: Candidate, paths: dict[int, Path]) -> Acquired | None:
        """Return the decoded slice, or None where too few frames are left."""
        places = list(zip(one.place.files, one.place.indices, strict=True))
        result = self.worker.run(Job(tuple((paths[row], index) for row, index in places)))
        if not isinstance(result, Decoded):
            if result.ours:
                raise InputError(f"{one.series}: cannot be read ({result.reason}); mend that, then go on")
            log.warning("series %s: %s", one.series, result.reason)
            return None
        if len(result.frames) < self.settings.min_frames:
            return None
        decoded = {row for place, (row, _) in enumerate(places) if place not in result.failed}
        return Acquired(result.frames, one.place, one.series, one.spacing, frozenset(decoded))


def _candidates_of(series: pd.DataFrame) -> Iterator[Candidate]:
    """Yield the slices of one series."""
    first = series.iloc[0]
    for place in find_slices(series):
        rows = sorted(set(place.files))
        row_mm, column_mm = series.loc[rows[0], ["row_mm", "column_mm"]].to_numpy(np.float64)
        spacing = (float(row_mm), float(column_mm))
        yield Candidate(first["view"], first["cine"], int(first["series_number"]), place, rows, spacing)


def _lateness(one: Candidate) -> tuple[float, int, int]:
    """Return what orders acquisitions of one slice: time of day, number of the series, order within it."""
    return one.place.acquired, one.series_number, one.place.repeat


def _along(one: Candidate) -> float:
    """Return where a slice lies from base to apex, or along its own normal where that says nothing."""
    sign = -1.0 if float(np.array(one.place.normal) @ TO_APEX) < 0 else 1.0
    return sign * one.place.position if np.isfinite(one.place.position) else 0.0


def _same_place(one: Candidate, other: Candidate) -> bool:
    cosine = float(np.dot(one.place.normal, other.place.normal))
    near = abs(one.place.position - np.sign(cosine) * other.place.position) < SAME_PLACE
    return one.view == other.view and abs(cosine) > SAME_DIRECTION and bool(near)
