import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cineclr.config.base import Execution
from cineclr.config.echo import Augmentation, Encoder, Method, PretrainMethod
from cineclr.errors import InputError
from cineclr.models.r3d import R3D18
from cineclr.models.weights import load_strictly, load_weights
from cineclr.training.checkpoints import Checkpoints
from cineclr.training.inputs import open_inputs, select_videos
from cineclr.training.pretrain import Pretraining, pretrain_echo
from cineclr.training.session import StoppedError

ENCODER = Encoder(width=8, kinetics400="none")
SETTINGS = PretrainMethod(
    epochs=2, batch_size=8, learning_rate=1e-3, cpu_threads=1, augmentation=Augmentation(pad=1)
)
Pretrain = Callable[..., pd.DataFrame]


@pytest.fixture
def pretrain(cohort: Any, tmp_path: Path) -> Pretrain:
    def run(method: Method = "echoclr", name: str = "a", **changes: Any) -> pd.DataFrame:
        seed, execution = changes.pop("seed", 0), changes.pop("execution", Execution(probe_epochs=0))
        tensorboard = changes.pop("tensorboard", None)
        to_come = {"tasks": changes.pop("tasks", []), "ratios": changes.pop("ratios", [])}
        pretrain_echo(
            method,
            **{**cohort.inputs(), **changes.pop("inputs", {})},
            settings=SETTINGS.model_copy(update=changes),
            encoder=ENCODER,
            seed=seed,
            checkpoints=tmp_path / "checkpoints",
            output=tmp_path / f"{name}.safetensors",
            history=tmp_path / f"{name}.csv",
            execution=execution,
            tensorboard=tensorboard,
            **to_come,
        )
        return pd.read_csv(tmp_path / f"{name}.csv")

    return run


def stop_after(monkeypatch: pytest.MonkeyPatch, training: type, steps: int) -> None:
    """Send this process SIGTERM while it computes the given step, once."""
    original, done = training.compute, []

    def compute(self: Any, model: Any, batch: Any) -> Any:
        done.append(1)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, model, batch)

    monkeypatch.setattr(training, "compute", compute)


@pytest.mark.parametrize("method", ["simclr", "mi_simclr", "echoclr"])
def test_every_method_trains_and_writes_a_strict_encoder(
    pretrain: Pretrain, tmp_path: Path, method: Method
) -> None:
    history = pretrain(method)
    assert history["epoch"].tolist() == [1, 2]
    assert ("order_accuracy" in history) == (method == "echoclr")
    assert np.isfinite(history.to_numpy()).all()
    state, description = load_weights(tmp_path / "a.safetensors", "test")
    assert description["pretraining"] == method
    assert (description["frames"], description["size"], description["precision"]) == (
        4,
        [16, 16],
        "bf16-mixed",
    )
    load_strictly(R3D18(8), state, "test")
    assert not (tmp_path / "checkpoints").exists()


def test_losses_are_summed(pretrain: Pretrain) -> None:
    history = pretrain("echoclr", epochs=1)
    assert history["loss"].item() == pytest.approx(
        history["contrastive_loss"].item() + history["order_loss"].item()
    )


def test_probes_are_in_the_history_when_due_and_change_no_weight(pretrain: Pretrain, tmp_path: Path) -> None:
    probed = pretrain("simclr", name="a", epochs=3, execution=Execution(probe_epochs=2))
    alone = pretrain("simclr", name="b", epochs=3, execution=Execution(probe_epochs=0))
    assert probed["linear_auroc_severe_as"].notna().tolist() == [False, True, True]
    assert probed["knn_auroc_severe_as"].dropna().between(0, 1).all()
    assert not any("auroc" in name for name in alone.columns)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_collapse_is_told_while_it_lasts(
    pretrain: Pretrain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cineclr.training.pretrain.COLLAPSED", -1.0)
    pretrain("simclr", epochs=2)
    assert sum("has collapsed" in message for message in caplog.messages) == 2


def test_loss_falls(pretrain: Pretrain) -> None:
    losses = pretrain("simclr", epochs=8)["loss"]
    assert losses.iloc[-1] < losses.iloc[0] - 0.2


def test_equal_runs_write_equal_bytes_and_seeds_differ(pretrain: Pretrain, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pretrain(name=name, seed=seed)
    first, second, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert first == second != other
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize("step", [2, 3])  # amid an epoch of three steps, and at its end
def test_stopped_run_resumes_to_the_same_bytes(
    pretrain: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    pretrain(name="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, Pretraining, step)
        with pytest.raises(
            StoppedError, match=rf"epoch 1, step {step} of 3: stopped by SIGTERM; the state is saved"
        ):
            pretrain(name="a")
    assert not (tmp_path / "a.safetensors").exists()
    pretrain(name="a")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_damaged_newest_checkpoint_falls_back_to_the_one_before(
    pretrain: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(name="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, Pretraining, 5)
        with pytest.raises(StoppedError):
            pretrain(name="a", execution=Execution(save_minutes=0))
    files = sorted((tmp_path / "checkpoints").glob("*/*.pt"))
    assert [int(path.name.split("-")[0]) for path in files] == [4, 5]
    content = bytearray(files[-1].read_bytes())
    content[len(content) // 2] ^= 1
    files[-1].write_bytes(content)
    pretrain(name="a")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_other_settings_do_not_resume(
    pretrain: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(name="whole", temperature=0.1)
    with monkeypatch.context() as patch:
        stop_after(patch, Pretraining, 4)
        with pytest.raises(StoppedError):
            pretrain(name="a")
    used = []
    newest = Checkpoints.newest
    monkeypatch.setattr(Checkpoints, "newest", lambda self: used.append(newest(self)))
    pretrain(name="a", temperature=0.1)
    assert used == [None]
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_masking_same_study_changes_training(pretrain: Pretrain) -> None:
    plain, masked = pretrain(epochs=1), pretrain(epochs=1, mask_same_study=True)
    assert masked["contrastive_loss"].item() < plain["contrastive_loss"].item()


def test_loss_that_is_not_finite_stops(pretrain: Pretrain, tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"pretrain simclr, epoch 2: the loss or its gradient is no longer finite",
    ):
        pretrain("simclr", learning_rate=1e38, precision="32-true", epochs=8)
    assert not (tmp_path / "a.safetensors").exists()


def fail(monkeypatch: pytest.MonkeyPatch, steps: range) -> None:
    """Make the loss infinite at some steps of the run."""
    original, done = Pretraining.compute, []

    def compute(self: Any, model: Any, batch: Any) -> Any:
        done.append(1)
        values = original(self, model, batch)
        factor = torch.inf if len(done) in steps else 1.0
        return {**values, "loss": values["loss"] * factor}

    monkeypatch.setattr(Pretraining, "compute", compute)


def test_a_few_bad_steps_are_skipped(
    pretrain: Pretrain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(monkeypatch, range(2, 4))
    history = pretrain("echoclr", precision="32-true")
    assert np.isfinite(history.to_numpy()).all()
    assert "epoch 1: 2 of 3 steps skipped: not finite" in caplog.text


def test_an_epoch_may_be_skipped_whole(pretrain: Pretrain, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the first epochs of few steps in float16, until its scale is found."""
    monkeypatch.setattr(Pretraining, "steps", lambda self: 1)
    fail(monkeypatch, range(1, 2))
    history = pretrain("echoclr")
    assert history["loss"].notna().tolist() == [False, True]


def test_too_many_bad_steps_stop_and_keep_the_last_good_checkpoint(
    pretrain: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, range(3, 9))
    execution = Execution(save_minutes=0, skip_non_finite=1)
    with pytest.raises(InputError, match=r"Try a lower .*, clip_gradient_norm: 1, or precision: 32-true"):
        pretrain("echoclr", epochs=4, execution=execution)
    newest = max((tmp_path / "checkpoints").glob("*/*.pt"))
    assert newest.name.startswith("000000003-")  # one bad step was skipped; the second in a row is not saved


def test_micro_batches_are_contrasted_each_by_itself(pretrain: Pretrain) -> None:
    """Fewer negatives make a smaller loss: at random embeddings about log(2n - 1) for n pairs."""
    whole, parts = (
        pretrain("mi_simclr", epochs=1, accumulate=accumulate, learning_rate=1e-9, temperature=100.0)
        for accumulate in (1, 4)
    )
    assert whole["loss"].item() == pytest.approx(np.log(2 * 8 - 1), abs=0.05)
    assert parts["loss"].item() == pytest.approx(np.log(2 * 2 - 1), abs=0.05)


def test_tensorboard_shows_history_and_timing(pretrain: Pretrain, tmp_path: Path) -> None:
    history = pretrain("simclr", tensorboard=tmp_path / "events")
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    shown = [(event.step, event.value) for event in events.Scalars("loss")]
    assert shown == [(1, pytest.approx(history["loss"][0])), (2, pytest.approx(history["loss"][1]))]
    assert events.Scalars("clips_per_second")[0].value > 0
    assert 0 <= events.Scalars("data_wait_share")[0].value < 1


def test_compiled_network_trains_alike(pretrain: Pretrain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is captured for real; the compiler's own back end would only take long."""
    plain = pretrain("echoclr", epochs=1, precision="32-true")
    captured = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        captured.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    compiled = pretrain("echoclr", epochs=1, precision="32-true", execution=Execution(compile=True))
    assert captured
    assert compiled["loss"].item() == pytest.approx(plain["loss"].item(), rel=1e-3)


def test_ranks_share_a_batch(cohort: Any) -> None:
    """What two ranks read together is what one rank reads: clips, augmentation and shuffles."""
    studies, store = open_inputs(**cohort.inputs(), length=4)
    videos = select_videos(store, studies, "train")
    parts = []
    for world, rank in ((1, 0), (2, 0), (2, 1)):
        fabric = SimpleNamespace(world_size=world, global_rank=rank, device=torch.device("cpu"))
        training = Pretraining("mi_simclr", SETTINGS, store, videos, 5, fabric)  # type: ignore[arg-type]
        parts += training.read(1, 2)
    whole, first, second = parts
    for name in ("clips", "orders", "studies"):
        halves = [
            np.array_split(np.asarray(getattr(part, name)), 1 if name == "studies" else 2)
            for part in (first, second)
        ]
        joined = np.concatenate([half for halves_at in zip(*halves, strict=True) for half in halves_at])
        assert np.array_equal(np.asarray(getattr(whole, name)), joined)
    assert np.array_equal(whole.draws.degrees[:8], np.r_[first.draws.degrees[:4], second.draws.degrees[:4]])


def test_no_pairs_is_refused(pretrain: Pretrain, cohort: Any, tmp_path: Path) -> None:
    splits = pd.read_csv(cohort.splits)
    splits = splits[splits["study"].str[1:].astype(int) % 3 == 0]  # one video each
    splits.to_csv(tmp_path / "splits.csv", index=False)
    with pytest.raises(InputError, match="0 positive pairs in 6 training videos, at least 2 are needed"):
        pretrain("echoclr", inputs={"splits": tmp_path / "splits.csv"})


def test_short_videos_are_refused(pretrain: Pretrain) -> None:
    with pytest.raises(InputError, match="shorter than a clip of 13 frames"):
        pretrain("simclr", frames=13)


def test_a_subset_of_no_use_stops_it_before_the_first_step(pretrain: Pretrain, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"task severe_as, ratio 0\.01: a subset of 0 of the 18 labelled"):
        pretrain("simclr", tasks=["severe_as"], ratios=[0.01, 1.0])
    assert not (tmp_path / "a.safetensors").exists()
    pretrain("simclr", tasks=["severe_as"], ratios=[0.5, 1.0])
