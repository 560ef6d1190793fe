"""Names, dates and numbers of people taken out of a report, as far as patterns and contexts can tell.

Presidio's recognizers and ours, without a language model: nothing is fetched. What no pattern tells, such as
a name that stands alone in a sentence, stays; so the text remains on the private side. See docs/reports.md.
"""

import logging
from dataclasses import dataclass
from functools import cache

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.predefined_recognizers import EmailRecognizer, IpRecognizer, UsSsnRecognizer

LANGUAGE = "en"
SHORTEST_NAME = 3  # letters of a known name's part: shorter ones would hit ordinary words

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
NAME = r"[A-Z][\w'’-]+"
TITLES = r"(?:[Dd]r|[Mm]rs?|[Mm]s|[Pp]rof)\.?"
# Kind of replacement -> patterns. Measurements such as 3.5 cm, 45 % and 78 ml/m2 fit none of them.
PATTERNS: dict[str, tuple[str, ...]] = {
    "DATE": (
        r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}\b",
        rf"(?i)\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b",
        rf"(?i)\b\d{{1,2}}(?:st|nd|rd|th)?[ -]{MONTH}[ -]\d{{2,4}}\b",
        rf"(?i)\b{MONTH} (?:19|20)\d{{2}}\b",
        r"\b(?:19|20)\d{6}\b",
    ),
    "NUMBER": (
        r"(?i)\b(?:mrn|acc(?:ession)?|patient id|record|case|ssn|nhs|id)\b[ .:#]*(?:no|number|nr)?[ .:#]*"
        r"[A-Z]*\d[\w-]{3,}",
        r"\b[A-Z]{2,}[-_]?\d{5,}\w*\b",
        r"\b\d{7,}\b",
        r"\b\d(?:\.\d+){4,}\b",
    ),
    "PHONE": (r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{3,5}[ .-]\d{3,4}(?:[ .-]\d{3,4})+\b",),
    "URL": (r"(?i)\b(?:https?://|www\.)\S+",),
    "NAME": (
        rf"\b{TITLES} (?:{NAME}|[A-Z]\.)(?: (?:{NAME}|[A-Z]\.))*",
        rf"\b{NAME}(?: {NAME})*,? (?:M\.?D\.?|D\.O\.|PhD|FRCR|FACC|FRCP|R\.N\.)(?!\w)",
        rf"(?<=[Pp]atient: ){NAME}(?:,? {NAME})*",
        rf"(?<=[Nn]ame: ){NAME}(?:,? {NAME})*",
        rf"(?<=[Ss]igned by ){NAME}(?: {NAME})*",
        rf"(?<=[Dd]ictated by ){NAME}(?: {NAME})*",
        rf"(?<=[Rr]ead by ){NAME}(?: {NAME})*",
        rf"^{NAME} {NAME}(?=, \d{{1,3}} ?(?:y\.?o\.?|years?|-year))",
        rf"(?<=[:.] ){NAME} {NAME}(?=, \d{{1,3}} ?(?:y\.?o\.?|years?|-year))",
    ),
}
KINDS = {"EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "URL", "US_SSN": "NUMBER", "KNOWN": "NAME"}


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
    for recognizer in (EmailRecognizer(), IpRecognizer(), UsSsnRecognizer()):
        registry.add_recognizer(recognizer)
    return AnalyzerEngine(registry=registry, nlp_engine=_NoLanguageModel(), supported_languages=[LANGUAGE])


def scrub(text: str, known: tuple[str, ...] = ()) -> Scrubbed:
    """Replace what names a person by [NAME], [DATE], [NUMBER], [PHONE], [EMAIL] or [URL].

    `known` are identifiers of this patient, such as the record number in the sheet, which are replaced
    wherever they stand.
    """
    further: list[EntityRecognizer] = []
    words = sorted({word for word in known if len(word) >= SHORTEST_NAME})
    if words:
        further = [PatternRecognizer("KNOWN", name="KNOWN", deny_list=words)]
    found = _engine().analyze(text, LANGUAGE, ad_hoc_recognizers=further)
    spans = _merge([(item.start, item.end, item.entity_type) for item in found if item.score >= 0.3])
    for start, end, kind in reversed(spans):
        text = f"{text[:start]}[{KINDS.get(kind, kind)}]{text[end:]}"
    return Scrubbed(text, len(spans))


def _merge(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return spans in their order, overlapping ones as one of the longest one's kind."""
    merged: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            last = merged[-1]
            merged[-1] = (last[0], max(last[1], end), last[2])
        else:
            merged.append((start, end, kind))
    return merged
