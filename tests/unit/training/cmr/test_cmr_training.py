"""The chain of the second paper's trainings on a cohort in which everything can be learned."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.config.base import Execution
from cineclr.config.cmr import Diagnoses, Lvef, Predict, Pretrain, TextEncoder, VideoEncoder
from cineclr.errors import InputError
from cineclr.models.weights import load_weights
from cineclr.training.cmr.features import Features, extract_features
from cineclr.training.cmr.finetune import draw_training, finetune_diagnosis, finetune_lvef
from cineclr.training.cmr.predict import predict_cmr
from cineclr.training.cmr.pretrain import pretrain_cmr
from cineclr.training.cmr.retrieval import evaluate_retrieval, measure_retrieval
from cineclr.training.cmr.texts import join, pad
from cineclr.training.cmr.zero_shot import predict_zero_shot

VIDEO = VideoEncoder(architecture="mvit_small", frames=4, size=32, embedding=16, kinetics400="none")
TEXT = TextEncoder(source="folder", frozen_layers=1)
PRETRAIN = Pretrain(
    epochs=3, batch_size=8, learning_rate=1e-3, precision="32-true", cpu_threads=1, decay_epoch=2
)
LVEF = Lvef(max_steps=80, learning_rate=3e-3, cpu_threads=1, patience=None)
DIAGNOSIS = Diagnoses(epochs=20, learning_rate=3e-3, cpu_threads=1)
PREDICT = Predict(cpu_threads=1)


def pretrain(mri: Any, folder: Path, settings: Pretrain = PRETRAIN, **changes: Any) -> Path:
    pretrain_cmr(
        **{"splits": mri.splits, "tokens": mri.tokens, "text_model": mri.text_model, **changes},
        studies=mri.studies,
        settings=settings,
        video_encoder=VIDEO,
        text_encoder=TEXT,
        execution=Execution(),
        seed=0,
        checkpoints=folder / "checkpoints",
        output=folder / "encoder.safetensors",
        text_output=folder / "text.safetensors",
        history=folder / "history.csv",
        retrieval=folder / "retrieval.json",
    )
    return folder / "encoder.safetensors"


def extract(mri: Any, folder: Path, init: str, weights: Path | None) -> Path:
    output = folder / f"{init}.parquet"
    extract_features(init, mri.splits, mri.studies, VIDEO, PREDICT, 0, output, weights)  # type: ignore[arg-type]
    return output


def finetune(mri: Any, folder: Path, task: str, init: str = "random", **options: Any) -> dict[str, Any]:
    """Train a model and predict with it; return its fit with the table of predictions."""
    folder.mkdir(exist_ok=True)
    common = {
        **{"init": init, "mode": "transfer_learning", "ratio": 1.0, "splits": mri.splits},
        **{"studies": mri.studies, "video_encoder": VIDEO, "execution": Execution(), "seed": 0},
        **{"checkpoints": folder / "checkpoints", "output": folder / "model.safetensors"},
        **{"fit": folder / "fit.json", "history": folder / "history.csv", **options},
    }
    if task == "lvef":
        finetune_lvef(**{"settings": LVEF, **common})
    else:
        finetune_diagnosis(**{"task": task, "settings": DIAGNOSIS, **common})
    predict_cmr(
        *(task, common["output"], common["fit"], mri.splits, mri.studies, PREDICT, VIDEO, 0),
        folder / "predictions.csv",
        folder / "attention.parquet",
        common.get("features"),
    )
    return {
        **json.loads(common["fit"].read_text()),
        "table": pd.read_csv(folder / "predictions.csv"),
        "attention": pd.read_parquet(folder / "attention.parquet"),
    }


@pytest.fixture(scope="module")
def pretrained(mri: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pretrain(mri, tmp_path_factory.mktemp("pretrain"))


def test_pretraining_writes_both_encoders_history_and_retrieval(pretrained: Path) -> None:
    state, description = load_weights(pretrained, "encoder")
    assert description["pretraining"] == "contrastive"
    assert state["projection.weight"].shape[0] == 16
    _, text = load_weights(pretrained.with_name("text.safetensors"), "text")
    assert 0.01 <= float(text["temperature"]) <= 1
    history = pd.read_csv(pretrained.with_name("history.csv"))
    assert history["epoch"].tolist() == [1, 2, 3]
    found = json.loads(pretrained.with_name("retrieval.json").read_text())
    assert found["pool"] == found["pairs"] == 8
    assert found["chance_top1"] == 1 / 8
    assert not (pretrained.parent / "checkpoints").exists()


def test_pretraining_is_repeatable(mri: Any, pretrained: Path, tmp_path: Path) -> None:
    again = pretrain(mri, tmp_path)
    assert again.read_bytes() == pretrained.read_bytes()


def test_pretraining_learns_which_report_belongs_to_a_video(mri: Any, tmp_path: Path) -> None:
    settings = PRETRAIN.model_copy(
        update={"epochs": 40, "decay_epoch": 35, "augment": "none", "learning_rate": 3e-4}
    )
    pretrain(mri, tmp_path, settings)
    losses = pd.read_csv(tmp_path / "history.csv")["contrastive_loss"]
    # Two kinds of reports and batches of eight: no loss below ln 4 is possible but by chance; ln 8 is none.
    assert losses.iloc[-5:].mean() < losses.iloc[:3].mean() - 0.3


def test_the_learning_rate_falls_once(mri: Any, tmp_path: Path) -> None:
    settings = PRETRAIN.model_copy(update={"decay_factor": 1e-9, "decay_epoch": 1, "epochs": 1})
    one, two = tmp_path / "one", tmp_path / "two"
    pretrain(mri, one, settings)
    pretrain(mri, two, settings.model_copy(update={"epochs": 2}))
    first, second = (load_weights(folder / "encoder.safetensors", "")[0] for folder in (one, two))
    assert all(torch.allclose(first[name], second[name], atol=1e-7) for name in first)


def test_tokens_of_another_vocabulary_are_refused(mri: Any, tmp_path: Path) -> None:
    tokens = json.loads(mri.tokens.read_text()) | {"vocabulary_sha256": "0" * 64, "tokenizer": "other"}
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    with pytest.raises(InputError, match="tokens were made with the vocabulary of other"):
        pretrain(mri, tmp_path, tokens=tmp_path / "tokens.json")


def test_frozen_encoder_and_kept_features(mri: Any, pretrained: Path, tmp_path: Path) -> None:
    kept = extract(mri, tmp_path, "contrastive", pretrained)
    features = Features(kept)
    splits = pd.read_csv(mri.splits).set_index("study")["split"]
    assert set(features.videos["study"].map(splits)) == {"train", "val", "test"}
    options = {"mode": "fine_tuning", "features": kept, "weights": pretrained}
    result = finetune(mri, tmp_path / "fit", "amyloid", "contrastive", **options)
    table = result["table"]
    assert set(table["test_set"]) == {"val", "clinical", "northern"}
    assert table["prediction"].between(0, 1).all()
    attention = result["attention"]
    assert np.allclose(attention.groupby("study")["weight"].sum(), 1, atol=1e-5)
    assert set(attention["study"]) == set(table["study"])


def test_everything_trained_learns_the_ejection_fraction(mri: Any, tmp_path: Path) -> None:
    result = finetune(mri, tmp_path / "fit", "lvef")
    table = result["table"]
    test = table[table["test_set"] != "val"]
    error = (test["prediction"] - test["label"]).abs().mean()
    by_mean = (test["label"] - result["mean"]).abs().mean()
    assert error < 0.6 * by_mean
    assert table["label"].between(20, 70).all()


def test_everything_trained_learns_the_diagnosis(mri: Any, tmp_path: Path) -> None:
    table = finetune(mri, tmp_path / "fit", "amyloid")["table"]
    positive, negative = (table.loc[table["label"] == value, "prediction"] for value in (1, 0))
    assert np.greater.outer(positive.to_numpy(), negative.to_numpy()).mean() > 0.9


def test_prompts_need_no_label(mri: Any, pretrained: Path, tmp_path: Path) -> None:
    kept = extract(mri, tmp_path, "contrastive", pretrained)
    output = tmp_path / "amyloid.csv"
    predict_zero_shot(
        *(["amyloid"], mri.splits, kept, pretrained, pretrained.with_name("text.safetensors")),
        *(mri.text_model, TEXT, [output]),
    )
    table = pd.read_csv(output)
    assert list(table.columns) == ["study", "patient", "test_set", "label", "prediction"]
    assert set(table["test_set"]) == {"val", "clinical", "northern"}
    assert table["prediction"].between(0, 1).all()


def test_reports_are_sought_by_studies_that_pretraining_did_not_see(
    mri: Any, pretrained: Path, tmp_path: Path
) -> None:
    kept, output = extract(mri, tmp_path, "contrastive", pretrained), tmp_path / "retrieval.csv"
    evaluate_retrieval(
        *(mri.splits, kept, pretrained, pretrained.with_name("text.safetensors"), mri.text_model),
        *(TEXT, mri.tokens, 2, 0, output),
    )
    table = pd.read_csv(output).set_index("test_set")
    splits = pd.read_csv(mri.splits)
    unseen = splits["split"].isin(["train", "val", "test"])
    assert table["pairs"].to_dict() == splits[unseen].groupby("cohort").size().to_dict()
    assert (table["top5"] >= table["top1"]).all()
    assert (table["chance_top1"] == 1 / table["pool"]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "fine_tuning"}, "mode fine_tuning needs --features"),
        ({"init": "contrastive"}, "init contrastive needs --weights"),
        ({"ratio": 0.01}, "ratio 0.01: 0 of .* training studies"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    mri: Any, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        finetune(mri, tmp_path / "fit", "lvef", **options)


def test_subsets_are_nested_and_stratified() -> None:
    rng = np.random.default_rng(0)
    studies = pd.DataFrame({"study": [f"S{n}" for n in range(100)], "label": rng.normal(50, 10, 100)})
    drawn = {ratio: set(draw_training(studies, "lvef", ratio, 1)) for ratio in (0.1, 0.5, 1.0)}
    assert drawn[0.1] < drawn[0.5] < drawn[1.0]
    high = set(studies.loc[studies["label"] > studies["label"].median(), "study"])
    assert len(drawn[0.1] & high) == 5


def test_sentences_are_joined_and_cut() -> None:
    sentences = [[1, 7, 2], [1, 8, 9, 2], [1, 6, 2]]
    texts = {tuple(join(sentences, 2, 6, np.random.default_rng(seed))) for seed in range(50)}
    assert texts == {
        *[(1, 7, 2, 8, 9, 2), (1, 8, 9, 2, 7, 2), (1, 7, 2, 6, 2), (1, 6, 2, 7, 2)],
        *[(1, 8, 9, 2, 6, 2), (1, 6, 2, 8, 9, 2)],
    }
    assert len(join(sentences, 3, 6, np.random.default_rng(0))) == 6
    ids, mask = pad([[1, 7, 2], [1, 2]])
    assert ids.tolist() == [[1, 7, 2], [1, 2, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_retrieval_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    videos = torch.randn(70, 8, generator=generator)
    texts = videos + 2 * torch.randn(70, 8, generator=generator)
    found = measure_retrieval(videos, texts, 3)
    order = np.random.default_rng(3).permutation(70)
    hits = []
    for start in (0, 32, 64):
        own = order[start : start + 32]
        pool = [*own, *order[: 32 - len(own)]]
        for study in own:
            cosine = torch.nn.functional.cosine_similarity(videos[study][None], texts[pool])
            hits.append(int((cosine > cosine[pool.index(study)]).sum()))
    assert found["pairs"] == 70
    assert found["top1"] == pytest.approx(np.mean(np.array(hits) < 1))
    assert found["top5"] == pytest.approx(np.mean(np.array(hits) < 5))
