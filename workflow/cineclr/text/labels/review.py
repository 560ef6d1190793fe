"""People's review of labels: a sheet to fill in, and how far it agrees."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows
from cineclr.errors import InputError
from cineclr.files import require_file, write_table
from cineclr.publishing import publish
from cineclr.seeds import derive_seed
from cineclr.stats.agreement import agreement

log = logging.getLogger(__name__)

SHEET = ["study", "task", "report", "reader"]
FEW_TASKS = 5  # diagnoses that even the study with the most findings is asked about though it has them not


def review_labels(
    labels: Path, reports: Path, studies: int, seed: int, output: Path, confidential: bool = False
) -> None:
    """Write a sheet for a reader: random studies, each with its scrubbed report and diagnoses to judge.

    A row per study and diagnosis: all that were labelled positive or left open, and as many of the negative
    ones as make the same number for every study, in a random order, without our label (so that the reader is
    blind to it). The reader writes 1, 0 or ? in `reader`. The sheet holds report text: raises InputError
    unless `output` lies on the private side, or --confidential is given.
    """
    if not confidential and "private" not in output.resolve().parts:
        raise InputError(
            "--output: the sheet holds report text; put it under private/, or add --confidential"
        )
    table = pd.read_parquet(require_file(labels, "--labels", "Run label-reports first."))
    texts = pd.read_parquet(require_file(reports, "--reports", "Run import-reports first."))
    rng = np.random.default_rng(derive_seed(seed, "review"))
    known = table[table["study"].isin(texts["study"])]
    chosen = known.iloc[rng.permutation(len(known))[:studies]]
    asked = int(chosen.drop(columns="study").ne(0).sum(axis=1).max()) + FEW_TASKS if len(chosen) else 0
    report = dict(zip(texts["study"], texts["report"], strict=True))
    rows = [
        (study, task, report[str(study)], "")
        for study, own in chosen.set_index("study").iterrows()
        for task in _asked(own, asked, rng)
    ]
    with publish(output) as temporary:
        pd.DataFrame(rows, columns=SHEET).to_csv(temporary, index=False)
    log.info("%d studies, %d judgements to make", len(chosen), len(rows))


def _asked(labels: pd.Series, count: int, rng: np.random.Generator) -> list[str]:
    found = labels.index[labels.ne(0)].tolist()
    others = labels.index[labels.eq(0)].tolist()
    picked = rng.permutation(len(others))[: count - len(found)]
    asked = [*found, *(others[int(index)] for index in picked)]
    return [asked[int(index)] for index in rng.permutation(len(asked))]


def score_labels(labels: Path, reviewed: Path, output: Path, confidence: float = 0.95) -> None:
    """Write how far a reader (first) and our labels (second) agree: a row per diagnosis, and one over all.

    Columns: task, then those of `stats.agreement.agreement`. An empty cell or ? counts as not judged. Raises
    InputError for another sheet, or cells that are none of 1, 0, ? and empty.
    """
    table = pd.read_parquet(require_file(labels, "--labels", "Run label-reports first.")).set_index("study")
    rows = read_rows(reviewed, "--reviewed")
    if missing := [name for name in ("study", "task", "reader") if name not in rows.columns]:
        raise InputError(f"--reviewed, row 1: no column {', '.join(missing)}; see review-labels")
    wrong = rows.index[~rows["reader"].isin(["0", "1", "?", ""])]
    errors = [f"--reviewed, row {row}: reader must be 1, 0, ? or empty" for row in wrong]
    unknown = rows.index[~(rows["study"].isin(table.index) & rows["task"].isin(table.columns))]
    errors += [f"--reviewed, row {row}: no such study and diagnosis among the labels" for row in unknown]
    raise_errors(errors)
    ours = [float(table.loc[s, t]) for s, t in zip(rows["study"], rows["task"], strict=True)]
    rows["ours"] = pd.Series(ours, index=rows.index)
    rows["theirs"] = pd.to_numeric(rows["reader"].replace("?", ""), errors="coerce").astype(float)
    scored = [
        {"task": task, **agreement(own["theirs"], own["ours"], confidence)}
        for task, own in [("all", rows), *rows.groupby("task", sort=True)]
    ]
    write_table(pd.DataFrame(scored), output)
    log.info("agreement %.3f, kappa %.3f", scored[0]["agreement"], scored[0]["kappa"])
