"""Splits by patient, after the role of each cohort (Methods, 'Clinical CMR dataset')."""

from fractions import Fraction

import pandas as pd

from cineclr.cohort.build import split_units
from cineclr.cohort.given import refuse_splits
from cineclr.config.cmr import DOWNSTREAM, PRETRAINING, TESTS, Cohort, Role
from cineclr.errors import InputError
from cineclr.seeds import derive_seed


def check_cohorts(sheet: pd.DataFrame, roles: dict[str, Role], tests_only: bool = False) -> None:
    """Raise InputError for a cohort without a role, a role without a cohort, or a patient in two cohorts.

    With `tests_only`, roles of cohorts that are of another run are passed over.
    """
    found = set(sheet["cohort"])
    if unknown := sorted(found - set(roles)):
        raise InputError(
            f"cohort: the sheet names {', '.join(unknown)}, which has no role; add it to cmr.cohort.roles"
        )
    missing = sorted(set(roles) - found)
    if missing and not tests_only:
        raise InputError(
            f"cohort: cmr.cohort.roles names {', '.join(missing)}, which no row of the sheet has; remove it"
        )
    cohorts = sheet.groupby("patient")["cohort"].nunique()
    if shared := int((cohorts > 1).sum()):
        raise InputError(
            f"cohort: {shared} patients stand in several cohorts of the sheet, so that what is learned from "
            "one would be tested on itself; give each patient one cohort, or drop rows"
        )


def split_patients(sheet: pd.DataFrame, settings: Cohort, seed: int) -> pd.Series:
    """Return the split of each row of the sheet; a patient's studies stay together.

    Shares are of patients. Cohorts are split one by one, so that each has its part in every split.
    """
    splits = pd.Series("test", index=sheet.index)
    for cohort, rows in sheet.groupby("cohort"):
        shares = _shares_of(settings.roles[str(cohort)], settings)
        if shares:
            patients = pd.Series(rows["patient"].unique())
            parts = split_units(patients, shares, derive_seed(seed, "cohort", str(cohort)))
            splits[rows.index] = rows["patient"].map(dict(zip(patients, parts, strict=True)))
    return splits


def take_splits(sheet: pd.DataFrame, roles: dict[str, Role]) -> pd.Series:
    """Return the given split of each row; where a cohort is for tests only, none need be given.

    Raises InputError for a split that the role of a study's cohort does not know.
    """
    allowed = {"development": (*PRETRAINING, *DOWNSTREAM), "train_and_test": DOWNSTREAM}
    role = sheet["cohort"].map(roles)
    refuse_splits(sheet, role.map(lambda name: allowed.get(name, TESTS)))
    return sheet["split"].where(sheet["split"].notna() | role.isin(list(allowed)), TESTS[0])


def check_splits(cohort: pd.DataFrame) -> None:
    """Raise InputError that names the splits of a role for which no study is left, or if none is left."""
    if cohort.empty:
        raise InputError(
            "cohort: no study is left; the log says how many patients the models have learned from"
        )
    empty = []
    for role, splits in (("development", (*PRETRAINING, *DOWNSTREAM)), ("train_and_test", DOWNSTREAM)):
        of_role = cohort[cohort["role"] == role]
        if len(of_role):
            empty += [f"{role} {split}" for split in splits if not (of_role["split"] == split).any()]
    if empty:
        raise InputError(
            f"cohort: no study for {', '.join(empty)}; {len(cohort)} studies of "
            f"{cohort['patient'].nunique()} patients are left. Add studies or change the shares in cmr.cohort"
        )


def find_unusable_tasks(cohort: pd.DataFrame, tasks: list[str]) -> list[str]:
    """Return a line for every diagnosis that cannot be trained or tested: each split needs both classes."""
    lines = []
    for split in DOWNSTREAM:
        part = cohort[(cohort["split"] == split) & cohort["role"].isin(["development", "train_and_test"])]
        for task in tasks:
            labels = part[task].dropna()
            if labels.nunique() < 2:
                lines.append(
                    f"{task}, split {split}: {len(labels)} labelled studies, {int(labels.sum())} positive"
                )
    return lines


def find_unlabelled_tasks(cohort: pd.DataFrame, tasks: list[str]) -> list[str]:
    """Return a line for every diagnosis that no study has a label of."""
    return [f"{task}: no study has a label" for task in tasks if cohort[task].isna().all()]


def _shares_of(role: Role, settings: Cohort) -> dict[str, Fraction]:
    """Return the shares of a role's splits; empty where all studies are tests."""
    if role == "train_and_test":
        return {name: Fraction(str(share)) for name, share in settings.train_and_test_shares}
    if role != "development":
        return {}
    pretraining = Fraction(str(settings.pretraining))
    return {
        **{f"pretrain_{name}": pretraining * Fraction(str(s)) for name, s in settings.pretraining_shares},
        **{name: (1 - pretraining) * Fraction(str(share)) for name, share in settings.downstream_shares},
    }
