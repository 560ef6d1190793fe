"""What a paper and its released code say of each setting, and how a run departs from them.

A default is the paper's value unless it stands in the paper's `notes` with another one, or among its
`assumed`. Where nothing is said of the released code, it agrees or does not show.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cineclr.config.base import Section

# Settings of the machine or of the user's own files: they change no result that a paper could speak of.
OF_THE_MACHINE = frozenset(
    {
        "cpu_threads",
        "devices",
        "nodes",
        "kinetics400",
        "memory_gb",
        "seconds",
        "url",
        "allowed_hosts",
        "parallel",
    }
)
SHOWN = 3  # as many departures in a note; the rest is counted


class Note(NamedTuple):
    """What is known of a setting besides its default: the paper's value if another, the code's, a reason."""

    paper: str = ""
    released: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Paper:
    """What is known of a paper's settings, by their dotted names in its section of the configuration.

    Attributes:
        assumed: settings (or sections) for which the paper gives no value.
        elsewhere: settings that are no choice of the paper's, beside those of the machine.
        noted: sections whose departures are told in the note of the results tables; the others change data,
            not method.
        notes: what is known beside the default.
        defects: of the released code, in the order of the stages: what it does, and what happens here.
    """

    assumed: tuple[str, ...]
    elsewhere: tuple[str, ...]
    noted: tuple[str, ...]
    notes: dict[str, Note]
    defects: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Choice:
    """One setting beside its published values; `status` is paper, differs, assumed, or fixed (a defect)."""

    setting: str
    paper: str
    released_code: str
    this_run: str
    status: str
    note: str = ""


def list_choices(paper: Paper, section: Section) -> list[Choice]:
    """Return every scientific setting of a run beside the paper and the released code, then the defects."""
    defaults = dict(flatten(type(section)().model_dump(mode="json")))
    choices = [
        _compare(paper, setting, value, defaults.get(setting))
        for setting, value in flatten(section.model_dump(mode="json"))
        if _is_science(paper, setting)
    ]
    return choices + [Choice("", "", defect, here, "fixed") for defect, here in paper.defects]


def describe_departures(paper: Paper, section: Section) -> str:
    """Return the first settings of the method that are not at their defaults, for a results table's note."""
    ours, defaults = (dict(flatten(one.model_dump(mode="json"))) for one in (section, type(section)()))
    found = [
        f"{setting} {value} (paper: {defaults[setting]})"
        for setting, value in ours.items()
        if setting.split(".")[0] in paper.noted and _is_science(paper, setting)
        if not setting.endswith("precision") and value != defaults[setting]
    ]
    more = f" and {len(found) - SHOWN} more: see deviations.csv" if len(found) > SHOWN else ""
    return f"not the paper's settings: {', '.join(found[:SHOWN])}{more}" if found else ""


def _is_science(paper: Paper, setting: str) -> bool:
    return setting.rsplit(".", 1)[-1] not in OF_THE_MACHINE and setting not in paper.elsewhere


def _compare(paper: Paper, setting: str, value: Any, default: Any) -> Choice:
    note = paper.notes.get(setting, Note())
    if setting.startswith(paper.assumed):
        default_note = "" if value == default else f"default: {default}"
        reason = "; ".join(part for part in (note.reason, default_note) if part)
        return Choice(setting, "", note.released, str(value), "assumed", reason)
    published = note.paper or str(default)
    status = "paper" if str(value) == published else "differs"
    return Choice(setting, published, note.released, str(value), status, note.reason)


def flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return dotted names and values of nested sections; a list is one value."""
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        inside = isinstance(value, dict)
        flat += flatten(value, f"{prefix}{name}.") if inside else [(f"{prefix}{name}", value)]
    return flat
