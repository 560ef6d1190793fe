"""Diagnoses by rules: mentions by the lexicon, what is said of them by context, and a study's label."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from cineclr.config.cmr import DIAGNOSES, Policy
from cineclr.text.labels.context import Status, judge
from cineclr.text.labels.lexicon import LEXICON, NORMAL, PARTS, Change, Name, write_out

# The impression is the reader's last word; an indication asks, and a history tells what was.
FINAL = re.compile(r"impression|conclusion|summary|interpretation", re.IGNORECASE)
ASKING = re.compile(r"indication|reason|question|request|technique|protocol|procedure", re.IGNORECASE)
TELLING = re.compile(r"history|clinical", re.IGNORECASE)
# A change and its part stand in one phrase.
PHRASE = re.compile(r"[;,]|\b(?:but|while|whereas|however|although|with no|without|and no)\b")
JOINED = re.compile(r"\s*(?:and|or|as well as) (?:the )?|/")
GRADE_REACH = 45  # characters around a mention in which its grade may stand
LARGE_MM = 20.0  # an effusion deeper than this is large (ESC guideline on pericardial diseases, 2015)
DEPTH = re.compile(r"(\d+(?:\.\d+)?)\s?(cm|mm)\b")

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


def find_mentions(sentence: str, section: str = "") -> list[Mention]:
    """Return what a sentence says of each diagnosis, one mention of each, the first that counts most."""
    text = write_out(sentence)
    found: dict[str, list[Mention]] = {}
    for task, entry in LEXICON.items():
        for start, end in _places(text, entry):
            mention = _judge(text, start, end, task, entry)
            found.setdefault(task, []).append(_in_section(mention, section))
    if NORMAL.search(text) and not ASKING.search(section):
        found["normal"] = [Mention("normal", "present")]
    return [min(mentions, key=lambda one: ORDER.index(one.status)) for mentions in found.values()]


ORDER: tuple[Status, ...] = ("present", "historical", "uncertain", "absent", "family")


def decide(statements: Iterable[tuple[str, Mention]]) -> StudyStatus:
    """Return a study's status of one diagnosis from (section, mention) of all its sentences.

    A definite statement of the impression counts before the others; then present comes before historical,
    uncertain, absent and family. None at all is not_mentioned.
    """
    known = list(statements)
    last = [one.status for section, one in known if FINAL.search(section) and one.status != "uncertain"]
    statuses = last or [one.status for _, one in known]
    return min(statuses, key=ORDER.index) if statuses else "not_mentioned"


def to_label(status: StudyStatus, uncertain: Policy, historical: Policy) -> float:
    """Return 1, 0 or NaN of a status; what a report does not mention it does not find: 0."""
    values = {"positive": 1.0, "negative": 0.0, "missing": float("nan")}
    if status == "present":
        return 1.0
    if status in ("uncertain", "historical"):
        return values[uncertain if status == "uncertain" else historical]
    return 0.0


def decide_normal(says_normal: bool, statuses: Iterable[StudyStatus]) -> StudyStatus:
    """Return whether a study is normal: a report that says so, and no other diagnosis present."""
    abnormal = any(status in ("present", "historical") for status in statuses)
    return "present" if says_normal and not abnormal else "absent"


def _places(text: str, entry: Name | Change) -> Iterator[tuple[int, int]]:
    if isinstance(entry, Name):
        yield from (match.span() for match in _compiled(entry.names).finditer(text))
        return
    for start, end in _phrases(text):
        parts = [(name, match) for name, match in _parts(text, start, end)]
        for change in _compiled(entry.change).finditer(text, start, end):
            if {name for name, _ in _owners(text, parts, change)} & set(entry.parts):
                yield change.span()


def _phrases(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for turn in PHRASE.finditer(text):
        yield start, turn.start()
        start = turn.end()
    yield start, len(text)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[str, re.Match[str]]]:
    for name, pattern in PARTS.items():
        for match in _compiled(pattern).finditer(text, start, end):
            yield name, match


def _owners(
    text: str, parts: list[tuple[str, re.Match[str]]], change: re.Match[str]
) -> list[tuple[str, re.Match[str]]]:
    """Return the part nearest to a change, and those that `and` or `or` joins to it."""
    if not parts:
        return []
    owners = [min(parts, key=lambda part: _gap(text, part[1], change))]
    for part in sorted(parts, key=lambda part: _gap(text, part[1], change))[1:]:
        first, second = sorted((owners[-1][1], part[1]), key=lambda match: match.start())
        if JOINED.fullmatch(text[first.end() : second.start()]):
            owners.append(part)
    return owners


def _gap(text: str, part: re.Match[str], change: re.Match[str]) -> float:
    """Return the characters between a part and a change; an `and` between them keeps them apart."""
    first, second = sorted((part, change), key=lambda match: match.start())
    between = text[first.end() : second.start()]
    return max(0, len(between)) + 30 * len(re.findall(r"\band\b", between))


def _judge(text: str, start: int, end: int, task: str, entry: Name | Change) -> Mention:
    status = judge(text, start, end)
    if not entry.grade:
        return Mention(task, status)
    near = text[max(0, start - GRADE_REACH) : end + GRADE_REACH]
    grade = _compiled(rf"\b(?:{entry.grade})").search(near)
    severity = grade.group() if grade else _depth(near) if task == "large_pericardial_effusion" else ""
    return Mention(task, status if severity or status in ("absent", "family") else "absent", severity)


def _depth(text: str) -> str:
    """Return the depth of an effusion as written, if it is large; otherwise nothing."""
    for number, unit in DEPTH.findall(text):
        if float(number) * (10 if unit == "cm" else 1) > LARGE_MM:
            return f"{number} {unit}"
    return ""


def _in_section(mention: Mention, section: str) -> Mention:
    """Return a mention as its section means it: an indication states nothing, a history tells of the past."""
    if ASKING.search(section):
        return Mention(mention.task, "family" if mention.status == "family" else "absent", mention.severity)
    if TELLING.search(section) and mention.status == "present":
        return Mention(mention.task, "historical", mention.severity)
    return mention


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


UNNAMED = set(DIAGNOSES) - set(LEXICON) - {"normal"}
if UNNAMED:
    raise ValueError(f"diagnoses without an entry in the lexicon: {sorted(UNNAMED)}")
