"""The MRI wing: archive, sheet and reports as a hospital has them, and the truth beside them."""

import io
import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
)

from cineclr.config import DemoCmr
from cineclr.demo.cmr.dicom import syntax_of, write_series
from cineclr.demo.cmr.findings import VISIBLE
from cineclr.demo.cmr.heart import render
from cineclr.demo.cmr.patients import CmrStudy, draw_studies
from cineclr.demo.cmr.report import join_report, write_report
from cineclr.demo.cmr.series import LEAST_FRAMES, Series, plan_series
from cineclr.demo.identity import ISSUER, uid
from cineclr.files import write_parquet
from cineclr.ledger import USED, Code
from cineclr.private import CmrSources, write_private
from cineclr.progress import track
from cineclr.publishing import publish
from cineclr.seeds import derive_seed

log = logging.getLogger(__name__)
WORKERS = 2  # the files do not depend on it
IN_PROCESS = 8  # up to so many studies are written faster without other processes
FAULTS_EVERY = 12  # of so many studies one has a file of each kind that no archive is without
Row = dict[str, Any]


def make_cmr_wing(private: Path, settings: DemoCmr, seed: int) -> CmrSources:
    """Write the MRI wing of the hospital into the private side; return where everything lies.

    Everything is a function of `settings` and `seed`. The truth: cmr_files (bucket of every file), cmr_series
    (view and ordered positions), cmr_studies, cmr_sentences, cmr_canaries.txt.
    """
    studies = draw_studies(settings, seed)
    hospital, truth = private.resolve() / "hospital" / "cmr", private / "truth"
    rows = _write_archive(studies, hospital / "dicom", settings, seed)
    files, series = [row for part in rows for row in part[0]], [row for part in rows for row in part[1]]
    write_parquet(pd.DataFrame(files).sort_values("path", ignore_index=True), truth / "cmr_files.parquet")
    write_parquet(pd.DataFrame(series), truth / "cmr_series.parquet")
    write_parquet(pd.DataFrame([_truth_row(study) for study in studies]), truth / "cmr_studies.parquet")
    _write_sheet(studies, hospital / "studies.csv")
    _write_reports(studies, hospital / "reports.csv", truth / "cmr_sentences.parquet", seed)
    write_private(truth / "cmr_canaries.txt", "\n".join(_canaries(studies)) + "\n")
    log.info("made %d MRI studies, %d files", len(studies), len(files))
    return CmrSources(
        dicom=[hospital / "dicom"],
        sheet=hospital / "studies.csv",
        reports=hospital / "reports.csv",
        issuer=ISSUER,
        further=["scanner_field"],
    )


def _write_archive(
    studies: list[CmrStudy], folder: Path, settings: DemoCmr, seed: int
) -> list[tuple[list[Row], list[Row]]]:
    write = partial(_write_study, folder=folder, settings=settings, seed=seed)
    if len(studies) <= IN_PROCESS:
        return list(map(write, studies))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        done = pool.map(write, studies, chunksize=4)
        return list(track(done, "make MRI wing", len(studies)))


def _write_study(study: CmrStudy, folder: Path, settings: DemoCmr, seed: int) -> tuple[list[Row], list[Row]]:
    rng = np.random.default_rng(derive_seed(seed, "cmr study", study.index))
    place = folder / f"{study.identity.family}_{study.identity.number}".upper() / study.accession
    place.mkdir(parents=True, exist_ok=True)
    files: list[Row] = []
    series_rows: list[Row] = []
    for series in plan_series(study, settings, rng):
        slices = [
            render(study.heart, plane, series.frames, _size(series, number), rng)
            for number, plane in enumerate(series.planes)
        ]
        series_uid = uid(seed, "cmr series", study.index, series.number)
        series_rows.append(_series_row(study, series, series_uid))
        written = list(write_series(study, series, slices, seed, rng))
        for number, at in enumerate(rng.permutation(len(written))):
            object_uid, position, data = written[int(at)]
            path = place / f"S{series.number:02d}" / f"IM_{number:04d}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            files.append(_file_row(study, series, series_uid, object_uid, position, path, folder))
    if study.index % FAULTS_EVERY == 3:
        _damage(files, folder)
        files += _add_faults(files, study, folder, place)
    return files, series_rows


def _size(series: Series, number: int) -> int:
    return series.size + 16 if number == series.odd_slice else series.size


def _series_row(study: CmrStudy, series: Series, series_uid: str) -> Row:
    return {
        "series_uid": series_uid,
        "study_uid": study.uid,
        "view": series.view or "",
        "description": series.name,
        "slices": len(series.planes),
        "frames": series.frames,
        "spacing_mm": series.planes[0].field / series.size,
        "positions": [float(np.cross(plane.row, plane.column) @ plane.centre) for plane in series.planes],
    }


def _file_row(
    study: CmrStudy,
    series: Series,
    series_uid: str,
    object_uid: str,
    position: int,
    path: Path,
    folder: Path,
) -> Row:
    bucket = USED if study.in_sheet else str(Code.NOT_IN_SHEET)
    bucket = str(Code.REPEATED) if series.again else bucket
    return {
        "path": str(path.relative_to(folder)),
        "bucket": bucket if series.view else str(Code.NO_VIEW),
        "study_uid": study.uid,
        "series_uid": series_uid,
        "object_uid": object_uid,
        "slice": position,
        "fault": "",
    }


def _add_faults(files: list[Row], study: CmrStudy, folder: Path, place: Path) -> list[Row]:
    """Write what no archive is without, made from a file; return the rows of these further files."""
    data = (folder / files[0]["path"]).read_bytes()
    deflated = syntax_of(study) == DeflatedExplicitVRLittleEndian
    faults = {
        "zz_copy": (data, Code.DUPLICATE_PIXELS, "the same object under another path"),
        "zz_cut": (data[:-100], Code.UNREADABLE_HEADER if deflated else Code.NO_PIXEL_DATA, "cut off"),
        "zz_screen": (_change(data, SecondaryCaptureImageStorage), Code.SECONDARY_CAPTURE, "a screen copy"),
        "zz_report": (_change(data, EncapsulatedPDFStorage), Code.NOT_AN_IMAGE, "a document"),
        "zz_angiogram": (_change(data, XRayAngiographicImageStorage), Code.OTHER_MODALITY, "another scanner"),
        "zz_nameless": (_change(data, MRImageStorage, study=False), Code.MISSING_STUDY, "no study"),
        "zz_notes.txt": (f"notes on {study.identity.plain_name}\n".encode(), Code.NOT_DICOM, "not DICOM"),
    }
    blank = {"study_uid": study.uid, "series_uid": "", "object_uid": "", "slice": -1}
    rows = []
    for name, (content, code, words) in faults.items():
        (place / name).write_bytes(content)
        rows.append(
            {"path": str((place / name).relative_to(folder)), "bucket": str(code), **blank, "fault": words}
        )
    return rows


def _change(data: bytes, kind: UID, study: bool = True) -> bytes:
    """Return a file as an object of another kind, or of no study."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = kind
    if not study:
        del dataset.StudyInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _damage(files: list[Row], folder: Path) -> None:
    """Leave one frame of a cine without run lengths, of a slice that has frames enough."""
    for row in files:
        path = folder / row["path"]
        dataset = pydicom.dcmread(path)
        if row["bucket"] == USED and int(dataset.get("CardiacNumberOfImages", 0)) > LEAST_FRAMES:
            dataset.file_meta.TransferSyntaxUID = RLELossless
            dataset.PixelData = encapsulate([bytes(64)])
            dataset["PixelData"].is_undefined_length = True
            dataset.save_as(path)
            row["bucket"], row["fault"] = str(Code.DECODE_FAILED), "damaged frame"
            return


def _write_sheet(studies: list[CmrStudy], path: Path) -> None:
    rows = [
        {
            "study_id": study.uid,
            "patient_id": study.identity.number,
            "study_date": study.date.isoformat(),
            "sex": study.identity.sex,
            "age": study.findings.age,
            "cohort": study.cohort,
            "lvef": f"{study.findings.lvef:.1f}" if study.lvef_in_sheet else "",
            "scanner_field": 1.5 if study.vendor != "philips" else 3.0,
        }
        for study in studies
        if study.in_sheet
    ]
    _write_csv(pd.DataFrame(rows), path)


def _write_reports(studies: list[CmrStudy], path: Path, truth: Path, seed: int) -> None:
    reports, sentences = [], []
    for study in studies:
        rng = np.random.default_rng(derive_seed(seed, "cmr report", study.index))
        sections = write_report(study.findings, study.identity, study.date, study.vendor, rng)
        reports.append({"study_id": study.uid, "report": join_report(sections)})
        flat = [(heading, sentence) for heading, part in sections for sentence in part]
        sentences += [
            {"study_uid": study.uid, "n": n, "section": heading, "sentence": sentence}
            for n, (heading, sentence) in enumerate(flat)
        ]
    _write_csv(pd.DataFrame(reports), path)
    write_parquet(pd.DataFrame(sentences), truth)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    with publish(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def _truth_row(study: CmrStudy) -> Row:
    found = study.findings
    return {
        "study_uid": study.uid,
        "patient_id": study.identity.number,
        "cohort": study.cohort,
        "year": study.date.year,
        "in_sheet": study.in_sheet,
        "lvef": found.lvef,
        "edv": study.heart.edv,
        "esv": study.heart.esv,
        **{task: int(found.status.get(task) == "present") for task in VISIBLE},
    }


def _canaries(studies: list[CmrStudy]) -> list[str]:
    """Return every planted string that cannot occur by chance."""
    found = {"Quillhaven Heart Hospital", "SONOGRAPHER^XANTHIPPE"}
    for study in studies:
        who = study.identity
        found |= {who.dicom_name, who.plain_name, who.family, who.family.upper(), who.number, who.address}
        found |= {who.telephone, who.birth.isoformat(), study.date.isoformat(), study.accession, study.uid}
    return sorted(found)
