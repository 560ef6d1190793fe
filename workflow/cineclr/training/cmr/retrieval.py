"""How well a report is found by its video among others."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from cineclr.config.cmr import TextEncoder as TextSettings
from cineclr.errors import InputError
from cineclr.files import write_table
from cineclr.gpus import choose_device
from cineclr.models.text import TextEncoder
from cineclr.seeds import derive_seed
from cineclr.text.tokens import Tokens
from cineclr.training.cmr.texts import join, pad
from cineclr.training.cmr.zero_shot import open_pretrained

logger = logging.getLogger(__name__)

POOL = 32
# Sets of sentences by which a report is compared, their vectors averaged: while training, and afterwards.
PROBE_DRAWS, DRAWS = 8, 2


def evaluate_retrieval(
    splits: Path,
    features: Path,
    weights: Path,
    text_weights: Path,
    text_model: Path,
    text_encoder: TextSettings,
    tokens: Path,
    sentences: int,
    seed: int,
    output: Path,
) -> None:
    """Write how well studies that pretraining did not see find their own report, a row per cohort.

    Columns: test_set (the cohort), then those of `measure_retrieval`. A study is the mean of its views'
    vectors, a report that of `DRAWS` draws of `sentences` sentences. Raises InputError without a study
    that has features and a report.
    """
    videos, encoder, _ = open_pretrained(features, weights, text_weights, text_model, text_encoder)
    reports = Tokens.open(tokens)
    reports.check_vocabulary(text_model)
    table = pd.read_csv(splits)
    chosen = table[[study in videos and study in reports for study in table["study"]]]
    if chosen.empty:
        raise InputError("retrieval: no downstream study has both a video and a report; see the cohort")
    rows = []
    for cohort, own in chosen.groupby("cohort", sort=True):
        studies = sorted(own["study"])
        texts = embed_reports(encoder, reports, studies, sentences, derive_seed(seed, "retrieval"))
        found = measure_retrieval(torch.stack([videos[study] for study in studies]), texts, seed)
        rows.append({"test_set": cohort, **found})
        logger.info("retrieval, %s: top 1 %.3f, top 5 %.3f", cohort, found["top1"], found["top5"])
    write_table(pd.DataFrame(rows), output)


@torch.no_grad()
def embed_reports(
    encoder: TextEncoder, reports: Tokens, studies: list[str], sentences: int, seed: int
) -> Tensor:
    """Return unit vectors (N, D) of the studies' reports."""
    device, vectors = choose_device(), []
    encoder = encoder.to(device)
    for study in studies:
        rng = np.random.default_rng([seed, int(study[1:], 16)])
        texts = [join(reports.sentences(study), sentences, encoder.longest, rng) for _ in range(DRAWS)]
        ids, mask = (part.to(device) for part in pad(texts))
        embedded = functional.normalize(encoder(ids, mask).float().cpu(), dim=1)
        vectors.append(functional.normalize(embedded.mean(dim=0), dim=0))
    return torch.stack(vectors)


def measure_retrieval(videos: Tensor, texts: Tensor, seed: int, pool: int = POOL) -> dict[str, float]:
    """Return how often a video's own text is the most similar of a pool, or among the five most similar.

    `videos` and `texts` are (N, D), row n of both of one study. Pools of `pool` studies are drawn from a
    seeded order, the last one filled up from the first studies; with fewer studies all make one pool. Chance
    is 1 and 5 in the size of the pool.
    """
    size = min(pool, len(videos))
    similarity = functional.normalize(videos, dim=1) @ functional.normalize(texts, dim=1).T
    order = np.random.default_rng(seed).permutation(len(videos))
    ranks = []
    for start in range(0, len(order), size):
        own = order[start : start + size]
        members = torch.from_numpy(np.concatenate((own, order[: size - len(own)])))
        scores = similarity[members][:, members]
        better = (scores > scores.diagonal()[:, None]).sum(dim=1)
        ranks += better[: len(own)].tolist()
    found = np.array(ranks)
    return {
        "pool": size,
        "pairs": len(found),
        "top1": float((found < 1).mean()),
        "top5": float((found < 5).mean()),
        "chance_top1": 1 / size,
        "chance_top5": min(5 / size, 1.0),
    }
