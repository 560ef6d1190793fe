"""Testing the models of another run: what both runs must have in common, recorded beside the models."""

import json
from pathlib import Path
from typing import Any, Literal

from cineclr.config import Config
from cineclr.errors import InputError
from cineclr.files import write_json
from cineclr.published import flatten

Wing = Literal["echo", "cmr"]

# Sections and settings that a model is of, and those of the pixels that it has learned from.
OF_MODELS: dict[Wing, tuple[str, ...]] = {
    "echo": (
        *("deidentify.mask", "deidentify.threshold", "deidentify.codec", "deidentify.jpeg_quality"),
        *("views.architecture", "views.classes", "views.keep", "views.size", "clips.size", "encoder"),
        *("finetune.tasks", "finetune.inits", "finetune.ratios"),
        *("finetune.learning_rates", "finetune.search_up_to", "finetune.frames"),
    ),
    "cmr": (
        *("studies.size", "studies.white_percentile", "video_encoder", "text_encoder"),
        *("lvef.inits", "lvef.modes", "lvef.ratios"),
        *("diagnoses.tasks", "diagnoses.inits", "diagnoses.modes", "diagnoses.ratios"),
    ),
}
# Lists that name models: some of them may be tested without the others.
GRID = {"tasks", "inits", "modes", "ratios"}


def describe_models(config: Config, wing: Wing) -> dict[str, Any]:
    """Return the settings of a wing's models by their dotted names, and the seed of random weights."""
    settings = flatten(getattr(config, wing).model_dump(mode="json"))
    chosen = {name: value for name, value in settings if _is_of(name, OF_MODELS[wing])}
    return {"seed": config.seed, **{f"{wing}.{name}": value for name, value in chosen.items()}}


def _is_of(name: str, sections: tuple[str, ...]) -> bool:
    return any(name == section or name.startswith(f"{section}.") for section in sections)


def record_models(settings: str, output: Path) -> None:
    """Write what `describe_models` returned, given as JSON, for the runs that test these models."""
    write_json(json.loads(settings), output)


def read_models(results: Path, config: Config, wing: Wing) -> dict[str, Any]:
    """Return what the run `config.models` recorded of its models; `results` is the folder of all runs.

    Raises InputError where there is no record, or it does not agree with `config`.
    """
    record = results / str(config.models) / wing / "models.json"
    if not record.is_file():
        raise InputError(describe_missing(config, wing, record, "record_models"))
    recorded = json.loads(record.read_text())
    if difference := find_difference(describe_models(config, wing), recorded):
        raise InputError(
            f"config: {difference} (run '{config.models}'). Take that run's configuration to test its models"
        )
    return recorded


def describe_missing(config: Config, wing: Wing, path: Path, rule: str) -> str:
    """Return that the models' run lacks a file, which rule makes it, and what to do."""
    return (
        f"models: run '{config.models}' lacks {path} (rule {rule}). Finish that run first, without `models`: "
        f"snakemake {wing}_tables --config run={config.models}"
    )


def find_difference(ours: dict[str, Any], recorded: dict[str, Any]) -> str:
    """Return the first setting in which a run differs from that of the models; empty if none matters.

    Of a list that names models a part is enough. The seed may differ.
    """
    for name, value in ours.items():
        theirs = recorded.get(name)
        if name == "seed" or value == theirs:
            continue
        if name.rsplit(".", 1)[-1] not in GRID or not isinstance(theirs, list):
            return f"{name} is {value}, that of the models {theirs}"
        if missing := [one for one in value if one not in theirs]:
            return f"{name} has {missing[0]}, but there are models of {', '.join(map(str, theirs))} only"
    return ""
