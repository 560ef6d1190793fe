"""Evaluation of one task: AUROC and AUPR of every model on every test set, intervals, one-sided test."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cineclr.config.echo import Evaluation, Task
from cineclr.files import write_table
from cineclr.reporting.names import TEST_SETS
from cineclr.reporting.predictions import INITS, find_patients, join_test_sets, read_models, read_patients
from cineclr.seeds import derive_seed
from cineclr.stats.bootstrap import METRICS, Resampled, bootstrap, bootstrap_test, percentile_interval
from cineclr.stats.checks import TestSet

log = logging.getLogger(__name__)

REFERENCE = "echoclr"


def evaluate_echo(
    task: Task, predictions: list[Path], splits: Path, settings: Evaluation, seed: int, output: Path
) -> None:
    """Write AUROC and AUPR of every init, ratio and test set of a task (Methods, 'Statistics').

    Intervals are percentiles of plain bootstrap resamples of studies. `p_vs_echoclr` is the one-sided p of
    pROC's bootstrap test on stratified resamples; the alternative is that EchoCLR's AUROC exceeds that of
    the row's init at the same ratio: small where EchoCLR is better, near 1 where it is worse. All models of
    a test set share their resamples. Where `settings.resample` is patient, interval and test both come from
    plain resamples of patients, each with all studies. `left_out` counts resamples for the interval that held
    one class only. Each file of `predictions` is `<init>/<ratio>.csv` with columns study, test_set, label,
    probability; the validation rows are passed over. `splits` tells whose each study is.

    Raises:
        InputError: files that are not named so; what `join_test_sets` refuses, such as models that were not
            evaluated on the same studies.
    """
    models = read_models(predictions)
    patients = read_patients(splits) if settings.resample == "patient" else None
    rows: list[dict[str, Any]] = []
    for test_set, joined in join_test_sets(task, models).items():
        log.info(
            "%s, %s: %d models, %d studies, %d positive",
            task, test_set, len(models), len(joined.studies), joined.labels.sum(),
        )  # fmt: skip
        clusters = None if patients is None else find_patients(joined.studies, patients)
        own_seed = derive_seed(seed, "evaluate_echo", task, test_set)
        rows += _evaluate_test_set(joined, clusters, list(models), test_set, settings, own_seed)
    write_table(_in_order(pd.DataFrame(rows)), output)
    log.info("wrote %d rows to %s", len(rows), output.name)


def _evaluate_test_set(
    joined: TestSet,
    clusters: list[str] | None,
    keys: list[tuple[str, float]],
    test_set: str,
    settings: Evaluation,
    seed: int,
) -> list[dict[str, Any]]:
    plain = bootstrap(
        joined.labels, joined.probabilities, settings.bootstrap_samples, derive_seed(seed, "interval"),
        clusters=clusters,
    )  # fmt: skip
    if plain.left_out:
        log.warning(
            "%s: %d of %d resamples held one class only (%d positive studies) and were left out",
            test_set, plain.left_out, settings.bootstrap_samples, joined.labels.sum(),
        )  # fmt: skip
    p_values = _p_values(joined, clusters, keys, settings, derive_seed(seed, "test"))
    rows = []
    for metric in METRICS:
        low, high = percentile_interval(plain.values[metric], settings.confidence)
        for model, (init, ratio) in enumerate(keys):
            rows.append(
                {
                    "init": init,
                    "ratio": ratio,
                    "test_set": test_set,
                    "n_test": len(joined.studies),
                    "n_test_positive": int(joined.labels.sum()),
                    "metric": metric,
                    "value": plain.observed[metric][model],
                    "ci_low": low[model],
                    "ci_high": high[model],
                    "confidence": settings.confidence,
                    "left_out": plain.left_out,
                    "p_vs_echoclr": p_values.get((init, ratio), np.nan) if metric == "auroc" else np.nan,
                }
            )
    return rows


def _p_values(
    joined: TestSet,
    clusters: list[str] | None,
    keys: list[tuple[str, float]],
    settings: Evaluation,
    seed: int,
) -> dict[tuple[str, float], float]:
    """Return the one-sided p of every model that has an EchoCLR model of its ratio beside it."""
    position = {key: number for number, key in enumerate(keys)}
    compared = [key for key in keys if key[0] != REFERENCE and (REFERENCE, key[1]) in position]
    if not compared:
        return {}
    resampled = bootstrap(
        joined.labels, joined.probabilities, settings.test_samples, seed,
        stratified=clusters is None, clusters=clusters, metrics=["auroc"],
    )  # fmt: skip
    return {key: _p_value(resampled, position[REFERENCE, key[1]], position[key]) for key in compared}


def _p_value(resampled: Resampled, reference: int, other: int) -> float:
    observed, values = resampled.observed["auroc"], resampled.values["auroc"]
    _, p_value = bootstrap_test(
        (observed[reference], observed[other]), (values[reference], values[other]), alternative="greater"
    )
    return p_value


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as the paper's tables: inits, ratios, test sets, metrics."""
    ranks = {"init": INITS, "test_set": TEST_SETS, "metric": tuple(METRICS)}
    ranked = table.assign(
        **{f"_{name}": table[name].map({v: i for i, v in enumerate(order)}) for name, order in ranks.items()}
    )
    ordered = ranked.sort_values(["_init", "ratio", "_test_set", "_metric"], ignore_index=True)
    return ordered[table.columns.tolist()]
