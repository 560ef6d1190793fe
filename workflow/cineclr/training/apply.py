"""A fine-tuned model on new videos: the weights file says what it needs, nothing else of the run is read."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from cineclr.config.echo import Predict
from cineclr.errors import InputError
from cineclr.files import read_parquet, write_table
from cineclr.ledger import PASSED, Code, count_codes
from cineclr.models.weights import load_weights
from cineclr.training.device import make_repeatable
from cineclr.training.predict import load_classifier, predict_videos
from cineclr.video.folder import VideoFolder

logger = logging.getLogger(__name__)

DEFAULTS = Predict()
NEEDED = {"outputs", "task", "width", "frames", "size", "precision"}  # of a weights file's description


def predict(
    model: Path,
    videos: Path,
    output: Path,
    views: list[Path] | None = None,
    studies: Path | None = None,
    settings: Predict = DEFAULTS,
) -> None:
    """Predict every de-identified video (.avi, .mp4) in a folder with a model.safetensors of finetune-echo.

    Writes `video, frames, probability, code`, sorted by video. A video without a probability says why:
    decode_failed, too_short (fewer frames than the model's clip) or, with `views` (tables of
    classify-views), other_view. `studies` is a second table, `study, videos, set_aside, probability`: the
    mean over the videos of each folder.

    Both tables are written whole; then InputError (exit status 1) says how many videos did not decode or
    were too short, if any. InputError before that: a file that is no fine-tuned model, a folder without
    videos.
    """
    state, description = load_weights(model, "--model")
    _require_classifier(model, description)
    make_repeatable(settings.cpu_threads, seed=0)
    folder = VideoFolder(videos, tuple(description["size"]))
    if views:
        _keep_view(folder.videos, read_parquet(views))
    if studies and not folder.videos["video"].str.contains("/").all():
        raise InputError("--studies: some videos do not lie in the folder of a study, <study>/<video>.avi")
    folder.examine(description["frames"])
    table = folder.videos
    passed = table[table["code"] == PASSED].astype({"frames": "int64"})
    table["probability"] = float("nan")
    if len(passed):
        network = load_classifier(state, description, description["width"])
        table["probability"] = predict_videos(network, description, folder, passed, settings)
    write_table(table[["video", "frames", "probability", "code"]], output)
    if studies:
        write_table(average_folders(table), studies)
    counts = count_codes(table["code"])
    logger.info("%s: %d videos: %s", description["task"], len(table), counts)
    failed = sum(counts.get(code, 0) for code in (Code.DECODE_FAILED, Code.TOO_SHORT))
    if failed:
        raise InputError(f"--videos: {failed} of {len(table)} have no probability; see code in {output.name}")


def _require_classifier(model: Path, description: dict[str, Any]) -> None:
    if "outputs" not in description:
        raise InputError(f"--model: {model.name} holds no fine-tuned model; take a model.safetensors")
    if missing := NEEDED - set(description):
        lacks = ", ".join(sorted(missing))
        raise InputError(f"--model: {model.name} is of an earlier version (no {lacks}); fine-tune again")


def _keep_view(videos: pd.DataFrame, views: pd.DataFrame) -> None:
    """Set aside the videos that classify-views set aside; raise InputError if it has not seen one."""
    names = videos["video"].str.rsplit("/", n=1).str[-1].str.rsplit(".", n=1).str[0]
    codes = names.map(views.set_index("video")["code"])
    if codes.isna().any():
        raise InputError(
            f"--views: {int(codes.isna().sum())} of {len(videos)} videos are in none of the tables"
        )
    videos["code"] = codes.astype("str")


def average_folders(videos: pd.DataFrame) -> pd.DataFrame:
    """Average probabilities over the videos of each folder; missing where no video has one."""
    study = videos["video"].str.rsplit("/", n=1).str[0].rename("study")
    probabilities = videos["probability"].groupby(study, sort=True)
    counts = probabilities.agg(videos="count", set_aside="size", probability="mean")
    counts["set_aside"] -= counts["videos"]
    return counts.reset_index()
