"""Diagnoses without any label: is a study's video nearer to the finding's words, or to its absence?"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from cineclr.config.cmr import TextEncoder as TextSettings
from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.models.text import TextEncoder
from cineclr.models.weights import load_strictly, load_weights
from cineclr.text.encoder import load_tokenizer
from cineclr.training.cmr.features import Features
from cineclr.training.cmr.predict import name_test_sets

logger = logging.getLogger(__name__)

# Sentence pairs, the finding present and absent; their similarities are averaged (as Radford et al. 2021 do).
PROMPTS = (
    ("There is {}.", "There is no {}."),
    ("Findings consistent with {}.", "No evidence of {}."),
    ("{}.", "No {}."),
)


def predict_zero_shot(
    tasks: list[str],
    splits: Path,
    features: Path,
    weights: Path,
    text_weights: Path,
    text_model: Path,
    text_encoder: TextSettings,
    output: list[Path],
) -> None:
    """Score every validation and test study for each diagnosis by prompts, with the pretrained encoders.

    `features` and `weights` are those of the contrastive init. Writes a table per task, in their order:
    study, patient, test_set, label, prediction from 0 to 1, of the studies with a label. A study's embedding
    is the mean of its views'; the prediction is the softmax of its similarity to the two prompts at the
    learned temperature.
    """
    if len(tasks) != len(output):
        raise InputError(f"{len(tasks)} tasks, but {len(output)} outputs")
    videos, encoder, temperature = open_pretrained(features, weights, text_weights, text_model, text_encoder)
    chosen = name_test_sets(pd.read_csv(splits))
    chosen = chosen[chosen["study"].isin(videos)].sort_values("study", ignore_index=True)
    for task, path in zip(tasks, output, strict=True):
        known = chosen[chosen[task].notna()].rename(columns={task: "label"})
        texts = embed_prompts(encoder, text_model, task)
        bags = torch.stack([videos[study] for study in known["study"]])
        scores = score_prompts(bags, texts, temperature)
        columns = ["study", "patient", "test_set", "label", "prediction"]
        write_table(known.assign(prediction=scores)[columns], path)
        logger.info("zero-shot %s: %d studies", task, len(known))


def open_pretrained(
    features: Path, weights: Path, text_weights: Path, text_model: Path, settings: TextSettings
) -> tuple[dict[str, Tensor], TextEncoder, float]:
    """Return the unit vector of each study with features, the text encoder, and the learned temperature."""
    state, _ = load_weights(weights, "--weights")
    videos = embed_studies(Features(features), state["projection.weight"], state["projection.bias"])
    text_state, description = load_weights(text_weights, "--text-weights")
    encoder = TextEncoder(text_model, settings.frozen_layers, len(state["projection.bias"]))
    load_strictly(encoder, text_state, "--text-weights")
    return videos, encoder.eval(), float(description["temperature"])


def embed_studies(features: Features, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Return study -> unit vector (D,): the mean of its views' normalised embeddings."""
    embedded = normalize(features.values @ weight.T + bias, dim=1)
    rows = features.videos.groupby("study").indices
    return {
        str(study): normalize(embedded[torch.from_numpy(np.asarray(own))].mean(dim=0), dim=0)
        for study, own in rows.items()
    }


@torch.no_grad()
def embed_prompts(encoder: TextEncoder, folder: Path, task: str) -> Tensor:
    """Return unit vectors (P, 2, D) of each pair of prompts about a diagnosis: present, absent."""
    tokenizer = load_tokenizer(folder)
    name = task.replace("_", " ")
    texts = [prompt.format(name) for pair in PROMPTS for prompt in pair]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    embedded = normalize(encoder.eval()(batch["input_ids"], batch["attention_mask"]), dim=1)
    return embedded.view(len(PROMPTS), 2, -1)


def score_prompts(videos: Tensor, texts: Tensor, temperature: float) -> np.ndarray:
    """Return the share of `present`, float64 (n,), of unit vectors (n, D) beside prompts (P, 2, D)."""
    similarity = torch.einsum("nd,pcd->nc", videos, texts) / len(texts)
    return torch.softmax(similarity.double() / temperature, dim=1)[:, 0].numpy()
