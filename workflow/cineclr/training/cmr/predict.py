"""Predictions of a downstream model on validation and test studies, from all their views."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cineclr.config.cmr import Predict
from cineclr.config.cmr import VideoEncoder as VideoSettings
from cineclr.data.order import split_batches
from cineclr.errors import InputError
from cineclr.files import require_file, write_parquet, write_table
from cineclr.gpus import choose_device
from cineclr.models.weights import load_strictly, load_weights
from cineclr.training.cmr.inputs import Views, select_studies
from cineclr.training.cmr.network import StudyNetwork, prepare, rebuild_network
from cineclr.training.device import make_repeatable

logger = logging.getLogger(__name__)

STUDIES_PER_STEP = 4


def predict_cmr(
    task: str,
    model: Path,
    fit: Path,
    splits: Path,
    studies: list[Path],
    settings: Predict,
    video_encoder: VideoSettings,
    seed: int,
    output: Path,
    attention: Path,
    features: Path | None = None,
) -> None:
    """Predict every labelled validation and test study, and write the attention that each view received.

    `output`: study, patient, test_set (val, or the cohort's name), label, prediction (LVEF in %, or a
    probability). `attention`: study, view, slice, weight; the weights of a study sum to 1.
    """
    make_repeatable(settings.cpu_threads, seed)
    state, description = load_weights(model, "--model")
    cell = json.loads(require_file(fit, "--fit", "Run fine-tuning first.").read_text())
    if {description.get("task"), cell["task"]} != {task}:
        raise InputError(f"--model and --fit are of {description.get('task')} and {cell['task']}, not {task}")
    network = rebuild_network(description, video_encoder, seed)
    load_strictly(network, state, "--model")
    views, table = Views.open(studies, features, video_encoder), pd.read_csv(splits)
    tested = name_test_sets(table[table["role"] != "zero_shot"])
    # A cohort that tests the models of another run has no validation studies.
    parts = [split for split in ("val", "test") if split in set(tested["split"])]
    chosen = pd.concat([select_studies(tested, views, task, split) for split in parts], ignore_index=True)
    scores, weights = score_studies(network, views, chosen["study"].tolist(), settings)
    chosen["prediction"] = to_prediction(scores, description)
    write_table(chosen[["study", "patient", "test_set", "label", "prediction"]], output)
    write_parquet(weights, attention)
    counts = chosen["test_set"].value_counts()
    logger.info("%s: %s", task, ", ".join(f"{n} {name}" for name, n in counts.items()))


def name_test_sets(splits: pd.DataFrame) -> pd.DataFrame:
    """Return the validation and test studies with their test_set: val, or the cohort's name."""
    chosen = splits[splits["split"].isin(["val", "test"])]
    return chosen.assign(test_set=chosen["cohort"].where(chosen["split"] == "test", "val"))


def to_prediction(scores: np.ndarray, description: dict[str, Any]) -> np.ndarray:
    """Return scores as measurements, or as probabilities."""
    if description["kind"] == "regression":
        return scores * description["std"] + description["mean"]
    return 1 / (1 + np.exp(-scores))


@torch.no_grad()
def score_studies(
    network: StudyNetwork, views: Views, studies: list[str], settings: Predict
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return a score of each study, float64 (n,), and the attention as study, view, slice, weight."""
    device = choose_device()
    network = network.to(device).eval()
    scores, tables = [], []
    for part in split_batches(len(studies), STUDIES_PER_STEP, keep_last=True):
        rows = [views.index.all_rows(study) for study in studies[part]]
        items, mask, _ = prepare(views.read(rows, np.zeros(len(rows))), device)
        found, weights = network(items, mask)
        scores.append(found.double().cpu().numpy())
        own = views.videos.iloc[np.concatenate(rows)][["study", "view", "slice"]]
        tables.append(own.assign(weight=weights[mask].cpu().numpy()))
    return np.concatenate(scores), pd.concat(tables, ignore_index=True)
