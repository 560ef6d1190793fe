"""What every section of the configuration is made of, and the sections that both papers share."""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cineclr.errors import InputError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Fraction = Annotated[float, Field(gt=0, le=1)]
Rate = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of the configuration: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shards(Section):
    """How many jobs share the work of a stage; 30 to 60 minutes of work each is a good size."""

    scan: int = Field(16, ge=1, le=999, description="jobs that scan the input files")
    studies: int = Field(
        32, ge=1, le=999, description="jobs that de-identify, classify and preprocess studies"
    )


class Optimization(Section):
    """What every training's steps share."""

    batch_size: int = Field(ge=2, description="examples per optimizer step")
    accumulate: int = Field(
        1,
        ge=1,
        description="micro-batches whose gradients make one optimizer step, for less memory; negatives and "
        "batch normalisation see a micro-batch only",
    )
    clip_gradient_norm: float | None = Field(
        None,
        gt=0,
        description="largest norm of a step's gradient, which is scaled down to it; null: as it is",
    )

    @model_validator(mode="after")
    def _micro_batches_are_equal(self) -> Self:
        if self.batch_size % self.accumulate or self.batch_size // self.accumulate < 2:
            raise ValueError(
                f"batch_size is {self.batch_size}: not {self.accumulate} (accumulate) parts of 2 or more each"
            )
        return self


class Execution(Section):
    """How trainings are carried out; no part of their result, so that a change reruns nothing."""

    save_minutes: float = Field(
        10, ge=0, description="time between checkpoints: what a kill without warning may cost"
    )
    skip_non_finite: int = Field(
        3,
        ge=0,
        description="steps in a row with a gradient that is not finite that are skipped; more stop it",
    )
    compile: bool = Field(
        False,
        description="torch.compile the network: faster after minutes, other rounding, needs a C++ compiler",
    )
    probe_epochs: int = Field(
        10,
        ge=0,
        description="pretraining epochs between looks at what the frozen encoder knows of the validation "
        "labels; 0: never",
    )


Model = TypeVar("Model", bound=BaseModel)


def parse_settings(model: type[Model], value: Any, where: str = "", quote: bool = True) -> Model:
    """Validate `value` as `model`; raise InputError, a line per mistake: key, value, remedy.

    `quote=False` leaves the value out: where it may be a data path, or name a patient.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InputError("\n".join(_explain(item, where, quote) for item in error.errors())) from None


def _explain(item: Any, where: str, quote: bool) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "settings"
    if item["type"] == "extra_forbidden":
        return f"{where}{key}: no such setting"
    message = item["msg"].removeprefix("Value error, ")
    plain = isinstance(item["input"], str | int | float | bool | list)
    shown = f" (got {item['input']!r})" if quote and plain else ""
    return f"{where}{key}: {message}{shown}"
