"""What the first paper and its released code say of each setting, and how a run departs from them.

A default is the paper's value unless it stands in `NOTES` with another one, or among the `ASSUMED`. The
released code is the authors' public repository and, for intake, their sibling one; where nothing is said of
it, it agrees or does not show.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from cineclr.config import Echo

# Settings (or sections) for which the paper gives no value.
ASSUMED = (
    "deidentify.min_kept_fraction",
    "deidentify.jpeg_quality",
    "deidentify.keep_colour_doppler",
    "deidentify.max_frames",
    "views.training",
    "clips.min_frames",
    "clips.short",
    "pretrain.accumulate",
    "pretrain.clip_gradient_norm",
    "pretrain.precision",
    "pretrain.sync_batch_norm",
    "finetune.accumulate",
    "finetune.clip_gradient_norm",
    "finetune.positive_weight",
    "finetune.precision",
    "predict.clips_per_video",
    "evaluation.test_samples",
    "evaluation.target_sensitivity",
    "evaluation.target_specificity",
    "evaluation.subgroups",
    "evaluation.age_bands",
    "evaluation.min_cell",
)
# Settings of the machine or of the user's own files: they change no result that the paper could speak of.
OF_THE_MACHINE = frozenset({"cpu_threads", "devices", "nodes", "kinetics400", "memory_gb", "seconds"})
ELSEWHERE = ("views.classifier", "views.architecture", "views.classes", "views.keep", "predict.batch_size")
# Sections whose departures are told in the note of the results tables; the others change data, not method.
NOTED = ("clips", "encoder", "pretrain", "finetune", "predict")
SHOWN = 3  # as many of them; the rest is counted


class Note(NamedTuple):
    """What is known of a setting besides its default: the paper's value if another, the code's, a reason."""

    paper: str = ""
    released: str = ""
    reason: str = ""


NOTES: dict[str, Note] = {
    "deidentify.mask": Note(
        paper="threshold",
        released="every pixel that is not 0 becomes 255, then the threshold",
        reason="few grey levels of a real clip reach 200, so the threshold alone keeps next to nothing",
    ),
    "views.frame_choice": Note(released="frames 0 to 9, from a wrong property of the video reader"),
    "pretrain.temperature": Note(released="0.05"),
    "pretrain.mask_same_study": Note(released="False"),
    "pretrain.sync_batch_norm": Note(released="False"),
    "predict.clips_per_video": Note(released="4"),
    "finetune.positive_weight": Note(reason="both classes weigh the same; the paper names no loss"),
    "cohort.split_unit": Note(reason="a patient may have studies in several splits; `patient` prevents it"),
    "evaluation.test_samples": Note(reason="pROC's own default is 2,000"),
    "evaluation.target_sensitivity": Note(
        reason="chosen on the validation split; the cardiac MRI paper chose on the data it reported"
    ),
}
NOTES["evaluation.target_specificity"] = NOTES["evaluation.target_sensitivity"]

# Defects of the released code, in the order of the stages: what it does, and what happens here. No settings.
DEFECTS: tuple[tuple[str, str], ...] = (
    (
        "grey and palette clips, those under 25 frames per second and small folders are dropped unsaid",
        "decoded, or counted out by name",
    ),
    ("every AVI is stamped 5 frames per second", "the frame rate of the DICOM header"),
    ("blank clips divide 0 by 0", "set aside with a code"),
    ("1 % subsets can lack positives", "stratified and nested; refused where a class would be missing"),
    ("the pretraining script stops with a NameError and ignores its method flags", "all three methods run"),
    ("LVH runs train on the severe AS label", "each task has its own label"),
    ("BGR frames are normalised with RGB Kinetics statistics", "one grey channel, the right statistics"),
    ("dropout after the logit", "none"),
    ("hyperparameters in a folder name that is deleted on a rerun", "checkpoints kept under a hash; resumed"),
    ("95 % intervals between the 5th and 95th percentile (sibling repository)", "the 2.5th and the 97.5th"),
)


@dataclass(frozen=True)
class Choice:
    """One setting beside its published values; `status` is paper, differs, assumed, or fixed (a defect)."""

    setting: str
    paper: str
    released_code: str
    this_run: str
    status: str
    note: str = ""


def list_choices(echo: Echo) -> list[Choice]:
    """Return every scientific setting of a run beside the paper and the released code, then the defects."""
    paper = dict(_flatten(Echo().model_dump(mode="json")))
    choices = [
        _compare(setting, value, paper.get(setting))
        for setting, value in _flatten(echo.model_dump(mode="json"))
        if _is_science(setting)
    ]
    return choices + [Choice("", "", defect, here, "fixed") for defect, here in DEFECTS]


def describe_departures(echo: Echo) -> str:
    """Return the first settings of the method that are not at their defaults, for a results table's note."""
    ours, defaults = (dict(_flatten(echo.model_dump(mode="json"))) for echo in (echo, Echo()))
    found = [
        f"{setting} {value} (paper: {defaults[setting]})"
        for setting, value in ours.items()
        if setting.split(".")[0] in NOTED and _is_science(setting) and not setting.endswith("precision")
        if value != defaults[setting]
    ]
    more = f" and {len(found) - SHOWN} more: see deviations.csv" if len(found) > SHOWN else ""
    return f"not the paper's settings: {', '.join(found[:SHOWN])}{more}" if found else ""


def _is_science(setting: str) -> bool:
    return setting.rsplit(".", 1)[-1] not in OF_THE_MACHINE and setting not in ELSEWHERE


def _compare(setting: str, value: Any, default: Any) -> Choice:
    note = NOTES.get(setting, Note())
    if setting.startswith(ASSUMED):
        default_note = "" if value == default else f"default: {default}"
        reason = "; ".join(part for part in (note.reason, default_note) if part)
        return Choice(setting, "", note.released, str(value), "assumed", reason)
    published = note.paper or str(default)
    status = "paper" if str(value) == published else "differs"
    return Choice(setting, published, note.released, str(value), status, note.reason)


def _flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return dotted names and values of nested sections; a list is one value."""
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        inside = isinstance(value, dict)
        flat += _flatten(value, f"{prefix}{name}.") if inside else [(f"{prefix}{name}", value)]
    return flat
