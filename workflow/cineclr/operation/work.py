"""How many clips each job passes through a network: what its time on a GPU is made of."""

import math
from collections.abc import Callable
from typing import Literal

from cineclr.config import Config
from cineclr.config.cmr import LVEF
from cineclr.operation.cohort import CmrSize, EchoSize
from cineclr.operation.history import Job
from cineclr.operation.sizes import Sizes

Kind = Literal[
    "echo_pretrain", "echo_finetune", "echo_predict", "cmr_pretrain", "cmr_encode", "cmr_finetune", "cmr_head"
]
PROBE_DRAWS = 8  # clips of a validation study at each look during video-text pretraining
Work = dict[Kind, float]  # clips per kind of step


def _pretrain_echo(job: Job, config: Config, size: EchoSize) -> Work:
    """Both clips of every pair in every epoch."""
    method = job.wildcards["method"]
    pairs = size.train if method == "simclr" else size.pairs
    return {"echo_pretrain": 2 * pairs * getattr(config.echo.pretrain.epochs, method)}


def _finetune_echo(job: Job, config: Config, size: EchoSize) -> Work:
    """At most: a clip of each training and validation video per epoch; most trainings stop earlier."""
    task, epochs = job.wildcards["task"], config.echo.finetune.max_epochs
    train = float(job.wildcards["ratio"]) * size.labelled.get((task, "train"), 0)
    return {"echo_finetune": epochs * train, "echo_predict": epochs * size.labelled.get((task, "val"), 0)}


def _predict_echo(job: Job, config: Config, size: EchoSize) -> Work:
    """Some clips of each labelled video of the validation and test sets."""
    task = job.wildcards["task"]
    videos = sum(size.labelled.get((task, split), 0) for split in ("val", "internal", "external"))
    return {"echo_predict": config.echo.predict.clips_per_video * videos}


def _pretrain_cmr(job: Job, config: Config, size: CmrSize) -> Work:
    """A clip of every study per epoch, and the looks at the validation studies."""
    epochs, every = config.cmr.pretrain.epochs, config.execution.probe_epochs
    looks = epochs // every if every else 1
    return {
        "cmr_pretrain": epochs * size.pretraining.get("pretrain_train", 0),
        "cmr_encode": looks * PROBE_DRAWS * size.pretraining.get("pretrain_val", 0),
    }


def _extract_features(job: Job, config: Config, size: CmrSize) -> Work:
    """Every video of the downstream and test studies once."""
    return {"cmr_encode": size.encoded}


def _finetune_lvef(job: Job, config: Config, size: CmrSize) -> Work:
    """At most `max_steps` steps, in whole epochs, each with a validation."""
    settings = config.cmr.lvef
    train = float(job.wildcards["ratio"]) * size.studies.get((LVEF, "train"), 0)
    steps = max(1, math.ceil(train / settings.batch_size))
    epochs = max(1, settings.max_steps // steps)
    return _train_bags(job, epochs, train, size.bag(settings.sax_share), LVEF, size)


def _finetune_diagnosis(job: Job, config: Config, size: CmrSize) -> Work:
    """Every labelled study per epoch, and a validation."""
    settings, task = config.cmr.diagnoses, job.wildcards["diagnosis"]
    train = float(job.wildcards["ratio"]) * size.studies.get((task, "train"), 0)
    return _train_bags(job, settings.epochs, train, size.bag(settings.sax_share), task, size)


def _train_bags(job: Job, epochs: float, train: float, bag: float, task: str, size: CmrSize) -> Work:
    """Clips of training and validation; with a frozen encoder only the head sees them, as kept features."""
    validated = epochs * size.studies.get((task, "val"), 0) * size.videos
    if job.wildcards["mode"] == "fine_tuning":
        return {"cmr_head": epochs * train * bag + validated}
    return {"cmr_finetune": epochs * train * bag, "cmr_encode": validated}


def _predict_cmr(job: Job, config: Config, size: CmrSize) -> Work:
    """Every video of the labelled validation and test studies; kept features take seconds."""
    studies = sum(size.studies.get((job.wildcards["target"], split), 0) for split in ("val", "test"))
    return {} if job.wildcards["mode"] == "fine_tuning" else {"cmr_encode": studies * size.videos}


ECHO_WORK: dict[str, Callable[[Job, Config, EchoSize], Work]] = {
    "pretrain_echo": _pretrain_echo,
    "finetune_echo": _finetune_echo,
    "predict_echo": _predict_echo,
}
CMR_WORK: dict[str, Callable[[Job, Config, CmrSize], Work]] = {
    "pretrain_cmr": _pretrain_cmr,
    "extract_features": _extract_features,
    "finetune_lvef": _finetune_lvef,
    "finetune_diagnosis": _finetune_diagnosis,
    "predict_cmr": _predict_cmr,
}


def work_of(job: Job, config: Config, sizes: Sizes) -> Work:
    """Return the clips of a job per kind of step; none for a job without a network, or of negligible work."""
    if job.rule in ECHO_WORK and sizes.echo is not None:
        return ECHO_WORK[job.rule](job, config, sizes.echo)
    if job.rule in CMR_WORK and sizes.cmr is not None:
        return CMR_WORK[job.rule](job, config, sizes.cmr)
    return {}
