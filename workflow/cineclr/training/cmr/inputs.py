"""What downstream trainings and predictions read: studies with their label, and features or clips of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.bags import BagIndex, Bags, make_mask
from cineclr.data.temporal import read_slices
from cineclr.errors import InputError
from cineclr.training.cmr.features import Features
from cineclr.video.hdf5 import StudyStore


@dataclass(frozen=True)
class Views:
    """Features or clips of all studies, and which belong to whom."""

    videos: pd.DataFrame
    features: Features | None
    store: StudyStore | None
    video: VideoSettings
    index: BagIndex

    @classmethod
    def open(cls, studies: list[Path], features: Path | None, video: VideoSettings) -> "Views":
        """Open the kept features, if named, otherwise the studies."""
        if features is not None:
            kept = Features(features)
            return cls(kept.videos, kept, None, video, BagIndex(kept.videos))
        store = StudyStore.open(studies)
        return cls(store.videos, None, store, video, BagIndex(store.videos))

    @property
    def width(self) -> int:
        """Return the width of the features; 0 for clips."""
        return self.features.values.shape[1] if self.features else 0

    def read(self, rows: Sequence[np.ndarray], targets: np.ndarray, seeds: tuple[int, ...] = ()) -> Bags:
        """Read bags: the rows of each study, and its target."""
        flat = np.concatenate(list(rows))
        if self.features is not None:
            items = self.features.values[torch.from_numpy(flat)]
        else:
            assert self.store is not None
            items = read_slices(self.store, flat, self.video.frames, self.video.size)
        mask = make_mask([len(own) for own in rows])
        return Bags(items, mask, torch.from_numpy(targets.astype(np.float32)), seeds)


def select_studies(
    splits: pd.DataFrame, views: Views, task: str, split: str, cohorts: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows of a split's studies that have a view and the task's label, as `label`, by study.

    `cohorts` restricts them; none means all. Raises InputError if there is none.
    """
    known = (
        splits["split"].eq(split) & splits[task].notna() & splits["study"].isin(set(views.videos["study"]))
    )
    if cohorts:
        known &= splits["cohort"].isin(list(cohorts))
    chosen = splits[known].rename(columns={task: "label"})
    if chosen.empty:
        raise InputError(f"task {task}: no study of split {split} has a label and a video; see the cohort")
    return chosen.sort_values("study", ignore_index=True)
