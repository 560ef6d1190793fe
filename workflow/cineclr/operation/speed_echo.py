"""Speeds of the first paper's steps: pretraining, fine-tuning, prediction."""

from torch import nn

from cineclr.config import Config
from cineclr.config.echo import Finetune, PretrainMethod
from cineclr.models.r3d import R3D18
from cineclr.operation.stage import EPOCHS, Measured, Scale, time_call, time_training
from cineclr.operation.stand_ins import RandomVideos
from cineclr.training.device import make_repeatable
from cineclr.training.finetune import Finetuning
from cineclr.training.predict import predict_videos
from cineclr.training.pretrain import ContrastiveModel, Pretraining
from cineclr.training.session import start_fabric


def measure_pretraining(config: Config, scale: Scale) -> Measured:
    """EchoCLR, the method with the most to compute."""
    own = config.echo.pretrain
    batch = scale.batch(own.batch_size // (own.devices * own.nodes * own.accumulate), 8)
    changed = {"epochs": EPOCHS, "batch_size": batch, "accumulate": 1, "devices": 1, "nodes": 1}
    settings = PretrainMethod(**{**own.model_dump(), **changed})
    store = RandomVideos(2 * batch * scale.steps, settings.frames, config.echo.clips.size)
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, config.seed)
    training = Pretraining("echoclr", settings, store, store.videos, config.seed, fabric)
    model = ContrastiveModel(R3D18(config.echo.encoder.width), settings, predict_order=True)
    speed = time_training(fabric, model, training)
    return Measured(speed, f"EchoCLR, {settings.precision}, {batch} pairs a step")


def measure_finetuning(config: Config, scale: Scale) -> Measured:
    """One output, binary cross-entropy."""
    own = config.echo.finetune
    batch = scale.batch(own.batch_size // own.accumulate, 8)
    changed = {"max_epochs": EPOCHS, "batch_size": batch, "accumulate": 1}
    settings = Finetune(**{**own.model_dump(), **changed})
    store = RandomVideos(batch * scale.steps, settings.frames, config.echo.clips.size)
    fabric = start_fabric(settings.precision, 1, settings.cpu_threads, config.seed)
    videos = store.videos
    training = Finetuning("fine-tune", settings, store, videos, videos, config.seed, fabric.device)
    speed = time_training(fabric, _classifier(config), training)
    return Measured(speed, f"{settings.precision}, {batch} clips a step")


def measure_prediction(config: Config, scale: Scale) -> Measured:
    """Forward passes of the fine-tuned network."""
    fine, settings = config.echo.finetune, config.echo.predict
    batch = scale.batch(settings.batch_size, 8)
    settings = settings.model_copy(update={"clips_per_video": 1, "batch_size": batch})
    make_repeatable(settings.cpu_threads, config.seed)
    store = RandomVideos(batch * scale.steps, fine.frames, config.echo.clips.size)
    model, facts = _classifier(config), {"frames": fine.frames, "precision": fine.precision}
    speed = time_call(lambda: predict_videos(model, facts, store, store.videos, settings), len(store.videos))
    return Measured(speed, f"forward, {fine.precision}, {batch} clips a step")


def _classifier(config: Config) -> R3D18:
    model = R3D18(config.echo.encoder.width)
    model.fc = nn.Linear(model.features, 1)
    return model
