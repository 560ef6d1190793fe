import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cineclr.config.base import Execution
from cineclr.config.echo import Augmentation, Encoder, Finetune
from cineclr.data.reader import to_device
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.models.weights import KINETICS_MEAN, KINETICS_STD, describe_encoder, load_weights, save_weights
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.finetune import Finetuning, build_model, finetune_echo
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.loop import Loop
from cineclr.training.session import StoppedError, start_fabric

ENCODER = Encoder(width=8, kinetics400="none")
SETTINGS = Finetune(
    frames=4, batch_size=8, max_epochs=3, cpu_threads=1, precision="32-true", augmentation=Augmentation(pad=1)
)


@pytest.fixture
def finetune(cohort: Any, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(name: str = "a", **changes: Any) -> dict[str, Any]:
        cell = {"task": "severe_as", "init": "random", "ratio": 1.0, "learning_rate": 1e-3, "weights": None}
        cell |= {key: changes.pop(key) for key in list(changes) if key in cell}
        finetune_echo(
            **cell,
            **cohort.inputs(),
            settings=SETTINGS.model_copy(update=changes),
            encoder=ENCODER,
            execution=Execution(),
            seed=0,
            checkpoints=tmp_path / "checkpoints",
            output=tmp_path / f"{name}.safetensors",
            fit=tmp_path / f"{name}.json",
            history=tmp_path / f"{name}.csv",
        )
        return json.loads((tmp_path / f"{name}.json").read_text())

    return run


Run = Callable[..., dict[str, Any]]


def make_training(cohort: Any, **changes: Any) -> Finetuning:
    studies, store = open_inputs(**cohort.inputs(), length=4)
    train, val = (select_videos(store, studies, split, "severe_as") for split in ("train", "val"))
    settings = SETTINGS.model_copy(update=changes)
    return Finetuning("test", settings, store, train, val, 0, torch.device("cpu"))


def test_learns_what_is_plain_to_see(finetune: Run, tmp_path: Path) -> None:
    fit = finetune(max_epochs=6)
    history = pd.read_csv(tmp_path / "a.csv")
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    assert fit["best_val_loss"] == history["val_loss"].min() < 0.4
    assert fit["best_epoch"] == history["val_loss"].idxmin() + 1
    assert (fit["n_train"], fit["n_train_positive"]) == (18, 9)


def test_equal_runs_write_equal_bytes(finetune: Run, tmp_path: Path) -> None:
    for name in "ab":
        finetune(name, precision="bf16-mixed")
    for suffix in ("safetensors", "json", "csv"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("step", [7, 10])  # after the first epoch of five steps, and at the end of the second
def test_stopped_run_resumes_to_the_same_bytes(
    finetune: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    finetune("whole")
    original, done = Finetuning.compute, []

    def compute(self: Finetuning, model: Any, batch: Any) -> Any:
        done.append(1)
        if len(done) == step:
            os.kill(os.getpid(), signal.SIGUSR1)
        return original(self, model, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Finetuning, "compute", compute)
        with pytest.raises(StoppedError, match=r"epoch 2, step \d of 5: stopped by SIGUSR1"):
            finetune("a")
    finetune("a")
    for suffix in ("safetensors", "json", "csv"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"whole.{suffix}").read_bytes()


def test_weights_are_those_of_the_best_epoch(
    finetune: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, seen = iter([3.0, 1.0, 2.0, 1.5, 1.0, 0.1]), []

    def validate(self: Finetuning, model: torch.nn.Module) -> float:
        seen.append(model.state_dict()["fc.weight"].clone())
        return next(losses)

    monkeypatch.setattr(Finetuning, "_validate", validate)
    fit = finetune(max_epochs=6, patience=3)
    assert (fit["best_val_loss"], fit["best_epoch"], fit["epochs"], fit["stopped"]) == (1.0, 2, 5, "early")
    state, _ = load_weights(tmp_path / "a.safetensors", "test")
    assert torch.equal(state["fc.weight"], seen[1])


def test_a_validation_loss_that_is_not_finite_is_no_better_than_any(
    finetune: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([math.nan, 2.0, math.inf, math.nan])
    monkeypatch.setattr(Finetuning, "_validate", lambda self, model: next(losses))
    fit = finetune(max_epochs=6, patience=2)
    assert (fit["best_val_loss"], fit["best_epoch"], fit["stopped"]) == (2.0, 2, "early")


def test_a_rate_at_which_no_validation_loss_is_finite_is_refused(
    finetune: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Finetuning, "_validate", lambda self, model: math.nan)
    with pytest.raises(InputError, match=r"not finite in any of 2 epochs.*learning_rates"):
        finetune(max_epochs=6, patience=2)
    assert not (tmp_path / "a.json").exists()


def test_small_ratio_is_one_batch_of_what_is_there(finetune: Run, cohort: Any, tmp_path: Path) -> None:
    fit = finetune(ratio=0.25, batch_size=88)
    assert (fit["n_train"], fit["n_train_positive"], fit["stopped"]) == (4, 2, "max_epochs")
    training = make_training(cohort, batch_size=88)
    assert training.steps() == 1
    assert sum(len(part) for part in training.read(0, 0)) == len(training.train)


def test_an_epoch_sees_every_video_once_with_its_label(cohort: Any) -> None:
    training = make_training(cohort)
    batches = [part for step in range(training.steps()) for part in training.read(0, step)]
    labels = torch.cat([batch.labels for batch in batches])
    brightness = torch.cat([batch.clips.float().mean(dim=(1, 2, 3)) for batch in batches])
    assert len(labels) == len(training.train)
    assert torch.equal(labels == 1, brightness > 120)


@pytest.mark.parametrize("videos", [8, 7])  # 7 in parts of 4 and 3: weighted by their clips
def test_accumulated_gradient_is_that_of_the_whole_batch(cohort: Any, videos: int) -> None:
    """Without batch normalisation, which sees a micro-batch only."""
    weights = []
    for accumulate in (1, 2):
        torch.manual_seed(0)
        training = make_training(cohort, accumulate=accumulate, max_epochs=1)
        training.batches = [slice(0, videos)]
        training.finish_epoch = lambda model, epoch, means: ({}, True)  # type: ignore[method-assign]
        fabric = start_fabric("32-true", 1, 1, seed=0)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4 * 16 * 16, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, fused=True)
        Loop(fabric, model, optimizer, training, Checkpoints(Path("none"), "key"), Execution()).run()
        assert len(training.read(0, 0)) == accumulate
        weights.append(model[1].weight.detach())
    torch.testing.assert_close(*weights)


def test_positive_weight_balances_videos(cohort: Any) -> None:
    training = make_training(cohort)
    positives = training.train["label"].sum()
    assert float(training.weight) == pytest.approx((len(training.train) - positives) / positives)
    assert float(make_training(cohort, positive_weight="none").weight) == 1


def test_validation_loss_is_the_mean_over_centre_clips(cohort: Any) -> None:
    training = make_training(cohort, batch_size=3)
    model = R3D18(8).eval()
    model.fc = torch.nn.Linear(64, 1)
    losses = []
    model.requires_grad_(False)
    for row, video in training.val.iterrows():
        start = (video["frames"] - 4 + 1) // 2
        clip = to_device(torch.tensor(training.store.clip(row, start, 4).copy()), torch.device("cpu"))
        score = model(clip[None]).squeeze()
        weight = training.weight if video["label"] else 1
        losses.append(float(weight * torch.nn.functional.softplus(-score if video["label"] else score)))
    value, _ = training.finish_epoch(model, 0, {})
    assert value["val_loss"] == pytest.approx(np.mean(losses), rel=1e-4)


def test_studies_without_the_label_are_left_out(finetune: Run) -> None:
    fit = finetune(task="lvh", max_epochs=1)
    assert fit["n_train"] == 18 - 3  # training studies among the six whose mass index is missing


def test_only_kinetics_brings_a_standardisation(tmp_path: Path) -> None:
    for init, encoder in (
        ("kinetics400", R3D18(8, KINETICS_MEAN, KINETICS_STD)),
        ("echoclr", R3D18(8)),
    ):
        path = tmp_path / f"{init}.safetensors"
        save_weights(encoder.state_dict(), {**describe_encoder(encoder), "pretraining": init}, path)
        model = build_model(init, path, 8)  # type: ignore[arg-type]
        assert (model.mean, model.std) == (encoder.mean, encoder.std)
        assert torch.equal(model.stem[0].weight, encoder.stem[0].weight)


def test_wrong_or_missing_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    encoder = R3D18(8)
    save_weights(encoder.state_dict(), {**describe_encoder(encoder), "pretraining": "simclr"}, path)
    with pytest.raises(InputError, match="holds simclr, not echoclr"):
        build_model("echoclr", path, 8)
    with pytest.raises(InputError, match="init echoclr needs --weights"):
        build_model("echoclr", None, 8)
    with pytest.raises(InputError, match="init random takes no --weights"):
        build_model("random", path, 8)
    with pytest.raises(InputError, match=r"encoder\.width is 16"):
        build_model("simclr", path, 16)


def test_too_small_a_ratio_is_refused(finetune: Run) -> None:
    with pytest.raises(InputError, match=r"severe_as, ratio 0\.05"):
        finetune(ratio=0.05)
