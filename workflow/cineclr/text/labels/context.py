"""What a sentence says of what it mentions: present, absent, uncertain, in the past, or of the family.

After ConText (Harkema et al. 2009, doi 10.1016/j.jbi.2009.05.002): cue words before or behind a mention, each
with a reach that other words end.
"""

import re
from typing import Literal

Status = Literal["present", "absent", "uncertain", "historical", "family"]

# What ends the reach of a cue.
TURN = re.compile(r"\b(?:but|however|although|though|except|while|whereas|otherwise|yet|aside from)\b|[;:.]")
# A comma or `and` goes on with a list, unless a statement of its own begins behind it.
LIST = re.compile(r",(?: and| or)?|\band\b|\bwith\b")
STATEMENT = re.compile(
    r"\s*(?:there (?:is|are|was)|is |are |was |the |a |an |mild|moderate|sever|small|large|trace|trivial"
    r"|dilat|enlarg|increas|normal|mark|left|right|both|low|high|\d)"
)

NEGATION = re.compile(
    r"\b(?:no longer|no|not|without|denie[sd]|negative for|absence of|absent|free of|free from|neither|never"
    r"|exclud(?:es|ing)|rul(?:es|ed) out|lack of|fails? to|rather than|nor|non)\b(?!\s+(?:only|just))"
)
# `not` and its like that deny no finding.
NOT_NEGATION = re.compile(
    r"\b(?:no (?:significant )?(?:interval )?(?:change|increase|decrease)\b|not (?:only|just|certain|clear)"
    r"|cannot (?:be )?(?:entirely |completely |fully )?(?:exclude|rule)|not (?:entirely |completely |fully )?"
    r"(?:be )?exclude|without (?:interval )?change)\w*"
)
NEGATION_BEHIND = re.compile(
    r"\b(?:(?:is|are|was|were|has been|have been) (?:not|absent|excluded|ruled out)|not (?:seen|identified"
    r"|present|visualized|visualised|evident|demonstrated|detected|met|fulfilled|noted|appreciated)"
    r"|(?:is|are) unlikely|unlikely|excluded|absent|(?:criteria )?(?:are|is) not|: (?:no|none|absent))\b"
)
UNCERTAIN = re.compile(
    r"\b(?:possibl[ey]|may|might|could|questionable|question of|query|suspected|suspicious|suspicion"
    r"|possibility|rule out|exclude|evaluat(?:e|ion)(?: for| of)?|assess(?:ment)?(?: for| of)?"
    r"|borderline|unclear|uncertain|equivocal|differential|cannot|consider|concern(?:s)? for"
    r"|whether|versus|screening)\b|\?"
)
UNCERTAIN_BEHIND = re.compile(
    r"\b(?:cannot (?:be )?\w*|not (?:be )?(?:entirely |completely |fully )?excluded|is possible|possible"
    r"|differential|is suspected|suspected|is considered|are considered|in question|uncertain|equivocal"
    r"|indeterminate|versus|remains? a consideration|should be considered)\b|\?"
)
PAST = re.compile(
    r"\b(?:status[- ]post|history of|prior|previous(?:ly)?|remote|post|repaired|resected|closed|corrected"
    r"|treated|former)\b"
)
PAST_BEHIND = re.compile(
    r"\b(?:status[- ]post|(?:has |have )?resolved|(?:was|were|has been) (?:resected|repaired|closed|removed)"
    r"|repair\b|in (?:19|20)\d\d|no longer)\b"
)
FAMILY = re.compile(
    r"\b(?:family (?:history|member|screening)|familial history|mother|father|sister|brother|sibling|son"
    r"|daughter|cousin|uncle|aunt|grand\w+|relative|parent)s?\b"
)
OF_FAMILY = re.compile(rf"\s*(?:in|of) (?:the |a |her |his )?(?:patient's )?{FAMILY.pattern}")
PREFIX = re.compile(r"\bnon[- ]?$")


def judge(text: str, start: int, end: int) -> Status:
    """Return the status of the mention text[start:end]; `text` is a sentence in lower case.

    An uncertain negation ("cannot be excluded") is uncertain; a family's finding is nothing of the patient's.
    """
    before, behind = _reach(text[:start], ahead=False), _reach(text[end:], ahead=True)
    if FAMILY.search(text[:start]) or OF_FAMILY.match(behind):
        return "family"
    doubtful = bool(UNCERTAIN.search(before) or UNCERTAIN_BEHIND.search(behind))
    plain = NOT_NEGATION.sub(lambda found: " " * len(found.group()), before)
    denied = bool(_reaches(plain, NEGATION) or PREFIX.search(before))
    denied = denied or bool(NEGATION_BEHIND.search(NOT_NEGATION.sub(" ", behind)))
    if doubtful and not (denied and not UNCERTAIN_BEHIND.search(behind) and not _cannot(before)):
        return "uncertain"
    if denied:
        return "absent"
    if PAST.search(before) or PAST_BEHIND.search(behind):
        return "historical"
    return "present"


def _cannot(before: str) -> bool:
    return bool(NOT_NEGATION.search(before))


def _reach(text: str, ahead: bool) -> str:
    """Return what stands between the mention and the nearest turn of the sentence."""
    turns = list(TURN.finditer(text))
    if not turns:
        return text
    return text[: turns[0].start()] if ahead else text[turns[-1].end() :]


def _reaches(before: str, cue: re.Pattern[str]) -> bool:
    """Return whether the last cue reaches the mention: no statement of its own begins between them."""
    found = list(cue.finditer(before))
    if not found:
        return False
    between = before[found[-1].end() :]
    rest = [between[part.end() :] for part in LIST.finditer(between)]
    return not any(STATEMENT.match(part) for part in rest)
