"""How severe or large a mention is called: the grading word that belongs to it, not to its neighbour."""

import re

WORD = (
    r"(?:trace|trivial|tiny|minimal|minor|physiologic\w*|small|mild(?:ly)?|moderate(?:ly)?|large|severe(?:ly)?"
    r"|marked(?:ly)?|massive(?:ly)?|huge|voluminous|critical(?:ly)?|torrential|wide[- ]open"
    r"|grade (?:[1-4]|iv|i{1,3})|[1-4]\+)"
)
GRADE = rf"{WORD}(?:(?: ?- ?| ?/ ?| to |-to-| or ){WORD})?"
BEFORE = re.compile(rf"\b{GRADE}(?!\w)")
# "regurgitation is now severe", "effusion (large)", "stenosis: mild".
SAID_OF_IT = re.compile(
    rf"\s*(?:\([^)]*\) )?(?:(?:that |which )?(?:is|are|was|remains|appears)|:|\() ?"
    rf"(?:now |currently |at least |graded |also )*({GRADE})(?!\w)"
)
# "stenosis, severe", where no noun takes the grade away.
ADDED = re.compile(rf"\s*,? ({GRADE})(?=\s*(?:$|[.,;()]|by |with |on |at |up |based |measuring ))")
# Another finding between a grade and a mention has the grade for itself, unless `and` shares it.
OWNER = re.compile(
    r"dilat\w*|enlarg\w*|hypertroph\w*|effusions?|steno\w+|regurgitation|insufficiency|impair\w*|reduced"
    r"|dysfunction|thickened|\btr\b|\bai\b|\bar\b|[;:.]|\b(?:with|but|without|while)\b|,"
)


def grade_of(text: str, start: int, end: int) -> str:
    """Return the grade of the mention text[start:end] of a lower-case sentence; empty if it has none."""
    said = SAID_OF_IT.match(text, end)
    if said:
        return said.group(1)
    before = list(BEFORE.finditer(text, 0, start))
    if before and not OWNER.search(text[before[-1].end() : start]):
        return before[-1].group()
    added = ADDED.match(text, end)
    return added.group(1) if added else ""
