"""Where a sentence names a diagnosis: by its own name, or as a change of the nearest part of the heart."""

import re
from collections.abc import Iterator
from functools import cache

from cineclr.text.labels.lexicon import LEXICON, PARTS, Change, Name

# A change and its part stand in one phrase.
PHRASE = re.compile(r"[;,]|\b(?:but|while|whereas|however|although|with no|without|and no)\b")
JOINED = re.compile(r"\s*(?:,|,? ?(?:and|or|as well as)|/|&)\s*(?:the )?")
LAST_JOINED = re.compile(r"and|or|as well as|/|&")
# Behind a change that a phrase without a part of its own says of the part before: no noun.
NO_NOUN = re.compile(
    r"\s*(?:$|[.,;:()]|\d|(?:at|with|to|in|of \d|up|by|and|but|measuring|is|was|seen|noted|present)\b)"
)
# A tumour of the liver and a clot in a leg are none of the heart's.
ELSEWHERE = re.compile(
    r"\b(?:hepatic|liver|lungs?|lobes?|renal|kidneys?|breasts?|vertebra\w*|spin(?:e|al)|bones?|osseous|thyroid"
    r"|adrenal|splen\w+|pleural|axillary|portal|jugular|deep vein|femoral|pulmonary (?:embol\w+|nodules?))\b"
)
HEART = re.compile(
    r"\b(?:\w*cardia\w*|heart|atri\w+|ventric\w+|myocardi\w+|intracavitary|valv\w+|sept\w+|apex|apical)\b"
)
AND_APART = 30  # characters: how much an `and` keeps a change and a part apart

Entry = Name | Change
Part = tuple[int, int, frozenset[str]]  # start, end, names: one part, or several that are listed together


def find_places(text: str) -> Iterator[tuple[str, Entry, int, int]]:
    """Yield (task, entry, start, end) of every mention in a sentence as `write_out` returns it."""
    parts: list[Part] | None = None
    for task, entries in LEXICON.items():
        for entry in entries if isinstance(entries, tuple) else (entries,):
            if isinstance(entry, Name):
                if not (entry.anywhere and ELSEWHERE.search(text) and not HEART.search(text)):
                    yield from (
                        (task, entry, *match.span()) for match in compiled(entry.names).finditer(text)
                    )
                continue
            for change in compiled(entry.change).finditer(text):
                parts = _list_parts(text) if parts is None else parts
                if _owner(text, parts, change) & set(entry.parts):
                    yield task, entry, *change.span()


def _list_parts(text: str) -> list[Part]:
    """Return the parts of the heart in a sentence; those that a list joins ("LV, LA and RA") as one."""
    found = sorted(
        (*match.span(), frozenset([name]))
        for name, pattern in PARTS.items()
        for match in compiled(pattern).finditer(text)
    )
    parts: list[Part] = []
    run: list[tuple[int, int, frozenset[str]]] = []
    for part in [*found, None]:
        if part and (not run or JOINED.fullmatch(text[run[-1][1] : part[0]])):
            run.append(part)
            continue
        parts += _close(text, run)
        run = [part] if part else []
    return parts


def _close(text: str, run: list[Part]) -> list[Part]:
    """Return a run of parts as one if it is a list, which ends with `and` or its like; otherwise singly."""
    if len(run) < 2 or not LAST_JOINED.search(text[run[-2][1] : run[-1][0]]):
        return run
    return [(run[0][0], run[-1][1], frozenset().union(*(names for _, _, names in run)))]


def _owner(text: str, parts: list[Part], change: re.Match[str]) -> frozenset[str]:
    """Return the names of the part that a change belongs to; empty if it belongs to none."""
    inside = [match.span() for match in PHRASE.finditer(text)]
    cuts = [cut for cut in inside if not any(start <= cut[0] < end for start, end, _ in parts)]
    first = max((end for _, end in cuts if end <= change.start()), default=0)
    last = min((start for start, _ in cuts if start >= change.end()), default=len(text))
    own = [part for part in parts if part[0] >= first and part[1] <= last]
    if own:
        return min(own, key=lambda part: _gap(text, part, change))[2]
    earlier = [part for part in parts if part[1] <= first]
    return earlier[-1][2] if earlier and NO_NOUN.match(text, change.end()) else frozenset()


def _gap(text: str, part: Part, change: re.Match[str]) -> int:
    """Return the characters between a part and a change; an `and` between them keeps them apart."""
    start, end = sorted((part[:2], change.span()))
    between = text[start[1] : end[0]]
    return len(between) + AND_APART * len(re.findall(r"\band\b", between))


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern."""
    return re.compile(pattern)
