"""De-identification: of each indexed clip, the masked pixels as AVI under a pseudonym, and nothing else.

Videos that come de-identified are written anew the same way, without masking. A clip in which the text gate
finds text stays on the private side until a person has decided (`quarantine`).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.config.echo import Deidentify
from cineclr.errors import InputError
from cineclr.files import frame_of, write_parquet
from cineclr.intake.echo.clean import Cleaned, Job, clean_clip
from cineclr.intake.echo.mask import COLOUR_FLOW, TISSUE_2D, choose_region
from cineclr.intake.echo.videos import VideoJob, copy_video
from cineclr.intake.files.members import Members, Place
from cineclr.intake.headers import Region, unpack_regions
from cineclr.intake.index import ORDER
from cineclr.intake.residual_text.decisions import decisions_file, read_decisions
from cineclr.intake.residual_text.gate import TextGate
from cineclr.intake.residual_text.quarantine import Quarantine, quarantine_folder
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import PrivateSide, Sources
from cineclr.progress import Progress
from cineclr.publishing import publish, publish_folder

log = logging.getLogger(__name__)

COLUMNS = {
    **{"file": "str", "study": "str", "patient": "str", "video": "str", "code": "str", "path": "str"},
    **{"frames": "Int64", "fps": "Float64", "rows": "Int64", "columns": "Int64", "row_mm": "Float64"},
    **{"column_mm": "Float64", "kept_fraction": "Float64", "vendor": "str", "model": "str"},
    **{"heart_rate": "Int64", "year": "Int64", "days_since_first": "Int64", "age": "Int64", "sha256": "str"},
}
# Of the index; `days_since_first` are since the first study of the patient, an `age` of 90 is 90 or more.
FROM_INDEX = (
    *("file", "study", "patient", "video", "vendor", "model"),
    *("heart_rate", "year", "days_since_first", "age"),
)


def deidentify_echo(
    private: Path, index: Path, shard: int, settings: Deidentify, videos: Path, output: Path
) -> None:
    """De-identify the clips of one study shard: <videos>/<study>/<video>.avi, and what became of each.

    Also makes private/<run>/quarantine/shard_<shard>/ and .parquet, and follows decisions/shard_<shard>.csv.
    Raises InputError when the text gate is asked for and cannot work here, and when the disk fails.
    """
    sources = PrivateSide(private).sources()
    gate = TextGate(settings.text_score) if settings.text_gate else None
    decisions = read_decisions(decisions_file(private, shard))
    aside = quarantine_folder(private, shard)
    table = pd.read_parquet(index)
    table = table[table["study_shard"] == shard].sort_values(ORDER)
    rows = []
    progress = Progress(f"de-identify shard {shard}", len(table))
    make: Callable[[Any], Cleaned] = copy_video if sources.videos else clean_clip
    with (
        publish(aside) as unseen,
        publish_folder(videos) as folder,
        Members(sources, private / f"extracted_echo_deidentify_{shard}") as members,
        Worker(make, settings.memory_gb, settings.seconds) as worker,
    ):
        unseen.mkdir(mode=0o700)
        quarantine = Quarantine(unseen, gate, decisions)
        maker = Maker(sources, settings, members, worker, quarantine)
        for item in table.astype(object).where(table.notna(), None).to_dict("records"):
            done = maker.make(item, folder)
            rows.append(_describe(item, done))
            progress.step(note=f"{item['video']} {done.code}")
    quarantine.write_hits(aside.with_suffix(".parquet"))
    manifest = frame_of(rows, COLUMNS).sort_values(["study", "video"], ignore_index=True)
    write_parquet(manifest, output)
    log.info("study shard %d: %d clips: %s", shard, len(manifest), count_codes(manifest["code"]))


@dataclass(frozen=True)
class Maker:
    """Makes the clips of a shard, each on the private side until it has passed the gate."""

    sources: Sources
    settings: Deidentify
    members: Members
    worker: Worker[Any, Cleaned]
    quarantine: Quarantine

    def make(self, item: dict, folder: Path) -> Cleaned:
        """Return what became of a clip of the index; only one that may go on is put into `folder`."""
        if self.quarantine.is_rejected(item["video"]):
            return Cleaned(Code.REJECTED_BY_REVIEWER)
        if refused := self._refuse(item):
            return Cleaned(refused)
        with self.members.on_disk([Place.of(item)]) as (source,):
            done = self._run(self._plan(item, source), item["file"])
        if done.code != PASSED:
            return done
        return self.quarantine.admit(item["study"], item["video"], done, folder / _path(item))

    def _refuse(self, item: dict) -> Code | None:
        """Return why the header alone rules a clip out."""
        region = None if self.sources.videos else _choose_region(item, self.settings)
        if isinstance(region, Code):
            return region
        if item["frame_time_ms"] is None:
            return Code.NO_FRAME_TIME
        return Code.IMPLAUSIBLE_SIZE if item["frames"] > self.settings.max_frames else None

    def _plan(self, item: dict, source: Path) -> Job | VideoJob:
        region = None if self.sources.videos else _choose_region(item, self.settings)
        avi = self.quarantine.folder / f"{item['video']}.avi"
        frames, fps = item["frames"], 1000 / item["frame_time_ms"]
        if isinstance(region, Region):
            return Job(source, region, frames, fps, avi, self.settings)
        return VideoJob(source, frames, fps, avi, self.settings)

    def _run(self, job: Job | VideoJob, file: str) -> Cleaned:
        """Return what became of a clip; raise InputError when the disk is at fault, not the file."""
        done = self.worker.run(job)
        if isinstance(done, Cleaned):
            return done
        _clear(job.avi)
        if done.ours:
            raise InputError(f"{file}: {done.reason}. Mend the disk, or list and scan the files again")
        log.warning("%s: %s: %s", file, Code.DECODE_FAILED, done.reason)
        return Cleaned(Code.DECODE_FAILED)


def _choose_region(item: dict, settings: Deidentify) -> Region | Code:
    """Return the 2-D region of a clip, or why there is none to go on with."""
    regions = unpack_regions(item["regions"])
    flat = [region for region in regions if region.format == TISSUE_2D]
    if regions and not flat:
        return Code.NOT_2D
    region = choose_region(regions, item["rows"], item["columns"])
    if region is None:
        return Code.NO_REGION
    if any(one.type == COLOUR_FLOW for one in flat) and not settings.keep_colour_doppler:
        return Code.COLOUR_DOPPLER
    return region


def _clear(avi: Path) -> None:
    """Remove what a killed process left of a video."""
    for rest in (avi, *avi.parent.glob(f".{avi.stem}.*")):
        rest.unlink(missing_ok=True)


def _path(item: dict) -> str:
    return f"{item['study']}/{item['video']}.avi"


def _describe(item: dict, done: Cleaned) -> dict[str, object]:
    row: dict[str, object] = {name: item[name] for name in FROM_INDEX}
    row |= vars(done) | {"code": str(done.code)}
    if done.code == PASSED:
        row |= {"path": _path(item), "frames": item["frames"], "fps": 1000 / item["frame_time_ms"]}
        if region := choose_region(unpack_regions(item["regions"]), item["rows"], item["columns"]):
            row |= {"row_mm": region.row_mm, "column_mm": region.column_mm}
    return row
