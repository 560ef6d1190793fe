"""What reaches a training: verified videos, in an order that is a function of seed, epoch and rank."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.config.base import Execution
from cineclr.config.echo import Augmentation, Encoder, Finetune, Predict, PretrainMethod
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.models.weights import describe_encoder, load_weights, save_weights
from cineclr.training import finetune
from cineclr.training.apply import predict
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.pretrain import Pretraining
from cineclr.video.avi import write_avi

PRETRAIN = PretrainMethod(epochs=2, batch_size=8, augmentation=Augmentation(pad=1))
FINETUNE = Finetune(frames=4, batch_size=8, max_epochs=1, cpu_threads=1, augmentation=Augmentation(pad=1))


def test_damaged_frames_stop_the_jobs_that_would_use_them(cohort: Any, tmp_path: Path) -> None:
    """The byte lies in a test video: trainings go on, predictions do not."""
    splits = pd.read_csv(cohort.splits).set_index("study")["split"]
    index = pd.read_parquet(cohort.clips[0])
    hit = index[index["study"].map(splits) == "internal"].iloc[1]
    content = bytearray(cohort.frames[0].read_bytes())
    behind = index["frames"].sum() - hit["offset"] - hit["frames"]
    content[-behind * 16 * 16 - 1] ^= 4  # the last byte of that video
    damaged = tmp_path / "shard_0.npy"
    damaged.write_bytes(content)
    studies, store = open_inputs(cohort.splits, cohort.clips, [damaged, cohort.frames[1]], length=4)
    for part in ("train", "val"):
        assert len(select_videos(store, studies, part))
    with pytest.raises(InputError, match=rf"shard_0\.npy: the frames of {hit['video']} are damaged"):
        select_videos(store, studies, "internal")


def test_a_batch_is_a_function_of_seed_epoch_and_rank(cohort: Any) -> None:
    """Whatever was read before; other seeds, epochs and ranks read other pairs."""
    studies, store = open_inputs(**cohort.inputs(), length=4)
    videos = select_videos(store, studies, "train")

    def read(seed: int, epoch: int, rank: int, before: int = 0) -> np.ndarray:
        fabric: Any = SimpleNamespace(world_size=2, global_rank=rank, device=torch.device("cpu"))
        training = Pretraining("mi_simclr", PRETRAIN, store, videos, seed, fabric)
        for step in range(before):
            training.read(7, step % training.steps())
        return np.concatenate([part.clips.numpy() for part in training.read(epoch, 1)])

    first = read(0, 0, 0)
    assert np.array_equal(first, read(0, 0, 0, before=5))
    for other in (read(1, 0, 0), read(0, 1, 0), read(0, 0, 1)):
        assert not np.array_equal(first, other)


@pytest.fixture
def models(cohort: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Fine-tune from two inits on a third of the labels; return the studies that each was trained on."""
    encoder = R3D18(8)
    description = {**describe_encoder(encoder), "pretraining": "echoclr"}
    save_weights(encoder.state_dict(), description, tmp_path / "encoder.safetensors")
    trained: dict[str, set[str]] = {}
    for init, weights in (("random", None), ("echoclr", tmp_path / "encoder.safetensors")):

        def select(store: Any, studies: Any, split: str, task: Any, init: str = init) -> pd.DataFrame:
            videos = select_videos(store, studies, split, task)
            if split == "train":
                trained[init] = set(videos["study"])
            return videos

        monkeypatch.setattr(finetune, "select_videos", select)
        finetune.finetune_echo(
            *("severe_as", init, 0.35, 1e-3),  # type: ignore[arg-type]
            **cohort.inputs(),
            settings=FINETUNE,
            encoder=Encoder(width=8, kinetics400="none"),
            execution=Execution(),
            seed=0,
            checkpoints=tmp_path / "checkpoints",
            output=tmp_path / f"{init}.safetensors",
            fit=tmp_path / f"{init}.json",
            history=tmp_path / f"{init}.csv",
            weights=weights,
        )
    return trained


def test_every_init_is_trained_on_the_same_studies(models: dict[str, set[str]]) -> None:
    assert models["random"] == models["echoclr"]
    assert 0 < len(models["random"]) <= 6


def test_a_fine_tuned_file_predicts_new_videos_by_itself(models: dict[str, set[str]], tmp_path: Path) -> None:
    path = tmp_path / "echoclr.safetensors"
    _, description = load_weights(path, "test")
    assert description["size"] == [16, 16]
    assert (description["frames"], description["precision"]) == (4, "bf16-mixed")
    assert (description["task"], description["range"], description["resize"]) == ("severe_as", [0, 1], "area")
    write_avi(tmp_path / "new" / "V1.avi", np.full((6, 48, 64), 90, np.uint8), 30)
    predict(path, tmp_path / "new", tmp_path / "new.csv", settings=Predict(cpu_threads=1))
    assert 0 < pd.read_csv(tmp_path / "new.csv")["probability"].item() < 1
