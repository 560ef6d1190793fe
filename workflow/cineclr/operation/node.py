"""What a node sees, told as JSON, so that a check on the login node can compare the two."""

import json
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("cineclr", "torch", "torchvision", "numpy", "pydicom", "h5py", "transformers", "snakemake")


def describe_node(folder: Path) -> None:
    """Print, as JSON on one line, what `look_around` returns of this machine."""
    print(json.dumps(look_around(folder)))


def look_around(folder: Path) -> dict[str, Any]:
    """Return versions, GPUs and disk as seen here, and what `folder` holds; a file is written into it.

    Keys: python, packages (name -> version), gpus (names), cuda_error, files (in the folder), free_gb.
    """
    (folder / f"node_{os.getpid()}").write_text("seen")
    names, error = _gpus()
    return {
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "gpus": names,
        "cuda_error": error,
        "files": sorted(path.name for path in folder.iterdir()),
        "free_gb": shutil.disk_usage(folder).free / 1e9,
    }


def _gpus() -> tuple[list[str], str]:
    import torch

    if not torch.cuda.is_available():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
        built = torch.version.cuda or "no CUDA"
        return [], f"CUDA_VISIBLE_DEVICES is {visible}, torch is built for {built}"
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())], ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
