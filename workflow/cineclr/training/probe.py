"""What a frozen encoder knows of the labels while it is pretrained: k nearest neighbours and a linear model.

Pretraining sees no label, so its loss does not tell whether what is learnt will be of use. Both probes are
trained on the labelled training studies and judged by their AUROC on the validation studies. Nothing is drawn
and no weight changes: a run with probes ends with the same encoder as one without.
"""

import logging

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from cineclr.config.echo import TASKS
from cineclr.data.reader import read_clips, to_device
from cineclr.data.sampling import EvenClips
from cineclr.stats.auroc import auroc
from cineclr.training.inputs import select_videos
from cineclr.video.store import ClipStore

logger = logging.getLogger(__name__)

NEIGHBOURS = 20
CLIPS = 256  # of one forward pass


class Probe:
    """Probes an encoder on the centre clip of every video of the training and validation studies."""

    def __init__(self, store: ClipStore, studies: pd.DataFrame, frames: int, device: torch.device) -> None:
        self.store, self.frames, self.device = store, frames, device
        self.studies = studies.set_index("study")
        self.videos = pd.concat([select_videos(store, studies, split) for split in ("train", "val")])

    def measure(self, encoder: nn.Module) -> dict[str, float]:
        """Return `knn_auroc_<task>` and `linear_auroc_<task>` of each task with both classes in both splits.

        The encoder, in evaluation mode, maps clips (B, K, H, W) to representations (B, D). Where these are
        not finite nothing is returned: running batch statistics lag behind weights that change fast.
        """
        represented = self._represent(encoder)
        found: dict[str, float] = {}
        if not np.isfinite(represented.to_numpy()).all():
            logger.warning("not probed: with its running batch statistics the encoder's output is not finite")
            return found
        for task in TASKS:
            train, val = (self._labelled(represented, task, split) for split in ("train", "val"))
            if min(len(set(labels)) for _, labels in (train, val)) < 2:
                continue
            neighbours = KNeighborsClassifier(min(NEIGHBOURS, len(train[1])), metric="cosine")
            linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            for name, model in (("knn", neighbours), ("linear", linear)):
                scores = model.fit(*train).predict_proba(val[0])[:, 1]
                found[f"{name}_auroc_{task}"] = auroc(val[1], scores)
        return found

    @torch.no_grad()
    def _represent(self, encoder: nn.Module) -> pd.DataFrame:
        """Return the mean representation of each study's videos, a row per study."""
        rows: np.ndarray = self.videos.index.to_numpy()
        _, starts = EvenClips(self.frames, count=1)(self.videos["frames"].to_numpy())
        parts = []
        for first in range(0, len(rows), CLIPS):
            part = slice(first, first + CLIPS)
            clips = to_device(read_clips(self.store, rows[part], starts[part], self.frames), self.device)
            parts.append(encoder(clips).float().cpu().numpy())
        return pd.DataFrame(np.concatenate(parts)).groupby(self.videos["study"].to_numpy()).mean()

    def _labelled(self, represented: pd.DataFrame, task: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        labels = self.studies.loc[self.studies["split"] == split, task].dropna()
        labels = labels[labels.index.isin(represented.index)]
        return represented.loc[labels.index].to_numpy(), labels.to_numpy().astype(int)
