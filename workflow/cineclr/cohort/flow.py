"""Accounting: every input file in exactly one bucket, and what was left after each stage."""

import pandas as pd

from cineclr.ledger import PASSED, USED, count_codes, describe_stage

STAGES = ("scan", "deidentify", "views", "clips", "cohort")


def sort_into_buckets(stages: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return file, study, video, bucket of every input file: where it was set aside, or `used`.

    `stages` maps the stages in their order to frames with file and code; the first also has study and video.
    Raises ValueError unless each stage holds exactly the files that passed the one before, once each.
    """
    names = list(stages)
    files = stages[names[0]][["file", "study", "video"]].copy()
    files["bucket"] = PASSED
    for name in names:
        frame = stages[name]
        passed = files["bucket"] == PASSED
        _check_balance(name, set(files.loc[passed, "file"]), frame["file"])
        codes = frame.set_index("file")["code"]
        files.loc[passed, "bucket"] = files.loc[passed, "file"].map(codes)
    files["bucket"] = files["bucket"].replace(PASSED, USED)
    if sum(count_codes(files["bucket"]).values()) != len(files):
        raise ValueError("files without a bucket")
    return files.sort_values("file", ignore_index=True)


def describe_flow(stages: dict[str, pd.DataFrame], files: pd.DataFrame) -> dict[str, object]:
    """Return the flow of files and studies through the stages, for the figure and the report.

    `studies` counts the studies that still have a file, after each stage and before all (`input`).
    """
    remaining = {"input": files["study"].dropna().nunique()}
    studies = files.set_index("file")["study"]
    for name, frame in stages.items():
        remaining[name] = int(studies[frame.loc[frame["code"] == PASSED, "file"]].nunique())
    return {
        "files": len(files),
        "stages": [describe_stage(name, frame["code"]) for name, frame in stages.items()],
        "buckets": count_codes(files["bucket"]),
        "studies": remaining,
    }


def _check_balance(stage: str, expected: set[str], found: pd.Series) -> None:
    missing, extra = len(expected - set(found)), len(set(found) - expected)
    twice = int(found.duplicated().sum())
    if missing or extra or twice:
        raise ValueError(
            f"{stage}: {len(expected)} files came in, but {missing} of them are missing, {extra} others are "
            f"there and {twice} are there twice"
        )
