"""How much disk the outputs of the planned jobs take, as far as it can be known before."""

from collections import Counter
from collections.abc import Sequence

from cineclr.config import Config
from cineclr.operation.history import Job
from cineclr.operation.sizes import Sizes

GIGABYTE = 1e9
BYTES = 4  # of a stored weight
# Weights of a 3D-ResNet18 of width 64, of the video encoders, of BERT-base and (True) MiniLM.
R3D18 = 33.2e6
MVIT = {"mvit_b_16x4": 36.7e6, "mvit_small": 0.85e6}
BERT = {False: 109.3e6, True: 22.6e6}
HEAD = 0.6e6  # last linear layer and attention of a model with a frozen encoder
STATE, KEPT = 4, 2  # a checkpoint holds weights, two moments and the best weights; two are kept
# Assumed: frames of a stored video; pixels of a slice as acquired; bytes of a de-identified frame.
ECHO_FRAMES, CMR_FRAMES, CMR_PIXELS, JPEG = 60, 25, 256 * 256, 35_000
# EchoCLR: videos of all views for every video of the wanted one.
VIDEOS_PER_KEPT = 447_653 / 30_136


def expect_disk(jobs: Sequence[Job], config: Config, sizes: Sizes) -> list[tuple[str, float, str]]:
    """Return what, gigabytes, and how that is known, of each large output of the planned jobs."""
    rules = Counter(job.rule for job in jobs)
    rows = [*_echo_videos(rules, config, sizes), *_studies(rules, config, sizes)]
    weights = [count for job in jobs if (count := count_weights(job, config))]
    if weights:
        rows.append(("models", sum(weights) * BYTES / GIGABYTE, f"{len(weights):,} trainings"))
        largest = max(weights) * BYTES * STATE * KEPT / GIGABYTE
        rows.append(("checkpoints", largest, "at most, of each training while it runs"))
    return rows


def count_weights(job: Job, config: Config) -> float:
    """Return the weights of the model that a job trains; 0 for a job that trains none."""
    if job.rule in ("pretrain_echo", "finetune_echo"):
        return R3D18 * (config.echo.encoder.width / 64) ** 2
    video, text = (
        MVIT[config.cmr.video_encoder.architecture],
        BERT[config.cmr.text_encoder.source == "minilm"],
    )
    if job.rule in ("finetune_lvef", "finetune_diagnosis"):
        return video if job.wildcards["mode"] == "transfer_learning" else HEAD
    return video + text if job.rule == "pretrain_cmr" else 0


def _echo_videos(rules: Counter[str], config: Config, sizes: Sizes) -> list[tuple[str, float, str]]:
    if sizes.echo is None:
        return []
    task = config.echo.finetune.tasks[0]
    videos = sum(count for (name, _), count in sizes.echo.labelled.items() if name == task)
    rows = []
    if rules["deidentify_echo"]:
        size = videos * VIDEOS_PER_KEPT * ECHO_FRAMES * JPEG / GIGABYTE
        rows.append(
            ("de-identified echo videos", size, f"assumed: {ECHO_FRAMES} frames of {JPEG // 1000} kB each")
        )
    if rules["preprocess_clips"]:
        size = videos * ECHO_FRAMES * config.echo.clips.size**2 / GIGABYTE
        rows.append(("echo clips", size, f"{config.echo.clips.size}² pixels; assumed: {ECHO_FRAMES} frames"))
    return rows


def _studies(rules: Counter[str], config: Config, sizes: Sizes) -> list[tuple[str, float, str]]:
    if sizes.cmr is None or not rules["convert_studies"]:
        return []
    pretraining = sum(sizes.cmr.pretraining.values()) * sizes.cmr.videos
    stored = config.cmr.studies.size
    pixels = stored**2 if stored else CMR_PIXELS
    size = (pretraining + sizes.cmr.encoded) * CMR_FRAMES * pixels / GIGABYTE
    return [("MRI studies (HDF5)", size, f"assumed: {CMR_FRAMES} frames of {pixels:,} pixels")]
