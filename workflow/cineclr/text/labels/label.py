"""A label for every study and diagnosis: from a sheet, by rules, or by a language model."""

import logging
from collections import defaultdict
from pathlib import Path

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.config.cmr import Text
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.progress import track
from cineclr.text.labels.evidence import EVIDENCE, Evidence, to_labels
from cineclr.text.labels.llm import label_by_model
from cineclr.text.labels.rules import Mention, decide, decide_normal, find_mentions, is_named_mass

log = logging.getLogger(__name__)


def label_reports(
    private: Path,
    sentences: Path,
    reports: Path,
    settings: Text,
    tasks: list[str],
    output: Path,
    evidence: Path,
) -> None:
    """Label every study with a report (or a row of the sheet) for each task.

    Writes `output`: study and a float column per task (1, 0 or missing), and `evidence`: study, task, status,
    severity, sentence, source, for every status but `not_mentioned`. Both stay on the private side. Raises
    InputError for a sheet with mistakes, or a language model that may not be asked.
    """
    source = settings.labels.source
    if source == "sheet":
        labels = read_label_sheet(private, tasks)
        found = pd.DataFrame(columns=EVIDENCE)
    else:
        known = pd.read_parquet(reports)["study"].tolist()
        if source == "rules":
            statements = label_by_rules(pd.read_parquet(sentences), tasks)
            unread: set[str] = set()
        else:
            statements, unread = label_by_model(private, pd.read_parquet(reports), settings.llm, tasks)
        labels = to_labels(known, statements, tasks, settings.labels, unread)
        found = pd.DataFrame([vars(one) for one in statements], columns=EVIDENCE)
    write_parquet(labels, output)
    write_parquet(found, evidence)
    for task in tasks:
        log.info(
            "%s: %d positive, %d negative, %d missing",
            *(task, (labels[task] == 1).sum(), (labels[task] == 0).sum(), labels[task].isna().sum()),
        )


def label_by_rules(sentences: pd.DataFrame, tasks: list[str]) -> list[Evidence]:
    """Return what the reports say of each task, with the sentence that decided it.

    `sentences` has study, n, section, sentence. All diagnoses are looked for, because `normal` means that
    none of the others is present.
    """
    found: list[Evidence] = []
    groups = sentences.groupby("study", sort=True)
    for study, own in track(groups, "label reports", groups.ngroups):
        mentions: dict[str, list[tuple[str, Mention, str]]] = defaultdict(list)
        for section, sentence in zip(own["section"], own["sentence"], strict=True):
            for mention in find_mentions(sentence, section):
                mentions[mention.task].append((section, mention, sentence))
        found += [one for one in _decide(str(study), mentions) if one.task in tasks]
    return found


def _decide(study: str, mentions: dict[str, list[tuple[str, Mention, str]]]) -> list[Evidence]:
    says_normal = mentions.pop("normal", [])
    statuses = {
        task: decide((section, mention) for section, mention, _ in found) for task, found in mentions.items()
    }
    if "other_cardiac_mass" in statuses and is_named_mass(statuses):
        del statuses["other_cardiac_mass"]
    decided = []
    for task, status in statuses.items():
        told = next(one for one in reversed(mentions[task]) if one[1].status == status)
        decided.append(Evidence(study, task, status, told[1].severity, told[2], "rules"))
    if says_normal:
        normal = decide_normal(statuses.values())
        decided.append(Evidence(study, "normal", normal, "", says_normal[-1][2], "rules"))
    return decided


def read_label_sheet(private: Path, tasks: list[str]) -> pd.DataFrame:
    """Return study and a column per task (1, 0 or missing) of the sheet that sources.yaml names.

    Raises InputError that names rows and columns, and quotes no cell.
    """
    side = PrivateSide(private)
    sources, names = side.cmr_sources(), Pseudonymizer(side.key())
    if sources.labels is None:
        raise InputError("sources.yaml: cmr.labels: missing; name the sheet of labels (source: sheet)")
    rows = read_rows(sources.labels, "labels")
    raise_errors(
        [
            f"labels, row 1: no column {name!r}; add it, or leave the task out of cmr.diagnoses.tasks"
            for name in ("study_id", *tasks)
            if name not in rows.columns
        ]
    )
    errors = [f"labels, row {row}: study_id is empty" for row, text in rows["study_id"].items() if not text]
    again = rows["study_id"].ne("") & rows["study_id"].str.upper().duplicated()
    errors += [f"labels, row {row}: the same study as in an earlier row" for row in rows.index[again]]
    for task in tasks:
        wrong = rows.index[~rows[task].isin(["0", "1", ""])]
        errors += [f"labels, row {row}, column {task!r}: must be 1, 0 or empty" for row in wrong]
    raise_errors(errors)
    studies = [names.study(text, sources) for text in rows["study_id"]]
    values = {task: pd.to_numeric(rows[task].replace("", None)).astype(float).to_numpy() for task in tasks}
    return pd.DataFrame({"study": studies, **values}).sort_values("study", ignore_index=True)
