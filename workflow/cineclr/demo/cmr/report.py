"""Free-text reports of the synthetic hospital: headings, enumerations, measurements, negation and doubt."""

import datetime

import numpy as np

from cineclr.demo.cmr import phrases
from cineclr.demo.cmr.findings import VISIBLE, Findings
from cineclr.demo.identity import MIDDLES, ONSETS, Identity

Section = tuple[str, list[str]]
NEGATED = 3  # diagnoses that a report says are absent
IN_HISTORY = ("previous_surgery", "myocarditis")


def write_report(
    findings: Findings, identity: Identity, date: datetime.date, vendor: str, rng: np.random.Generator
) -> list[Section]:
    """Return a report as (heading, sentences); the sentences are what a splitter should find."""
    writer = _Writer(findings, identity, date, vendor, rng)
    sections = [
        ("INDICATION", [writer.pick(phrases.INDICATIONS)]),
        ("HISTORY", writer.history()),
        ("TECHNIQUE", writer.several(phrases.TECHNIQUES, 2)),
        ("COMPARISON", [writer.pick(phrases.COMPARISONS)]),
        ("FINDINGS", writer.describe()),
        ("IMPRESSION", writer.conclude()),
    ]
    return [(heading, sentences) for heading, sentences in sections if sentences]


def join_report(sections: list[Section]) -> str:
    """Return the text of a report: a line per heading, sentences run together, the impression enumerated."""
    blocks = []
    for heading, sentences in sections:
        if heading == "IMPRESSION":
            lines = [f"{number}. {sentence}" for number, sentence in enumerate(sentences, start=1)]
            blocks.append(f"{heading}:\n" + "\n".join(lines))
        else:
            blocks.append(f"{heading}: " + " ".join(sentences))
    return "\n\n".join(blocks) + "\n"


class _Writer:
    """Puts one study's facts into words."""

    def __init__(
        self,
        findings: Findings,
        identity: Identity,
        date: datetime.date,
        vendor: str,
        rng: np.random.Generator,
    ) -> None:
        self.findings, self.identity, self.rng = findings, identity, rng
        earlier = date - datetime.timedelta(int(rng.integers(60, 900)))
        style = ("%m/%d/%Y", "%d.%m.%Y", "%B %d, %Y")[int(rng.integers(3))]
        self.facts = {
            "words": str(rng.choice(_function(findings.lvef))),
            "lvef": findings.lvef,
            "rvef": findings.rvef,
            "edvi": findings.lv_edv_index,
            "esvi": findings.lv_esv_index,
            "wall": findings.wall_mm,
            "tenth": findings.wall_mm / 10,
            "akinetic": findings.akinetic,
            "fluid": findings.effusion_mm,
            "cm": findings.effusion_mm / 10,
            "la": findings.la_area_cm2,
            "vendor": {"siemens": "Siemens", "ge": "GE", "philips": "Philips"}.get(vendor, vendor),
            "earlier": earlier.strftime(style),
            "past": date.year - int(rng.integers(2, 15)),
            "doctor": str(rng.choice(ONSETS)) + str(rng.choice(MIDDLES)),
        }

    def pick(self, ways: tuple[str, ...], **further: object) -> str:
        """Return one of several ways to say something, with the study's facts in it."""
        return str(self.rng.choice(np.array(ways, dtype=object))).format(**{**self.facts, **further})

    def several(self, ways: tuple[str, ...], count: int) -> list[str]:
        """Return `count` different ways, in their order."""
        chosen = sorted(self.rng.choice(len(ways), count, replace=False))
        return [ways[int(index)].format(**self.facts) for index in chosen]

    def history(self) -> list[str]:
        """Return who the patient is and what was before."""
        found, who = self.findings, self.identity
        words = {"F": "woman", "M": "man"}[found.sex]
        names = (
            f"{found.age}-year-old {words}.",
            f"{who.plain_name}, {found.age} y.o. {words}, MRN {who.number}.",
        )
        told = [self._say(task) for task in IN_HISTORY if found.status.get(task) == "historical"]
        return [str(self.rng.choice(np.array(names, dtype=object))), *told]

    def describe(self) -> list[str]:
        """Return the findings in a varying order."""
        found = self.findings
        motion = [self.pick(phrases.AKINETIC, wall=found.akinetic)] if found.akinetic else []
        if "non_ischemic_cardiomyopathy" in found.status:
            motion = [self.pick(phrases.GLOBAL)]
        seen = [task for task in VISIBLE if task in found.status and task not in _CONCLUSIONS]
        told = [task for task in found.status if task not in VISIBLE and task not in IN_HISTORY]
        absent = [task for task in VISIBLE if task not in found.status and task != "normal"]
        chosen = self.rng.permutation(len(absent))[:NEGATED]
        sentences = [
            self.pick(phrases.LV_FUNCTION),
            self.pick(phrases.LV_VOLUMES),
            self.pick(phrases.WALL),
            *(motion or [self.pick(phrases.MOVING)]),
            self.pick(phrases.RV),
            *[self._say(task) for task in (*seen, *told)],
            *[self.pick(phrases.STATEMENTS[absent[int(k)]]["absent"]) for k in chosen],
        ]
        return [sentences[int(index)] for index in self.rng.permutation(len(sentences))]

    def conclude(self) -> list[str]:
        """Return the impression: what matters, then how it was communicated."""
        found = self.findings
        main = [self._say(task) for task in VISIBLE if task in found.status]
        function = self.pick(phrases.LV_FUNCTION)
        return [*main[:4], function, self.pick(phrases.CLOSINGS)]

    def _say(self, task: str) -> str:
        return self.pick(phrases.STATEMENTS[task][self.findings.status[task]])


# Said in the impression only: what the reader concludes from what was seen.
_CONCLUSIONS = (
    "normal",
    "hypertrophic_cardiomyopathy",
    "ischemic_cardiomyopathy",
    "non_ischemic_cardiomyopathy",
)


def _function(lvef: float) -> tuple[str, ...]:
    return next(words for least, words in phrases.FUNCTIONS if lvef >= least)
