"""Splits of the user's own: a CSV `study_id,split`, taken instead of drawing."""

from pathlib import Path

import pandas as pd

from cineclr.cohort.rows import raise_errors, read_rows

ROLE = "splits"
# What a sheet with given splits holds beside its own columns: the split, missing where none is given, and the
# row of the sheet, for messages.
GIVEN = ("split", "sheet_row")


def add_given_splits(
    sheet: pd.DataFrame, path: Path | None, known: tuple[str, ...], tests: tuple[str, ...]
) -> pd.DataFrame:
    """Return a checked sheet, still with identifiers, with the columns `GIVEN`; as it is without a file.

    `known` are the names of splits, `tests` those that measure a model. Raises InputError that lists by row
    the unknown names, unknown and repeated studies, and patients who are in a test split and in another.
    """
    if path is None:
        return sheet
    rows = read_rows(path, ROLE)
    absent = [name for name in ("study_id", "split") if name not in rows.columns]
    raise_errors([f"{ROLE}, row 1: no column {name!r}; it must have study_id and split" for name in absent])
    studies = pd.Series(sheet.index, index=sheet["study_id"].str.upper())  # case: as in pseudonyms
    identifiers = rows["study_id"].str.upper()
    errors = [
        *((row, "column 'study_id': the same study again") for row in rows.index[identifiers.duplicated()]),
        *(
            (row, "column 'study_id': the sheet has no such study")
            for row in rows.index[~identifiers.isin(studies.index)]
        ),
        *(
            (row, f"column 'split': must be one of {', '.join(known)}")
            for row in rows.index[~rows["split"].isin(known)]
        ),
    ]
    raise_errors([f"{ROLE}, row {row}, {text}" for row, text in sorted(errors)])
    placed = identifiers.map(studies)  # the row of the sheet, by the row of the splits
    patients = sheet["patient_id"].str.upper().reindex(placed).set_axis(rows.index)
    raise_errors(_find_leaks(rows["split"], patients, tests))
    splits = pd.Series(rows["split"].to_numpy(), index=placed.to_numpy())
    return sheet.assign(split=splits.reindex(sheet.index), sheet_row=sheet.index)


def _find_leaks(splits: pd.Series, patients: pd.Series, tests: tuple[str, ...]) -> list[str]:
    """Return a line for every patient with studies in a test split and outside the test splits."""
    errors = []
    for _, own in splits.groupby(patients):
        if own.isin(tests).any() and not own.isin(tests).all():
            rows = ", ".join(map(str, own.index))
            names = ", ".join(sorted(set(own)))
            errors.append(f"{ROLE}, rows {rows}: studies of one patient in {names}: a test set must be apart")
    return errors


def require_splits(cohort: pd.DataFrame) -> None:
    """Raise InputError that lists by the sheet's row the studies of the cohort without a split."""
    remedy = "add it to the file of `splits` in sources.yaml, or take it out of the sheet"
    rows = sorted(cohort.loc[cohort["split"].isna(), "sheet_row"])
    raise_errors(
        [f"cohort: sheet, row {row}: a study of the cohort without a split; {remedy}" for row in rows]
    )


def refuse_splits(sheet: pd.DataFrame, allowed: pd.Series) -> None:
    """Raise InputError that lists by row the splits that are not among those `allowed` for their study."""
    given = sheet[sheet["split"].notna()].sort_values("sheet_row")
    rows = zip(given["sheet_row"], given["split"], allowed[given.index], strict=True)
    raise_errors(
        [
            f"cohort: sheet, row {row}: by its cohort's role (cmr.cohort.roles) this study's split must be "
            f"one of {', '.join(names)}; correct `splits`"
            for row, split, names in rows
            if split not in names
        ]
    )


def name_origin(sheet: pd.DataFrame) -> str:
    """Return `given` or `drawn`, for the flow and the manifest."""
    return "given" if set(GIVEN) <= set(sheet.columns) else "drawn"
