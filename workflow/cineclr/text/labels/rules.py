"""Diagnoses by rules: mentions by the lexicon, what is said of them by context, and a study's label."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cineclr.config.cmr import DIAGNOSES, Policy
from cineclr.text.labels.context import Status, judge
from cineclr.text.labels.grade import grade_of
from cineclr.text.labels.lexicon import LEXICON, NORMAL, write_out
from cineclr.text.labels.places import Entry, compiled, find_places

# The impression is the reader's last word; an indication asks, and a history tells what was.
FINAL = re.compile(r"impression|conclusion|summary|interpretation", re.IGNORECASE)
ASKING = re.compile(r"indication|reason|question|request|technique|protocol|procedure", re.IGNORECASE)
TELLING = re.compile(r"history|clinical", re.IGNORECASE)
LARGE_MM = 20.0  # an effusion deeper than this is large (ESC guideline on pericardial diseases, 2015)
DEPTH = re.compile(r"[^;:]{0,45}?(\d+(?:\.\d+)?)\s?(cm|mm)\b")
# A mass that has a name is no other mass.
NAMED_MASSES = ("atrial_myxoma", "cardiac_thrombus", "cardiac_tumor")
KEPT_SENTENCES = 100_000  # sentences that recur are read once

StudyStatus = Literal["present", "absent", "uncertain", "historical", "family", "not_mentioned"]


@dataclass(frozen=True)
class Mention:
    """What one sentence says of a diagnosis.

    Attributes:
        status: present, absent, uncertain, historical or family; a grade that does not count is absent.
        severity: the word that grades it, or empty.
    """

    task: str
    status: Status
    severity: str = ""


@lru_cache(KEPT_SENTENCES)
def find_mentions(sentence: str, section: str = "") -> tuple[Mention, ...]:
    """Return what a sentence says of each diagnosis, one mention of each, the first that counts most.

    An indication asks: of it only what lies in the past counts, and nothing of a technique. A history tells
    of the past, and what it asks does not count either.
    """
    text = write_out(sentence)
    found: dict[str, list[Mention]] = {}
    for task, entry, start, end in find_places(text):
        mention = _judge(text, start, end, task, entry)
        if mention and (mention := _in_section(mention, section)):
            found.setdefault(task, []).append(mention)
    statement = NORMAL.search(text)
    if statement and not ASKING.search(section) and judge(text, *statement.span()) == "present":
        found["normal"] = [Mention("normal", "present")]
    return tuple(min(mentions, key=lambda one: ORDER.index(one.status)) for mentions in found.values())


ORDER: tuple[Status, ...] = ("present", "historical", "uncertain", "absent", "family")


def decide(statements: Iterable[tuple[str, Mention]]) -> StudyStatus:
    """Return a study's status of one diagnosis from (section, mention) of all its sentences.

    A definite statement of the impression counts before the others; then present comes before historical,
    uncertain, absent and family. None at all is not_mentioned.
    """
    known = list(statements)
    final = [one for section, one in known if FINAL.search(section) and one.status != "uncertain"]
    statuses = [one.status for one in final or [one for _, one in known]]
    return min(statuses, key=ORDER.index) if statuses else "not_mentioned"


def to_label(status: StudyStatus, uncertain: Policy, historical: Policy) -> float:
    """Return 1, 0 or NaN of a status; what a report does not mention it does not find: 0."""
    values = {"positive": 1.0, "negative": 0.0, "missing": float("nan")}
    if status == "present":
        return 1.0
    if status in ("uncertain", "historical"):
        return values[uncertain if status == "uncertain" else historical]
    return 0.0


def decide_normal(statuses: Iterable[StudyStatus]) -> StudyStatus:
    """Return whether a study whose report calls it normal is so: no other diagnosis, nor one of the past."""
    abnormal = any(status in ("present", "historical") for status in statuses)
    return "absent" if abnormal else "present"


def is_named_mass(statuses: dict[str, StudyStatus]) -> bool:
    """Return whether the mass of a report is a myxoma, thrombus or tumour, and so no `other_cardiac_mass`."""
    return any(statuses.get(task) == "present" for task in NAMED_MASSES)


def _judge(text: str, start: int, end: int, task: str, entry: Entry) -> Mention | None:
    """Return a mention with status and grade; None if the diagnosis asks for a grade and none is told."""
    status, severity = judge(text, start, end), grade_of(text, start, end)
    if status == "historical" and entry.lasting:
        status = "present"
    if not entry.grade or status in ("absent", "family") or compiled(entry.grade).search(severity):
        return Mention(task, status, severity)
    depth = DEPTH.match(text, end) if task == "large_pericardial_effusion" else None
    if depth:
        large = float(depth[1]) * (10 if depth[2] == "cm" else 1) > LARGE_MM
        return Mention(task, status if large else "absent", f"{depth[1]} {depth[2]}")
    return Mention(task, "absent", severity) if severity else None


def _in_section(mention: Mention, section: str) -> Mention | None:
    """Return a mention as its section means it; None if it counts for nothing there."""
    told = mention.status in ("historical", "family")
    if ASKING.search(section):
        return mention if told else None
    if TELLING.search(section):
        if mention.status == "present":
            return Mention(mention.task, "historical", mention.severity)
        return mention if told or mention.status == "absent" else None
    return mention


UNNAMED = set(DIAGNOSES) - set(LEXICON) - {"normal"}
if UNNAMED:
    raise ValueError(f"diagnoses without an entry in the lexicon: {sorted(UNNAMED)}")
