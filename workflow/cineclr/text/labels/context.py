"""What a sentence says of what it mentions: present, absent, uncertain, in the past, or of the family.

After ConText (Harkema et al. 2009, doi 10.1016/j.jbi.2009.05.002): cue words before or behind a mention, each
with a reach that other words end.
"""

import re
from typing import Literal

Status = Literal["present", "absent", "uncertain", "historical", "family"]

# What ends the reach of a cue.
TURN = re.compile(
    r"\b(?:but|however|although|though|except|while|whereas|otherwise|yet|aside from)\b|[;:]|\.(?!\d)"
)
# A comma, `and` or `with` goes on with a list, unless a statement of its own begins behind it.
LIST = re.compile(r",(?: and| or)?|\band\b|\bwith\b")
STATEMENT = re.compile(
    r"\s*(?:there (?:is|are|was)|is |are |was |the |a |an |mild|moderate|sever|small|large|trace|trivial"
    r"|dilat|enlarg|increas|normal|mark|left|right|both|low|high|known|\d)"
)

NEGATION = re.compile(
    r"\b(?:no longer|no|not|nothing|without|denie[sd]|negative for|absence of|absent|free of|free from"
    r"|neither|never|exclud(?:es|ing)|rul(?:es|ed) out|lack of|fails? to|rather than|instead of|nor"
    r"|(?:argu|speak)\w* against|inconsistent with)\b(?!\s+(?:only|just))"
)
# `not` and its like that deny no finding.
NOT_NEGATION = re.compile(
    r"\b(?:no (?:significant )?(?:interval )?(?:change|increase|decrease)\b|not (?:only|just|certain|clear)"
    r"|cannot (?:be )?(?:entirely |completely |fully )?(?:exclude|rule)|not (?:entirely |completely |fully )?"
    r"(?:be )?exclude|without (?:interval )?change)\w*"
)
UNLIKELY = re.compile(r"\bunlikely\b")
NEGATION_BEHIND = re.compile(
    r"\b(?:(?:is|are|was|were|has been|have been) (?:not|absent|excluded|ruled out)|(?:not|no longer) (?:seen"
    r"|identified|present|visuali[sz]ed|evident|demonstrated|detected|met|fulfilled|noted|appreciated|visible"
    r"|found|confirmed)|excluded|absent|criteria (?:are|is) not|: (?:no|none|absent))\b"
)
# What is uncertain of a finding whose presence is not.
NOT_UNCERTAIN = re.compile(
    r"\b(?:uncertain|unclear|indeterminate|undetermined|questionable) "
    r"(?:a?etiology|significance|nature|origin|cause|age)\b"
)
UNCERTAIN = re.compile(
    r"\b(?:possibl[ey]|may|might|could|questionable|question(?: of)?|query|suspected|suspicious|suspicion"
    r"|possibility|rule out|exclude|evaluat(?:e|ion)(?: for| of)?|assess(?:ment)?(?: for| of)?"
    r"|borderline|unclear|uncertain|equivocal|differential|considerations?|cannot|consider|concerns?"
    r"|whether|versus|screening|can be seen (?:in|with))\b|\?"
)
UNCERTAIN_BEHIND = re.compile(
    r"\b(?:cannot (?:be )?\w*|not (?:be )?(?:entirely |completely |fully )?excluded|possible|could|might|may"
    r"|differential|suspected|(?:is|are|be) considered|in question|uncertain|equivocal|indeterminate|versus"
    r"|remains? a consideration)\b|\?"
)
EXAM = r"(?:study|studies|exam\w*|scan|imaging|report|echo\w*|magnetic|ct|comparison|\[\w+\])"
PAST = re.compile(
    rf"\b(?:status[- ]post|history of|(?:prior|previous(?:ly)?)(?! (?:\w+ )?{EXAM})|remote|old|healed"
    r"|post[- ](?:operative|surgical)|after|following|(?:resolution|resection|excision|removal|closure|repair"
    r"|replacement) of|repaired|resected|excised|removed|closed|corrected|treated|former)\b"
)
PAST_BEHIND = re.compile(
    r"\b(?:status[- ]post|(?:has |have )?resolved|(?:was |were |been )?(?:resected|repaired|closed|removed"
    r"|excised|corrected)|(?:device |patch |surgical )?(?:repair|closure|excision|resection)"
    r"|in (?:19|20)\d\d|in (?:childhood|infancy|remission)|as an? (?:child|infant|neonate)|years ago)\b"
)
FAMILY = re.compile(
    r"\b(?:family (?:history|member|screening)|familial history|mother|father|sister|brother|sibling|son"
    r"|daughter|cousin|uncle|aunt|grand(?:mother|father|parent)|degree relative"
    r"|relative(?= with| has| had| who)|parent)s?\b"
)
OF_FAMILY = re.compile(rf"\s*(?:in|of) (?:the |a |an |her |his )?(?:patient's )?{FAMILY.pattern}")
PREFIX = re.compile(r"\bnon[- ]?$")


def judge(text: str, start: int, end: int) -> Status:
    """Return the status of the mention text[start:end]; `text` is a sentence in lower case.

    An uncertain negation ("cannot be excluded") is uncertain; a family's finding is nothing of the patient's.
    """
    before, behind = _reach(text[:start], ahead=False), _reach(text[end:], ahead=True)
    if FAMILY.search(before) or OF_FAMILY.match(behind):
        return "family"
    if UNLIKELY.search(behind):
        return "absent"
    doubted_behind = bool(UNCERTAIN_BEHIND.search(_blank(behind, NOT_UNCERTAIN)))
    doubted = doubted_behind or _reaches(_blank(before, NOT_UNCERTAIN), UNCERTAIN)
    denied = _reaches(_blank(before, NOT_NEGATION), NEGATION) or bool(PREFIX.search(before))
    denied = denied or bool(NEGATION_BEHIND.search(_blank(behind, NOT_NEGATION)))
    if doubted and (not denied or doubted_behind or NOT_NEGATION.search(before)):
        return "uncertain"
    if denied:
        return "absent"
    if _reaches(before, PAST) or PAST_BEHIND.search(behind):
        return "historical"
    return "present"


def _blank(text: str, pattern: re.Pattern[str]) -> str:
    """Return the text with spaces in place of what the pattern finds."""
    return pattern.sub(lambda found: " " * len(found.group()), text)


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
