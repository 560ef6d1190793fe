"""`cineclr check`: everything that can be known to be wrong before days of work begin."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from cineclr.check import cmr as mri
from cineclr.check import echo
from cineclr.config import Config
from cineclr.config.reading import read_config
from cineclr.errors import InputError
from cineclr.frozen import Wing, read_models
from cineclr.operation.check_cluster import cluster_checks, find_profile
from cineclr.private import PrivateSide

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
    has_echo, has_mri = _wings(private)
    if has_echo:
        checks |= {
            "sheet": lambda: echo.check_sheet(private),
            "echo files": lambda: echo.check_files(private),
            "text gate": lambda: echo.check_text_gate(settings),
            "weights": lambda: echo.check_weights(private, settings),
            "view labels": lambda: echo.check_view_labels(private, settings),
        }
    if has_mri:
        checks |= {
            "MRI sheet": lambda: mri.check_sheet(private),
            "MRI cohorts": lambda: mri.check_roles(private, settings),
            "MRI files": lambda: mri.check_files(private),
            "MRI series": lambda: mri.check_series(private),
            "MRI reports": lambda: mri.check_reports(private),
            "MRI labels": lambda: mri.check_labels(private, settings),
            "MRI models": lambda: mri.check_models(private, settings),
        }
    if settings.models is not None:
        checks["models"] = lambda: _check_models(root / "results", settings, has_echo, has_mri)
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
    has_echo, has_mri = _wings(side)
    if has_echo:
        echo.check_sheet(side)
    if has_mri:
        mri.check_sheet(side)
        mri.check_reports(side)


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


def _check_models(results: Path, settings: Config, has_echo: bool, has_mri: bool) -> str:
    named: dict[Wing, bool] = {"echo": has_echo, "cmr": has_mri}
    found = [wing for wing, is_named in named.items() if is_named and read_models(results, settings, wing)]
    return f"{' and '.join(found)} of run {settings.models!r}"


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
