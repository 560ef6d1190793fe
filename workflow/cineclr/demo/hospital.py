"""The synthetic hospital: archive, sheet and labels as a hospital has them, and the truth beside them."""

import contextlib
import hashlib
import logging
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

from cineclr.config import Demo
from cineclr.demo.cmr.wing import make_cmr_wing
from cineclr.demo.identity import ISSUER
from cineclr.demo.plan import TWO_D_VIEWS, StudyPlan, plan_hospital, truth_rows
from cineclr.demo.records import canaries, sheet_row, study_row
from cineclr.demo.shoot import shoot
from cineclr.errors import InputError
from cineclr.files import write_parquet
from cineclr.private import KEY_BYTES, make_private_folder, write_private
from cineclr.progress import track
from cineclr.publishing import publish

log = logging.getLogger(__name__)
WORKERS = 2  # the files do not depend on it
IN_PROCESS = 40  # up to so many studies are written faster without other processes
LABELLED_SHARE, LEAST_LABELLED = 0.4, 8
FURTHER = ["ejection_fraction", "hypertension"]


def make_demo_hospital(private: Path, settings: Demo, seed: int) -> None:
    """Write an invented hospital into the private side: archive, sheet, view labels, key, sources, truth.

    Everything is a function of `settings` and `seed`. What an earlier call wrote is replaced; a private side
    that is not a demo's is refused with InputError.
    """
    if (private / "key").exists() and not (private / "truth").is_dir():
        raise InputError(
            f"{private}: holds the key of real data; choose another `private` or `run` for the demo"
        )
    with _owner_only():
        make_private_folder(private)
        for name in ("hospital", "truth"):
            shutil.rmtree(private / name, ignore_errors=True)
            (private / name).mkdir()
        plans = plan_hospital(settings, seed)
        _write_archive(plans, private / "hospital" / "dicom")
        _write_records(plans, private)
        _write_truth(plans, private / "truth")
        _write_private_side(private, settings, seed)
    files = sum(len(truth_rows(plan)) for plan in plans)
    log.info("made %d studies, %d files; replaced what an earlier demo had left", len(plans), files)


@contextlib.contextmanager
def _owner_only() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _write_archive(plans: list[StudyPlan], folder: Path) -> None:
    write = partial(_write_study, folder=folder)
    if len(plans) <= IN_PROCESS:
        for _ in track(map(write, plans), "make_demo_hospital", len(plans)):
            pass
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        for _ in track(pool.map(write, plans, chunksize=4), "make_demo_hospital", len(plans)):
            pass


def _write_study(plan: StudyPlan, folder: Path) -> None:
    with _owner_only(), _one_thread():
        for shot in plan.shots:
            for path, data in shoot(plan, shot).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _write_records(plans: list[StudyPlan], private: Path) -> None:
    """Write the echo sheet and the view labels of some studies."""
    sheet = pd.DataFrame([sheet_row(plan.study) for plan in plans if plan.study.in_sheet])
    _write_csv(sheet, private / "hospital" / "echo.csv")
    count = max(LEAST_LABELLED, round(LABELLED_SHARE * len(plans)))
    several = [plan for plan in plans if not plan.study.single_file]
    chosen = [several[int(k)] for k in np.linspace(0, len(several) - 1, min(count, len(several)))]
    labels = [
        {"video_id": shot.uid, "view": shot.kind}
        for plan in chosen
        for shot in plan.shots
        if shot.kind in TWO_D_VIEWS and not shot.fault
    ]
    _write_csv(pd.DataFrame(labels), private / "hospital" / "view_labels.csv")


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with publish(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def _write_truth(plans: list[StudyPlan], folder: Path) -> None:
    rows = [row for plan in plans for row in truth_rows(plan)]
    write_parquet(pd.DataFrame(rows).sort_values("path", ignore_index=True), folder / "files.parquet")
    write_parquet(pd.DataFrame([study_row(plan.study) for plan in plans]), folder / "studies.parquet")
    write_private(folder / "canaries.txt", "\n".join(canaries(plans)) + "\n")


def _write_private_side(private: Path, settings: Demo, seed: int) -> None:
    key = hashlib.sha256(f"cineclr demo key {seed}".encode()).digest()[:KEY_BYTES]
    hospital = private.resolve() / "hospital"
    sources: dict[str, object] = {
        "dicom": [str(hospital / "dicom")],
        "sheet": str(hospital / "echo.csv"),
        "link": "study_uid",
        "issuer": ISSUER,
        "further": FURTHER,
        "view_labels": str(hospital / "view_labels.csv"),
    }
    if settings.cmr is not None:
        wing = make_cmr_wing(private, settings.cmr, seed)
        sources["cmr"] = wing.model_dump(mode="json", exclude_defaults=True)
    write_private(private / "sources.yaml", yaml.safe_dump(sources, sort_keys=False))
    write_private(private / "key", key.hex() + "\n")
