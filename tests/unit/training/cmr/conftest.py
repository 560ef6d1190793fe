"""A tiny MRI cohort: slices of 32 x 32 pixels that beat harder with the ejection fraction, and reports that
say so; a BERT of two layers from its own vocabulary."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cineclr.config.cmr import VideoEncoder
from cineclr.video.hdf5 import CLIPS, StudyView, write_study

VIDEO = VideoEncoder(architecture="mvit_small", frames=4, size=32, embedding=16, kinetics400="none")
SPLITS = ("pretrain_train", "pretrain_train", "pretrain_val", "train", "train", "train", "val", "test")
WORDS = ("heart", "beats", "weakly", "well", "the", "dilated", "no", "is", "there", "finding", "of", ".")
FRAMES = 6


@dataclass(frozen=True)
class Cohort:
    """Paths of a cohort's files, as commands take them."""

    splits: Path
    studies: list[Path]
    tokens: Path
    text_model: Path


def make_view(level: float, slices: int, rng: np.random.Generator) -> StudyView:
    """Return slices whose disc brightens over the beat by `level` (0 to 1), with noise."""
    beat = 100 + 100 * level * np.sin(np.linspace(0, np.pi, FRAMES))
    rows, columns = np.mgrid[:32, :32]
    disc = np.hypot(rows - 16, columns - 16) < 8
    pixels = np.where(disc, beat[:, None, None], 40)[None] + rng.normal(0, 5, (slices, FRAMES, 32, 32))
    ones = np.ones(slices)
    pairs = np.ones((slices, 2))
    return StudyView(
        *(pixels.clip(0, 255).astype(np.uint8), np.full(slices, FRAMES), pairs, 40 * ones, ones),
        *(["C" + "0" * 16] * slices, 32 * pairs, 0 * ones, 255 * ones, "base_to_apex"),
    )


def make_text_model(folder: Path) -> None:
    """Save a BERT of two layers and its tokenizer, as import-text-encoder leaves them."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from cineclr.text.encoder import hash_vocabulary

    folder.mkdir()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    tokenizer.save_pretrained(str(folder))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    # Weights as large as pretrained ones: with the usual start all texts would look alike.
    config = BertConfig(vocab_size=len(tokenizer), initializer_range=0.5, **sizes)
    BertModel(config).save_pretrained(str(folder))
    facts = {"name": "tiny", "revision": "", "vocabulary_sha256": hash_vocabulary(tokenizer)}
    (folder / "description.json").write_text(json.dumps(facts))


def make_tokens(path: Path, model: Path, reports: dict[str, list[str]]) -> None:
    from cineclr.text.encoder import hash_vocabulary, load_tokenizer

    tokenizer = load_tokenizer(model)
    studies: dict[str, Any] = {study: tokenizer(texts)["input_ids"] for study, texts in reports.items()}
    facts = {"tokenizer": "tiny", "vocabulary_sha256": hash_vocabulary(tokenizer), "max_tokens": 32}
    path.write_text(json.dumps({**facts, "studies": studies}))


def make_cohort(folder: Path, count: int = 64) -> Cohort:
    """Write studies in two folders, splits, tokens and text encoder; LVEF is 20 to 70 %."""
    rng = np.random.default_rng(0)
    lvef = rng.permutation(np.linspace(20, 70, count))
    table = pd.DataFrame(
        {
            "study": [f"S{n:016x}" for n in range(count)],
            "patient": [f"P{n:016x}" for n in range(count)],
            "cohort": ["northern" if n % 16 == 15 else "clinical" for n in range(count)],
            "role": ["external" if n % 16 == 15 else "development" for n in range(count)],
            "split": [SPLITS[n % 8] for n in range(count)],
            "lvef": np.where(np.arange(count) % 13 == 0, np.nan, lvef),
            "amyloid": (lvef < 45).astype(int),
        }
    )
    table.to_csv(folder / "splits.csv", index=False)
    folders = [folder / "shard_0", folder / "shard_1"]
    for number, place in enumerate(folders):
        place.mkdir()
        clips = []
        for study, level in zip(table["study"][number::2], lvef[number::2], strict=True):
            views = {"4CH": 1, "SAX": 2 + int(study[-1], 16) % 2}
            made: Any = {view: make_view((level - 20) / 50, n, rng) for view, n in views.items()}
            write_study(place / f"{study}.h5", study, made, "k")
            clips += [(study, view, k, FRAMES) for view, n in views.items() for k in range(n)]
        pd.DataFrame(clips, columns=["study", "view", "slice", "frames"]).to_parquet(place / CLIPS)
    make_text_model(folder / "text_model")
    words = {study: "weakly" if ef < 45 else "well" for study, ef in zip(table["study"], lvef, strict=True)}
    reports = {
        study: [f"the heart beats {word} .", "no finding .", f"there is no finding of {word} ."]
        for study, word in words.items()
    }
    make_tokens(folder / "tokens.json", folder / "text_model", reports)
    return Cohort(folder / "splits.csv", folders, folder / "tokens.json", folder / "text_model")


@pytest.fixture(scope="session")
def mri(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("mri"))
