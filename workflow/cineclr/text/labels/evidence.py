"""What was found about a study and a diagnosis, and the label that it becomes."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from cineclr.config.cmr import Labels
from cineclr.text.labels.rules import StudyStatus, to_label

EVIDENCE = ["study", "task", "status", "severity", "sentence", "source"]


@dataclass(frozen=True)
class Evidence:
    """A study's status of a diagnosis, and the sentence of its report that decided it."""

    study: str
    task: str
    status: StudyStatus
    severity: str
    sentence: str
    source: str


def to_labels(
    studies: Iterable[str],
    evidence: Iterable[Evidence],
    tasks: list[str],
    policy: Labels,
    unread: set[str] | None = None,
) -> pd.DataFrame:
    """Return study and a column per task: 1, 0 or missing, sorted by study.

    What a report does not mention is 0; a study in `unread`, whose report nobody could read, is missing.
    """
    found = {(one.study, one.task): one.status for one in evidence}
    rows = []
    for study in sorted(studies):
        if study in (unread or set()):
            rows.append((study, *[float("nan")] * len(tasks)))
            continue
        statuses = (found.get((study, task), "not_mentioned") for task in tasks)
        rows.append((study, *(to_label(status, policy.uncertain, policy.historical) for status in statuses)))
    return pd.DataFrame(rows, columns=["study", *tasks])
