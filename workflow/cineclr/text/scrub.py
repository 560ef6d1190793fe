"""Names, dates and numbers of people taken out of a report, as far as patterns and contexts can tell.

Presidio's recognizers and ours, without a language model: nothing is fetched. What no pattern tells, such as
a name that stands alone in a sentence, stays; so the text remains on the private side. See docs/reports.md.
"""

import logging
from dataclasses import dataclass
from functools import cache

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.predefined_recognizers import IpRecognizer, UsSsnRecognizer

LANGUAGE = "en"
SHORTEST_WORD = 3  # characters of a known identifier; shorter ones would hit ordinary words
SHORTEST_NUMBER = 5  # digits of one that is a number; shorter ones would hit measurements

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY = r"\d{1,2}(?:st|nd|rd|th)?"
# Not ms or mr in small letters: "T1 1050 ms. Left ventricle" and "severe mr. Left atrium" name nobody.
TITLES = r"(?:[Dd]rs?|DR|Mrs?|Ms|Miss|[Pp]rof(?:essor)?|PROF)\.?"
# Words with a capital and initials, with what belongs before them; a field ends before the next heading.
PARTICLES = r"(?:(?:van|von|de[rnl]?|la|le|da|di|dos|el|al|bin|ter) ){0,3}"
WORD = rf"(?:{TITLES} ){{0,2}}+{PARTICLES}\p{{Lu}}(?:[\w'’-]++|\.|\b)"
JOIN = r"(?:,? ?(?:(?:and|&) )?|\^+)"
NAME = rf"{WORD}(?:{JOIN}{WORD}){{0,7}}"
FIELD = rf"{WORD}(?! ?:)(?:{JOIN}{WORD}(?! ?:)){{0,7}}"
DEGREES = r"(?:M\.?D\.?|D\.O\.|PhD|MBBS|FRCR|FACC|FRCP|FSCMR|R\.?N\.?|NP|PA-C)"
# What stands before a name: a role and a colon, or what somebody did.
ROLES = (
    r"(?:physician|provider|clinician|doctor|\w+ing md|radiologist|cardiologist|technologist|technician"
    r"|sonographer|consultant|fellow|resident|nurse|pcp|gp|attending|referring|ordering|requesting|signed"
    r"|author|performed by|patient|name|re)(?:\(s\)|s)?"
)
DEEDS = (
    r"(?:(?:signed|dictated|read|interpreted|reported|reviewed|approved|verified|transcribed|finalized"
    r"|authenticated|attested|entered|ordered|requested|referred|supervised) by"
    r"|discussed with|communicated to)"
)
AGE = r"\d{1,3}[ -]?(?:y\.?o\b|years?\b(?! (?:after|ago|post|later|since|of)))"
# Kind of replacement -> patterns. Measurements such as 3.5 cm, 45 % and 78 ml/m2 fit none of them.
PATTERNS: dict[str, tuple[str, ...]] = {
    "DATE": (
        r"\b\d{1,4}([-/.])\d{1,2}\1\d{2,4}\b",
        r"\b(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}\b",
        rf"(?i)\b{MONTH} {DAY},? \d{{4}}\b",
        rf"(?i)\b{DAY}(?: of)?[ -]?{MONTH}[ -]?\d{{2,4}}\b",
        rf"(?i)\b{MONTH} (?:19|20)\d{{2}}\b",
        rf"(?i)\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)\b",
        r"\b(?:19|20)\d{6}\b",
    ),
    "NUMBER": (
        r"(?i)\b(?:mrn|acc(?:ession)?|patient id|record|case|ssn|nhs|id|encounter|visit|order|csn)\b"
        r"[ .:#]*(?:no|number|nr)?[ .:#]*[A-Z]*-?\d[\w-]{3,}",
        r"\b[A-Z]{2,}[-_]?\d{5,}\w*\b",
        r"\b\d{7,}\b",
        r"\b\d(?:\.\d+){4,}\b",
    ),
    "PHONE": (
        r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{3,5}[ .-]\d{3,4}(?:[ .-]\d{3,4})+\b",
        r"(?<!\w)(?:\(\d{3}\) ?|\+\d{1,3}[ .-]\(?\d{1,4}\)?[ .-])\d{3,4}[ .-]?\d{3,4}\b",
        r"(?i)(?<=\b(?:phone|tel(?:ephone)?|fax|pager|ext)\b[ .:#]*)[+(]?\d[\d ()./-]{2,}\d",
    ),
    # Any domain, a hospital's own too: Presidio's recognizer fetches the list of the public ones.
    "EMAIL": (r"\b[\w.+'-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b",),
    "URL": (r"(?i)\b(?:https?://|www\.)\S+",),
    "NAME": (
        rf"\b(?:{TITLES} )++{NAME}",
        rf"\b{NAME}(?:,? {DEGREES}(?![\w:])|, {DEGREES}(?!\w))",
        rf"(?<=\b(?i:{ROLES}) ?:[ \t]*){FIELD}",
        rf"(?<=\b(?i:{DEEDS})[ \t]*:?\s*){FIELD}",
        rf"(?m)(?:^|(?<=[:.] )){WORD} {NAME}(?=, {AGE}| is an? {AGE})",
        rf"\b{NAME}(?=,? \(?(?:MRN|DOB|D\.O\.B|[Dd]ate of [Bb]irth)\b)",
        r"\b\p{L}{2,}(?:\^+\p{L}+)+",
        r"\A\s*\p{Lu}[\w'’-]{2,}, ?\p{Lu}[\w'’-]{2,}(?: \p{Lu}\.?)?(?=[ \t]*(?:\n|$))",
    ),
}
KINDS = {"IP_ADDRESS": "URL", "US_SSN": "NUMBER", "KNOWN": "NAME"}


@dataclass(frozen=True)
class Scrubbed:
    """A report without what was found, and how many pieces were replaced."""

    text: str
    replaced: int


class _NoLanguageModel(NlpEngine):
    """What Presidio asks of a language model, answered with nothing: our recognizers need none."""

    def load(self) -> None:
        """Load nothing."""

    def is_loaded(self) -> bool:
        """Return that nothing is missing."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Return no tokens and no entities."""
        return NlpArtifacts([], [], [], [], self, language)  # type: ignore[arg-type]

    def process_batch(self, texts, language, batch_size=1, n_process=1, **kwargs):
        """Yield no tokens and no entities for each text."""
        for text in texts:
            yield text, self.process_text(str(text), language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Return that no word is one."""
        return False

    def is_punct(self, word: str, language: str) -> bool:
        """Return that no word is punctuation."""
        return False

    def get_supported_entities(self) -> list[str]:
        """Return none."""
        return []

    def get_supported_languages(self) -> list[str]:
        """Return the one language."""
        return [LANGUAGE]


@cache
def _engine() -> AnalyzerEngine:
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # its notices may quote text
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    for kind, patterns in PATTERNS.items():
        found = [Pattern(f"{kind} {number}", regex, 0.8) for number, regex in enumerate(patterns)]
        registry.add_recognizer(PatternRecognizer(kind, name=kind, patterns=found, global_regex_flags=0))
    for recognizer in (IpRecognizer(), UsSsnRecognizer()):
        registry.add_recognizer(recognizer)
    return AnalyzerEngine(registry=registry, nlp_engine=_NoLanguageModel(), supported_languages=[LANGUAGE])


def scrub(text: str, known: tuple[str, ...] = ()) -> Scrubbed:
    """Replace what names a person by [NAME], [DATE], [NUMBER], [PHONE], [EMAIL] or [URL].

    `known` are identifiers of this patient, such as the record number in the sheet, which are replaced
    wherever they stand.
    """
    further: list[EntityRecognizer] = []
    words = sorted({word for word in known if len(word) >= _shortest(word)})
    if words:
        further = [PatternRecognizer("KNOWN", name="KNOWN", deny_list=words)]
    found = _engine().analyze(text, LANGUAGE, ad_hoc_recognizers=further)
    spans = _merge([(item.start, item.end, item.entity_type) for item in found if item.score >= 0.3])
    for start, end, kind in reversed(spans):
        text = f"{text[:start]}[{KINDS.get(kind, kind)}]{text[end:]}"
    return Scrubbed(text, len(spans))


def _shortest(word: str) -> int:
    return SHORTEST_NUMBER if word.isdigit() else SHORTEST_WORD


def _merge(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return spans in their order, overlapping ones as one, of the kind that begins first."""
    merged: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            last = merged[-1]
            merged[-1] = (last[0], max(last[1], end), last[2])
        else:
            merged.append((start, end, kind))
    return merged
