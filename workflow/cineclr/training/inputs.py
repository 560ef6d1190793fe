"""What trainings read: the cohort's splits and the packed clips, joined."""

import logging
from pathlib import Path

import pandas as pd

from cineclr.errors import InputError
from cineclr.video.store import ClipStore

logger = logging.getLogger(__name__)


def open_inputs(
    splits: Path, clips: list[Path], frames: list[Path], length: int
) -> tuple[pd.DataFrame, ClipStore]:
    """Return the studies and the clip store; raise InputError if a video is shorter than `length`."""
    studies = pd.read_csv(splits)
    store = ClipStore.open(clips, frames)
    short = int((store.videos["frames"] < length).sum())
    if short:
        raise InputError(
            f"{short} of {len(store.videos)} stored videos are shorter than a clip of {length} frames; "
            f"set echo.clips.min_frames to at least {length}"
        )
    logger.info("read: %d studies; %d videos of %d x %d pixels", len(studies), len(store.videos), *store.size)
    return studies, store


def select_videos(
    store: ClipStore, studies: pd.DataFrame, split: str, task: str | None = None
) -> pd.DataFrame:
    """Return the store's videos of one split, with the task's `label` if one is named; the index is the row.

    With a task, studies without its label are left out. The videos are verified: what a job uses is what
    was packed. Raises InputError if no video is left, or one is damaged.
    """
    chosen = studies[studies["split"] == split]
    if task is not None:
        chosen = chosen[chosen[task].notna()]
    videos = store.videos[store.videos["study"].isin(chosen["study"])].copy()
    if videos.empty:
        what = f" with a label for {task}" if task else ""
        raise InputError(f"no video of a study{what} in split {split}: check the cohort flow and the sheet")
    store.verify(videos.index)
    if task is not None:
        videos["label"] = videos["study"].map(chosen.set_index("study")[task]).astype("float32")
    return videos
