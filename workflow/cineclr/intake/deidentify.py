"""De-identification: of each indexed clip, the masked pixels as AVI under a pseudonym, and nothing else.

Videos that come de-identified are written anew the same way, without masking.
"""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.config.echo import Deidentify
from cineclr.errors import InputError
from cineclr.files import frame_of, publish, write_parquet
from cineclr.intake.clean import Cleaned, Job, clean_clip
from cineclr.intake.headers import Region, unpack_regions
from cineclr.intake.index import ORDER
from cineclr.intake.mask import COLOUR_FLOW, TISSUE_2D, choose_region
from cineclr.intake.members import Members, Place
from cineclr.intake.videos import VideoJob, copy_video
from cineclr.intake.worker import Worker
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.private import PrivateSide, Sources
from cineclr.progress import Progress

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
    """De-identify the clips of one study shard: <videos>/<study>/<video>.avi, and what became of each."""
    sources = PrivateSide(private).sources()
    table = pd.read_parquet(index)
    table = table[table["study_shard"] == shard].sort_values(ORDER)
    rows = []
    progress = Progress(f"de-identify shard {shard}", len(table))
    make: Callable[[Any], Cleaned] = copy_video if sources.videos else clean_clip
    with (
        publish(videos) as folder,
        Members(sources, private / f"extracted_echo_deidentify_{shard}") as members,
        Worker(make, settings.memory_gb, settings.seconds) as worker,
    ):
        folder.mkdir()
        for item in table.astype(object).where(table.notna(), None).to_dict("records"):
            planned = _plan(item, sources, folder, settings)
            done = planned if isinstance(planned, Cleaned) else _run(worker, planned, members, item)
            rows.append(_describe(item, done))
            progress.step(note=f"{item['video']} {done.code}")
    manifest = frame_of(rows, COLUMNS).sort_values(["study", "video"], ignore_index=True)
    write_parquet(manifest, output)
    log.info("study shard %d: %d clips: %s", shard, len(manifest), count_codes(manifest["code"]))


def _plan(item: dict, sources: Sources, folder: Path, settings: Deidentify) -> Job | VideoJob | Cleaned:
    """Return what to do with a clip, or why its header alone rules it out."""
    region = None if sources.videos else _choose_region(item, settings)
    if isinstance(region, Code):
        return Cleaned(region)
    if item["frame_time_ms"] is None:
        return Cleaned(Code.NO_FRAME_TIME)
    if item["frames"] > settings.max_frames:
        return Cleaned(Code.IMPLAUSIBLE_SIZE)
    source = Path()  # told when the clip is on disk
    avi = folder / item["study"] / f"{item['video']}.avi"
    frames, fps = item["frames"], 1000 / item["frame_time_ms"]
    if region is None:
        return VideoJob(source, frames, fps, avi, settings)
    return Job(source, region, frames, fps, avi, settings)


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


def _run(worker: Worker[Any, Cleaned], job: Job | VideoJob, members: Members, item: dict) -> Cleaned:
    """Return what became of a clip; raise InputError when the disk is at fault, not the file."""
    file = item["file"]
    with members.on_disk([Place.of(item)]) as (source,):
        done = worker.run(dataclasses.replace(job, source=source))
    if isinstance(done, Cleaned):
        return done
    _clear(job.avi)
    if done.ours:
        raise InputError(f"{file}: {done.reason}. Mend the disk, or list and scan the files again")
    log.warning("%s: %s: %s", file, Code.DECODE_FAILED, done.reason)
    return Cleaned(Code.DECODE_FAILED)


def _clear(avi: Path) -> None:
    """Remove what a killed process left of a video, and the study's folder if that was all."""
    if avi.parent.is_dir():
        for rest in (avi, *avi.parent.glob(f".{avi.stem}.*")):
            rest.unlink(missing_ok=True)
        if not any(avi.parent.iterdir()):
            avi.parent.rmdir()


def _describe(item: dict, done: Cleaned) -> dict[str, object]:
    row: dict[str, object] = {name: item[name] for name in FROM_INDEX}
    row |= vars(done) | {"code": str(done.code)}
    if done.code == PASSED:
        path = f"{item['study']}/{item['video']}.avi"
        row |= {"path": path, "frames": item["frames"], "fps": 1000 / item["frame_time_ms"]}
        if region := choose_region(unpack_regions(item["regions"]), item["rows"], item["columns"]):
            row |= {"row_mm": region.row_mm, "column_mm": region.column_mm}
    return row
