"""Reports as sentences and tokens: one indexed JSON, reversible and so as private as the reports."""

import json
import logging
import os
from pathlib import Path
from typing import Any, Self

import pandas as pd

from cineclr.config.cmr import Text
from cineclr.errors import InputError
from cineclr.files import require_file, write_parquet
from cineclr.publishing import publish
from cineclr.text.encoder import DESCRIPTION, hash_vocabulary, load_tokenizer
from cineclr.text.splitter import Splitter

log = logging.getLogger(__name__)
REMEDY = "Make it again: snakemake --forcerun tokenize_reports"


def tokenize_reports(
    reports: Path, splitter: Path, encoder: Path, settings: Text, output: Path, sentences: Path
) -> None:
    """Split reports into sentences and these into tokens.

    Writes `output`, JSON `{tokenizer, vocabulary_sha256, max_tokens, studies: {study: [[ids], …]}}` with
    special tokens, and `sentences`, a table study, n, section, sentence.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    table = pd.read_parquet(reports)
    tokenizer = load_tokenizer(encoder)
    split = Splitter(splitter).split(table["report"].tolist())
    rows: list[tuple[str, int, str, str]] = []
    studies: dict[str, list[list[int]]] = {}
    for study, found in zip(table["study"], split, strict=True):
        rows += [(study, n, section, sentence) for n, (section, sentence) in enumerate(found)]
        texts = [sentence for _, sentence in found]
        studies[study] = _encode(tokenizer, texts, settings.max_tokens)
    write_parquet(pd.DataFrame(rows, columns=["study", "n", "section", "sentence"]), sentences)
    name = json.loads((encoder / DESCRIPTION).read_text())["name"]
    content = {
        "tokenizer": name,
        "vocabulary_sha256": hash_vocabulary(tokenizer),
        "max_tokens": settings.max_tokens,
        "studies": studies,
    }
    with publish(output) as temporary:
        temporary.write_text(json.dumps(content, separators=(",", ":")))
    log.info("%d reports, %d sentences, tokenizer %s", len(studies), len(rows), name)


def _encode(tokenizer: Any, sentences: list[str], max_tokens: int) -> list[list[int]]:
    return tokenizer(sentences, truncation=True, max_length=max_tokens)["input_ids"] if sentences else []


class Tokens:
    """The tokens of all reports."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.tokenizer, self.vocabulary = content["tokenizer"], content["vocabulary_sha256"]
        self._studies: dict[str, list[list[int]]] = content["studies"]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read `tokens.json`; raise InputError if it is not one."""
        try:
            return cls(json.loads(require_file(path, "tokens", REMEDY).read_text()))
        except (ValueError, KeyError):
            raise InputError(f"{path.name}: not a file of tokens, or a damaged one. {REMEDY}") from None

    def __contains__(self, study: str) -> bool:
        return bool(self._studies.get(study))

    def sentences(self, study: str) -> list[list[int]]:
        """Return the sentences of a study, each its token ids with special tokens."""
        return self._studies[study]

    def check_vocabulary(self, encoder: Path) -> None:
        """Raise InputError unless the encoder in this folder has the vocabulary of these tokens."""
        facts = json.loads((encoder / DESCRIPTION).read_text())
        if facts["vocabulary_sha256"] != self.vocabulary:
            raise InputError(
                f"tokens were made with the vocabulary of {self.tokenizer}, the text encoder is "
                f"{facts['name']}. {REMEDY}"
            )
