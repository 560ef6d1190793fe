"""What a language model is asked, the form of its answer, and the check of one."""

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

SYSTEM = """You label reports of cardiac MRI for research. For each diagnosis of the list that the report
mentions, give its status in this patient:
present: the report states it now, also if it says likely, consistent with or compatible with;
absent: the report denies it, or the grade that the diagnosis asks for (large, severe) is not reached;
uncertain: the report calls it possible, asks for it, or cannot exclude it;
historical: it was there, was repaired or has resolved;
family: only a relative has it.
Leave out what the report does not mention. `severity` is the report's grading word, or empty. `sentence` is
the sentence of the report that decides, copied letter by letter. `normal` is present only if the whole study
is normal. Answer in JSON only. Words in [BRACKETS] replace what was taken out of the report."""


class AnswerError(Exception):
    """An answer that cannot be used; its text says why and quotes nothing of it."""


class Finding(BaseModel):
    """One diagnosis in an answer."""

    model_config = ConfigDict(extra="forbid")

    diagnosis: str
    status: Literal["present", "absent", "uncertain", "historical", "family"]
    severity: str
    sentence: str


class Answer(BaseModel):
    """A model's whole answer."""

    model_config = ConfigDict(extra="forbid")

    findings: list[Finding]


def make_messages(report: str, tasks: list[str]) -> list[dict[str, str]]:
    """Return the chat messages that ask for one report."""
    listed = "\n".join(f"- {task}" for task in tasks)
    return [
        {"role": "system", "content": f"{SYSTEM}\n\nDiagnoses:\n{listed}"},
        {"role": "user", "content": f"Report:\n{report}"},
    ]


def make_schema(tasks: list[str]) -> dict[str, Any]:
    """Return the JSON schema of an answer: `Answer` with the diagnoses spelled out."""
    status = Finding.model_json_schema()["properties"]["status"]["enum"]
    finding = {
        "type": "object",
        "properties": {
            "diagnosis": {"type": "string", "enum": tasks},
            "status": {"type": "string", "enum": status},
            "severity": {"type": "string"},
            "sentence": {"type": "string"},
        },
        "required": ["diagnosis", "status", "severity", "sentence"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"findings": {"type": "array", "items": finding}},
        "required": ["findings"],
        "additionalProperties": False,
    }


def read_answer(text: str, report: str, tasks: list[str]) -> list[Finding]:
    """Return the findings of an answer; raise AnswerError unless each is valid and its sentence is there."""
    try:
        findings = Answer.model_validate(json.loads(text)).findings
    except json.JSONDecodeError:
        raise AnswerError("is not JSON") from None
    except ValidationError as error:
        places = {".".join(map(str, item["loc"])) for item in error.errors()}
        raise AnswerError(f"departs from the schema at {', '.join(sorted(places)[:3])}") from None
    named = [finding.diagnosis for finding in findings]
    if not set(named) <= set(tasks):
        raise AnswerError("names a diagnosis that is not on the list")
    if len(set(named)) < len(named):
        raise AnswerError("names a diagnosis twice")
    for finding in findings:
        if not _stands_in(report, finding.sentence):
            raise AnswerError(f"gives as evidence for {finding.diagnosis} what the report does not say")
    return findings


def _stands_in(report: str, sentence: str) -> bool:
    """Return whether the report has this sentence; the tail of one ("[no] thrombus") does not count."""
    words = r"\s+".join(map(re.escape, sentence.split()))
    start = r"(?:^|[.!?:;])[\s\-*\d.)]*"
    return bool(words) and re.search(start + words, report, re.IGNORECASE | re.MULTILINE) is not None
