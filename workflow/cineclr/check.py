"""`cineclr check`: everything that can be known to be wrong before days of work begin."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cineclr.config import Config, load_config
from cineclr.errors import InputError
from cineclr.frozen import Wing, read_models
from cineclr.operation.check_cluster import cluster_checks, find_profile
from cineclr.private import PrivateSide, Pseudonymizer
from cineclr.publishing import sha256_file
from cineclr.sources import CmrWeights, Weights

SAMPLE_FILES = 200
LEAST_FREE_GB = 10


def check(
    config: list[Path] = [Path("config.yaml")],  # noqa: B006
    root: Path = Path(),
    profile: Path | None = None,
) -> None:
    """Check the configuration, the private side, the sheet, a sample of the DICOM files, weights and disk.

    `config` are configuration files, later ones override; `root` is the folder that holds private/ and
    results/. With the `profile` of a SLURM cluster, a folder or the name of one where Snakemake looks, the
    cluster and a node of each partition are checked too. Every check runs, each prints one line; any that
    fails makes InputError with its remedy.
    """
    settings = read_config(config)
    private = PrivateSide(root / settings.private / settings.run)
    checks: dict[str, Callable[[], str]] = {
        "configuration": lambda: f"run {settings.run!r}",
        "private side": lambda: _check_private(private),
    }
    echo, cmr = _wings(private)
    if echo:
        checks |= {
            "sheet": lambda: _check_sheet(private),
            "echo files": lambda: _check_echo_files(private),
            "text gate": lambda: _check_text_gate(settings),
            "weights": lambda: _check_weights(private, settings),
            "view labels": lambda: _check_view_labels(private, settings),
        }
    if cmr:
        checks |= {
            "MRI sheet": lambda: _check_cmr_sheet(private),
            "MRI files": lambda: _check_cmr_files(private),
            "MRI reports": lambda: _check_reports(private),
            "MRI models": lambda: _check_cmr_models(private, settings),
        }
    if settings.models is not None:
        checks["models"] = lambda: _check_models(root / "results", settings, echo, cmr)
    checks |= {"environment": _check_environment, "disk": lambda: _check_disk(root)}
    if profile is not None:
        checks |= cluster_checks(find_profile(profile), root / "results")
    failures = [line for name, run in checks.items() if (line := _run_check(name, run))]
    if failures:
        raise InputError(f"{len(failures)} of {len(checks)} checks failed:\n" + "\n".join(failures))


def check_sources(private: Path) -> None:
    """Check the private side, the sheets and the reports; the workflow does this before its first job."""
    side = PrivateSide(private)
    _check_private(side)
    echo, cmr = _wings(side)
    if echo:
        _check_sheet(side)
    if cmr:
        _check_cmr_sheet(side)
        _check_reports(side)


def read_config(paths: list[Path]) -> Config:
    """Read and merge configuration files as Snakemake does, later over earlier ones; check the result."""
    merged: dict[str, object] = {}
    for path in paths:
        if not path.is_file():
            raise InputError(f"no configuration file {path}")
        try:
            values = yaml.safe_load(path.read_text()) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise InputError(f"{path}{f', line {mark.line + 1}' if mark else ''}: not valid YAML") from None
        if not isinstance(values, dict):
            raise InputError(f"{path}: must hold keys and values")
        merged = _merge(merged, values)
    return load_config(merged)


def _merge(old: dict, new: dict) -> dict:
    shared = [key for key in old if isinstance(old[key], dict) and isinstance(new.get(key), dict)]
    return {**old, **new, **{key: _merge(old[key], new[key]) for key in shared}}


def _run_check(name: str, run: Callable[[], str]) -> str:
    try:
        print(f"ok      {name}: {run()}")
    except InputError as error:
        message = str(error).replace("\n", "\n        ")
        print(f"failed  {name}: {message}", file=sys.stderr)
        return f"{name}: {str(error).splitlines()[0]}"
    return ""


def _wings(private: PrivateSide) -> tuple[bool, bool]:
    """Return whether the sources name echo data and MRI data; a file that cannot be read counts as echo."""
    try:
        sources = private.sources()
    except InputError:
        return True, False
    return sources.sheet is not None, sources.cmr is not None


def _check_private(private: PrivateSide) -> str:
    from cineclr.cohort.withdrawn import read_withdrawn

    private.key()
    sources = private.sources()
    key = "videos" if sources.videos else "dicom"
    cmr_key = "cmr.hdf5" if sources.cmr and sources.cmr.hdf5 else "cmr.dicom"
    folders = {key: sources.roots, cmr_key: sources.cmr.roots if sources.cmr else []}
    for name, named in folders.items():
        missing = [number for number, folder in enumerate(named, 1) if not folder.is_dir()]
        if missing:
            raise InputError(
                f"sources.yaml: {name}: entry {missing[0]} is not a folder that this machine can see"
            )
    withdrawn = len(read_withdrawn(sources.withdrawn)) if sources.withdrawn else 0
    return f"key, {sum(map(len, folders.values()))} folder(s) of files, {withdrawn} withdrawn patients"


def _check_sheet(private: PrivateSide) -> str:
    from cineclr.cohort.sheet import read_echo_sheet

    return _count_studies(read_echo_sheet(private.sources()))


def _check_cmr_sheet(private: PrivateSide) -> str:
    from cineclr.cohort.cmr.sheet import read_cmr_sheet

    return _count_studies(read_cmr_sheet(private.cmr_sources()))


def _count_studies(sheet: Any) -> str:
    given = f", {sheet['split'].notna().sum()} with a split" if "split" in sheet else ""
    return f"{len(sheet)} studies{given}"


def _check_reports(private: PrivateSide) -> str:
    from cineclr.text.reports import read_reports

    return f"{len(read_reports(private.cmr_sources()))} reports"


def _check_echo_files(private: PrivateSide) -> str:
    sources = private.sources()
    return _check_videos(sources.videos) if sources.videos else _check_dicom(sources.dicom, "dicom")


def _check_text_gate(settings: Config) -> str:
    from cineclr.intake.residual_text.gate import TextGate

    if not settings.echo.deidentify.text_gate:
        return "off: nothing looks for text inside the sector"
    TextGate(settings.echo.deidentify.text_score)
    return "a drawn word is found"


def _check_cmr_files(private: PrivateSide) -> str:
    sources = private.cmr_sources()
    return _check_hdf5(sources.hdf5) if sources.hdf5 else _check_dicom(sources.dicom, "cmr.dicom")


def _check_hdf5(folder: Path) -> str:
    import itertools

    from cineclr.intake.cmr.own import study_of
    from cineclr.intake.files.archives import is_archive

    sample = list(itertools.islice(folder.rglob("*.h5"), SAMPLE_FILES))
    files = itertools.islice((path for path in folder.rglob("*") if path.is_file()), SAMPLE_FILES)
    if not sample and not any(map(is_archive, files)):
        raise InputError("no *.h5, nor an archive, below cmr.hdf5 in sources.yaml")
    for path in sample:
        study_of(path)
    return f"{len(sample)} HDF5 files are of our schema"


def _check_videos(folder: Path) -> str:
    import itertools

    from cineclr.intake.echo.videos import examine_video
    from cineclr.intake.files.archives import is_archive
    from cineclr.intake.files.listing import place_of
    from cineclr.ledger import PASSED

    sample = list(itertools.islice((path for path in folder.rglob("*") if path.is_file()), SAMPLE_FILES))
    videos = (examine_video(path, place_of(path, folder)).code == PASSED for path in sample)
    found = sum(videos) + sum(map(is_archive, sample))
    if not found:
        raise InputError(
            f"none of the first {len(sample)} files is a video <study_id>/<name>.avi, or an archive; is "
            "`videos` in sources.yaml right?"
        )
    return f"{found} of the first {len(sample)} files are videos of a study, or archives"


def _check_dicom(folders: list[Path], name: str) -> str:
    import itertools

    from pydicom.misc import is_dicom

    from cineclr.intake.files.archives import is_archive

    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    sample = list(itertools.islice(files, SAMPLE_FILES))
    readable = [path for path in sample if os.access(path, os.R_OK)]
    found = sum(is_dicom(path) or is_archive(path) for path in readable)
    if not found:
        raise InputError(
            f"none of the first {len(sample)} files is DICOM or an archive; is `{name}` in sources.yaml "
            "right?"
        )
    return f"{found} of the first {len(sample)} files are DICOM or archives"


def _check_weights(private: PrivateSide, settings: Config) -> str:
    if settings.models is not None:
        return f"none needed: those of run {settings.models!r} are tested"
    needed = []
    if settings.echo.views.classifier == "import":
        needed.append("view_classifier")
    if settings.echo.encoder.kinetics400 == "file" and "kinetics400" in settings.echo.finetune.inits:
        needed.append("kinetics400")
    _check_files(private.sources().weights, needed, "weights")
    return ", ".join(needed) or "none needed"


def _check_cmr_models(private: PrivateSide, settings: Config) -> str:
    cmr, weights = settings.cmr, private.cmr_sources().weights
    trains = settings.models is None
    named = ["kinetics400"] if trains and cmr.video_encoder.kinetics400 == "file" else []
    if trains and "published" in {*cmr.lvef.inits, *cmr.diagnoses.inits}:
        named.append("published")
    _check_files(weights, named, "cmr.weights")
    folders = {
        "text_encoder": trains and cmr.text_encoder.source == "folder",
        "splitter": trains and cmr.text.splitter == "folder",
        "language_model": (cmr.text.labels.source, cmr.text.llm.backend) == ("llm", "transformers"),
    }
    needed = [name for name, is_needed in folders.items() if is_needed]
    for name in needed:
        path = getattr(weights, name)
        if path is None or not path.is_dir():
            raise InputError(f"sources.yaml: cmr.weights.{name} must name a folder")
    return ", ".join([*named, *needed]) or "none needed"


def _check_models(results: Path, settings: Config, echo: bool, cmr: bool) -> str:
    named: dict[Wing, bool] = {"echo": echo, "cmr": cmr}
    found = [wing for wing, is_named in named.items() if is_named and read_models(results, settings, wing)]
    return f"{' and '.join(found)} of run {settings.models!r}"


def _check_files(weights: Weights | CmrWeights, needed: list[str], section: str) -> None:
    for name in needed:
        path = getattr(weights, name)
        if path is None or not path.is_file():
            raise InputError(f"sources.yaml: {section}.{name} must name a file")
        if getattr(weights, f"{name}_sha256") != sha256_file(path):
            raise InputError(
                f"sources.yaml: {section}.{name}_sha256 is not the hash of that file, which "
                "`cineclr hash-weights --file FILE` prints"
            )


def _check_view_labels(private: PrivateSide, settings: Config) -> str:
    if settings.models is not None or settings.echo.views.classifier != "train":
        return "none needed"
    from cineclr.views.labels import read_view_labels

    any_key = Pseudonymizer(b"")  # only the rows are judged
    labels = read_view_labels(private.sources(), any_key, settings.echo.views.classes)
    return f"{len(labels)} labelled videos"


def _check_environment() -> str:
    import cv2
    import torch

    gpus = torch.cuda.device_count()
    device = f"{gpus} GPU(s)" if gpus else "no GPU: training will use the CPU"
    return f"Python {sys.version.split()[0]}, torch {torch.__version__}, OpenCV {cv2.__version__}, {device}"


def _check_disk(root: Path) -> str:
    free = shutil.disk_usage(root).free / 1e9
    if free < LEAST_FREE_GB:
        raise InputError(f"{free:.0f} GB free; at least {LEAST_FREE_GB} GB are needed")
    return f"{free:.0f} GB free"
