"""Tokens: one indexed JSON that says whose they are, and is refused where it does not fit."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cineclr.config.cmr import Text
from cineclr.errors import InputError
from cineclr.text.encoder import hash_vocabulary, load_tokenizer
from cineclr.text.tokens import Tokens, tokenize_reports

WORDS = [
    "the",
    "left",
    "right",
    "ventricle",
    "is",
    "dilated",
    "normal",
    "no",
    "mass",
    "finding",
    "##s",
    ".",
    "a",
    "very",
    "long",
    "sentence",
]
REPORTS = {
    "S2": "FINDINGS: The left ventricle is dilated. No mass.\n\nIMPRESSION:\n1. Normal findings.",
    "S1": "",
}


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return make_encoder(tmp_path / "encoder", WORDS)


def make_encoder(folder: Path, words: list[str]) -> Path:
    from transformers import BertTokenizerFast

    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    tokenizer.save_pretrained(str(folder))
    facts = {"name": folder.name, "vocabulary_sha256": hash_vocabulary(tokenizer)}
    (folder / "description.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def made(tmp_path: Path, encoder: Path, small_splitter: Path) -> Path:
    """Return a folder with tokens.json and sentences.parquet of the reports."""
    table = pd.DataFrame({"study": list(REPORTS), "report": list(REPORTS.values())})
    table.to_parquet(tmp_path / "reports.parquet")
    tokenize_reports(
        *(tmp_path / "reports.parquet", small_splitter, encoder, Text(max_tokens=8)),
        output=tmp_path / "tokens.json",
        sentences=tmp_path / "sentences.parquet",
    )
    return tmp_path


def test_one_file_holds_all_tokens_and_says_whose_they_are(made: Path, encoder: Path) -> None:
    content = json.loads((made / "tokens.json").read_text())
    assert set(content) == {"tokenizer", "vocabulary_sha256", "max_tokens", "studies"}
    assert content["tokenizer"] == "encoder"
    assert content["vocabulary_sha256"] == hash_vocabulary(load_tokenizer(encoder))
    assert content["max_tokens"] == 8
    assert set(content["studies"]) == {"S1", "S2"}


def test_sentences_stand_by_study_and_section(made: Path) -> None:
    table = pd.read_parquet(made / "sentences.parquet")
    assert list(table.itertuples(index=False, name=None)) == [
        ("S2", 0, "FINDINGS", "The left ventricle is dilated."),
        ("S2", 1, "FINDINGS", "No mass."),
        ("S2", 2, "IMPRESSION", "Normal findings."),
    ]


def test_tokens_read_back_as_the_sentences(made: Path, encoder: Path) -> None:
    tokens = Tokens.open(made / "tokens.json")
    assert "S2" in tokens
    assert "S1" not in tokens  # its report has no sentence
    assert "S3" not in tokens
    tokenizer = load_tokenizer(encoder)
    assert [tokenizer.decode(ids) for ids in tokens.sentences("S2")] == [
        "[CLS] the left ventricle is dilated. [SEP]",
        "[CLS] no mass. [SEP]",
        "[CLS] normal findings. [SEP]",
    ]


def test_a_long_sentence_is_cut_and_still_ends(tmp_path: Path, encoder: Path, small_splitter: Path) -> None:
    table = pd.DataFrame({"study": ["S1"], "report": ["A very long sentence is a very long sentence."]})
    table.to_parquet(tmp_path / "reports.parquet")
    output = tmp_path / "tokens.json"
    places = (tmp_path / "reports.parquet", small_splitter, encoder)
    tokenize_reports(*places, Text(max_tokens=8), output, tmp_path / "sentences.parquet")
    (ids,) = Tokens.open(output).sentences("S1")
    assert load_tokenizer(encoder).decode(ids) == "[CLS] a very long sentence is a [SEP]"


def test_another_vocabulary_is_refused(made: Path, encoder: Path) -> None:
    tokens = Tokens.open(made / "tokens.json")
    tokens.check_vocabulary(encoder)
    other = make_encoder(made / "other", WORDS[::-1])
    with pytest.raises(InputError, match=r"vocabulary of encoder, the text encoder is other\. Make it again"):
        tokens.check_vocabulary(other)


@pytest.mark.parametrize("content", ["", '{"tokenizer": "encoder", "vocab', '{"studies": {"S1": [[1]]}}'])
def test_a_damaged_file_says_how_to_make_it_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(InputError, match=r"tokens\.json: not a file of tokens.*--forcerun tokenize_reports"):
        Tokens.open(tmp_path / "tokens.json")


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: tokens\.json\. .*--forcerun tokenize_reports"):
        Tokens.open(tmp_path / "tokens.json")
