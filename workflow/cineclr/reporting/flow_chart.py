"""The cohort flow in words and boxes, from `flow.json`; where to draw them, not how."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cineclr.errors import InputError
from cineclr.files import require_file
from cineclr.ledger import MEANING, Code
from cineclr.reporting.names import CMR_SPLIT_NAMES, SPLIT_NAMES
from cineclr.reporting.suppress import is_small, show_count

# What has passed a stage; a stage not named here keeps its own name.
PASSED_STAGE = {
    "scan": "Echo cine clips, readable",
    "deidentify": "Clips de-identified",
    "views": "Clips of the chosen view",
    "clips": "Clips long enough to train on",
    "cohort": "Clips of the study cohort",
    "scan_cmr": "MR images, readable",
    "studies": "Images of the four cine views",
    "cohort_cmr": "Images of the study cohort",
}
PRETRAINING = ("pretrain_train", "pretrain_val")
# What a file that passed is called, and what a split's `videos` count.
VIDEO_OF = {"clip": "clip", "image": "cine slice"}


@dataclass(frozen=True)
class Step:
    """One box of the main column and what was set aside on the way to it.

    Attributes:
        title: what the files in the box are.
        count: the line under the title, such as `8,204 clips, 552 studies`.
        set_aside: (number, reason) lines of the box beside the arrow that leads here, their sum first; empty
            where nothing was set aside.
    """

    title: str
    count: str
    set_aside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Split:
    """One box at the foot: a split and its studies and clips."""

    title: str
    studies: str
    clips: str


@dataclass(frozen=True)
class FlowChart:
    """The boxes of a flow diagram, from top to bottom, then the splits side by side, then a footnote."""

    steps: tuple[Step, ...]
    splits: tuple[Split, ...]
    footnote: tuple[str, ...]


def read_flow(path: Path) -> dict[str, Any]:
    """Read `flow.json`; keys beyond the ones used here are welcome.

    Raises:
        InputError: no such file, or a key of the contract is missing.
    """
    require_file(path, "cohort flow", "Run build-cohort first.")
    flow = json.loads(path.read_text())
    if missing := [key for key in ("files", "stages", "studies_by_split", "videos") if key not in flow]:
        raise InputError(f"cohort flow {path.name}: no {', '.join(missing)}; run build-cohort again")
    return flow


def describe_flow(flow: Mapping[str, Any], min_cell: int = 1) -> FlowChart:
    """Return the flow chart; raise InputError where a file would be lost between two stages.

    Counts of fewer than `min_cell` studies are withheld, and those whose differences would show so few;
    counts of files are not people and stay.
    """
    studies, unit = _shown_studies(flow, min_cell), flow.get("unit", "clip")
    steps = [Step("Files found", _with_studies(_count(flow["files"], "file"), studies.get("input")))]
    left = flow["files"]
    for stage in flow["stages"]:
        name, out = stage["stage"], sum(stage["set_aside"].values())
        if stage["input"] != left or stage["passed"] + out != left:
            raise InputError(
                f"cohort flow: stage {name} should take in {left} files, but counts {stage['input']} in, "
                f"{stage['passed']} passed and {out} set aside"
            )
        left = stage["passed"]
        count = _with_studies(_count(left, unit), studies.get(name))
        steps.append(Step(PASSED_STAGE.get(name, name), count, _set_aside(stage["set_aside"])))
    splits = [
        Split(
            _name_split(name),
            _count(number, "study", min_cell),
            _count(flow["videos"].get(name, 0), VIDEO_OF[unit]),
        )
        for name, number in sorted(flow["studies_by_split"].items(), key=_split_rank)
    ]
    return FlowChart(tuple(steps), tuple(splits), tuple(_footnote(flow, left, min_cell)))


def _shown_studies(flow: Mapping[str, Any], min_cell: int) -> dict[str, int]:
    """Return the counts of studies, by stage, of which no two differ by a small number of studies.

    The splits add up to the last stage: beside a split too small to show, no stage's count can stand.
    """
    studies: Mapping[str, int] = flow.get("studies", {})
    splits = flow["studies_by_split"].values()
    if any(is_small(number, min_cell) for number in splits):
        return {}
    shown, after = {}, sum(splits)
    for name in reversed(["input", *(stage["stage"] for stage in flow["stages"])]):
        number = studies.get(name)
        if number is None or is_small(number, min_cell) or is_small(abs(number - after), min_cell):
            continue
        shown[name] = after = number
    return shown


def _with_studies(files: str, studies: int | None) -> str:
    return files if studies is None else f"{files}, {_count(studies, 'study')}"


def _set_aside(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """Return the box beside an arrow: the sum, then each reason in words, the most frequent first."""
    if not counts:
        return ()
    ordered = sorted(counts.items(), key=_most_frequent)
    reasons = ((f"{number:,}", reason_of(code)) for code, number in ordered)
    return ((f"{sum(counts.values()):,}", "set aside"), *reasons)


def reason_of(code: str) -> str:
    """Return a code of the ledger in words; a code that the ledger does not know stays as it is."""
    return MEANING[Code(code)] if code in set(Code) else code


def _most_frequent(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _split_rank(item: tuple[str, int]) -> tuple[int, str]:
    order = [*PRETRAINING, *SPLIT_NAMES, "test"]
    return (order.index(item[0]) if item[0] in order else len(order)), item[0]


def _name_split(name: str) -> str:
    """Return a split, of a cohort of its own maybe, such as `northern test`, as a reader knows it."""
    cohort, _, split = name.rpartition(" ")
    shown = {**SPLIT_NAMES, **CMR_SPLIT_NAMES}.get(split, split)
    return f"{cohort}: {shown.lower()}" if cohort else shown


def _footnote(flow: Mapping[str, Any], used: int, min_cell: int) -> list[str]:
    files = flow["files"]
    notes = [f"Every file is counted once: {files:,} found = {used:,} used + {files - used:,} set aside."]
    if without := flow.get("training_studies_without_pair", 0):
        studies = _count(without, "training study", min_cell)
        notes.append(f"{studies} with a single clip: no pair for multi-instance pretraining.")
    if flow.get("missing_lvh", 0):
        # Not how many: Table S1 counts them by split, and may have to withhold some.
        notes.append("Studies without LV mass index have no LVH label; they count for severe AS only.")
    if flow.get("missing_lvef", 0):
        notes.append("Studies without an LVEF count for the diagnoses only.")
    if flow.get("splits") == "given":
        notes.append("Splits were given with the data, not drawn.")
    if min_cell > 1:
        notes.append(f"Counts of studies that would show fewer than {min_cell} are withheld.")
    return notes


def _count(number: int, noun: str, min_cell: int = 1) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    if is_small(number, min_cell):
        return f"{show_count(number, min_cell)} {plural}"
    return f"{number:,} {noun if number == 1 else plural}"
