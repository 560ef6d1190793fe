"""What the checks of both papers share: studies counted, a sample of the files, weights and their hashes."""

import itertools
import os
from pathlib import Path
from typing import Any

from pydicom.misc import is_dicom

from cineclr.errors import InputError
from cineclr.intake.files.archives import is_archive
from cineclr.publishing import sha256_file
from cineclr.sources import CmrWeights, Weights

SAMPLE_FILES = 200


def count_studies(sheet: Any) -> str:
    """Return how many studies a sheet has, and how many of them come with a split."""
    given = f", {sheet['split'].notna().sum()} with a split" if "split" in sheet else ""
    return f"{len(sheet)} studies{given}"


def check_dicom(folders: list[Path], name: str) -> str:
    """Raise InputError if none of the first files is DICOM; `name` is the folders' key in sources.yaml."""
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


def check_weight_files(weights: Weights | CmrWeights, needed: list[str], section: str) -> None:
    """Raise InputError unless each of the weights `needed` is a file with the hash that stands beside it."""
    for name in needed:
        path = getattr(weights, name)
        if path is None or not path.is_file():
            raise InputError(f"sources.yaml: {section}.{name} must name a file")
        if getattr(weights, f"{name}_sha256") != sha256_file(path):
            raise InputError(
                f"sources.yaml: {section}.{name}_sha256 is not the hash of that file, which "
                "`cineclr hash-weights --file FILE` prints"
            )
