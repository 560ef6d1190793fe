"""The configuration: one model per section, unknown keys refused, cross-field rules checked at load."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from cineclr.config.base import Execution, Section, Shards, parse_settings
from cineclr.config.cmr import Cmr
from cineclr.config.echo import Echo
from cineclr.publishing import publish

RUN_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


class DemoCmr(Section):
    """The MRI wing of the synthetic hospital."""

    patients: int = Field(400, ge=24, description="patients of the clinical cohort; the others have a third")
    frames: int = Field(16, ge=8, description="frames of a typical slice")
    size: int = Field(64, ge=48, description="rows of a typical frame")
    slices: tuple[int, int] = Field((6, 9), description="least and most slices of a SAX stack")


class Demo(Section):
    """The synthetic hospital of the demo; leave this section out for real data."""

    studies: int = Field(560, ge=12, description="echo studies")
    frames: int = Field(20, ge=8, description="frames of a typical clip")
    full_size_share: float = Field(
        0.02, ge=0, le=1, description="share of clips written at a scanner's full size"
    )
    cmr: DemoCmr | None = Field(None, description="the MRI wing; leave it out for echo alone")


class Config(Section):
    """All scientific choices of a run."""

    run: str = Field("main", pattern=RUN_NAME, description="name of the run: results/<run>, private/<run>")
    models: str | None = Field(
        None,
        pattern=RUN_NAME,
        description="a finished run whose trained models are tested on all of this run's data, and nothing "
        "is trained; null: this run trains its own",
    )
    private: str = Field(
        "private", min_length=1, description="folder of the private side; nobody else may read it"
    )
    seed: int = Field(0, ge=0, description="root of all randomness")
    shards: Shards = Shards()
    echo: Echo = Echo()
    cmr: Cmr = Cmr()
    execution: Execution = Execution()
    demo: Demo | None = Field(None, description="make a synthetic hospital instead of reading a real one")

    @field_validator("models")
    @classmethod
    def _are_of_another_run(cls, models: str | None, info: ValidationInfo) -> str | None:
        if models is not None and models == info.data.get("run"):
            raise ValueError("is this run itself; name a finished run, and this one otherwise with run=NAME")
        return models

    @field_validator("cmr")
    @classmethod
    def _somebody_trains(cls, cmr: Cmr, info: ValidationInfo) -> Cmr:
        if info.data.get("models") is None and "development" not in cmr.cohort.roles.values():
            raise ValueError("cohort.roles: no cohort is `development`, so nothing could be pretrained")
        return cmr

    @field_validator("private")
    @classmethod
    def _is_apart_from_results(cls, private: str) -> str:
        if Path(private).resolve().is_relative_to(Path("results").resolve()):
            raise ValueError("must lie outside results/, which is made to be shared")
        return private


def load_config(values: dict[str, Any]) -> Config:
    """Return the checked configuration; raise InputError that lists every mistake."""
    return parse_settings(Config, values, where="config: ")


def write_schema(output: Path) -> None:
    """Write the JSON schema of config.yaml."""
    with publish(output) as temporary:
        temporary.write_text(json.dumps(Config.model_json_schema(), indent=2) + "\n")
