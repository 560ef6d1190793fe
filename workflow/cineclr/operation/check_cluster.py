"""What can be wrong between a profile and its SLURM cluster, found before days of waiting for it."""

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cineclr.errors import InputError
from cineclr.operation.cluster import LEFT, ask_slurm
from cineclr.operation.node import look_around

WAIT = 60  # seconds that a look at a node may wait in the queue
LEAST_FREE_GB = 10
STYLES = ("--gpus=1", "--gres=gpu:1")


@dataclass(frozen=True)
class Partition:
    """A partition as SLURM describes it; minutes may be infinite."""

    state: str
    minutes: float
    has_gpus: bool


def cluster_checks(profile: Path, results: Path) -> dict[str, Callable[[], str]]:
    """Return the checks of a SLURM profile (a folder), in their order: name -> check.

    `results` is a folder on the file system that jobs share. A check returns what it found, or raises
    InputError with the remedy.
    """
    checks: dict[str, Callable[[], str]] = {
        "SLURM": _check_slurm,
        "partitions": lambda: _check_partitions(profile),
    }
    for name, limits in _read_partitions(profile).items():
        needs_gpu = bool(limits.get("max_gpu"))
        checks[f"a node of {name}"] = lambda name=name, gpu=needs_gpu: _check_node(name, gpu, results)  # type: ignore[misc]
    return checks


def find_profile(named: Path) -> Path:
    """Return the folder of a profile: as named, or under the places where Snakemake looks for one."""
    places = [Path(), Path.home() / ".config/snakemake", Path("/etc/xdg/snakemake")]
    for folder in (place / named for place in places):
        if (folder / "config.yaml").is_file():
            return folder
    raise InputError(
        f"--profile: no config.yaml in {named}, nor in a folder of that name in ~/.config/snakemake"
    )


def _check_slurm() -> str:
    version = ask_slurm("sinfo", "--version").strip()
    accounting = "accounting_storage/slurmdbd" in ask_slurm("scontrol", "show", "config")
    return f"{version}, {'with' if accounting else 'without'} accounting"


def _read_partitions(profile: Path) -> dict[str, dict[str, Any]]:
    path = profile / "partitions.yaml"
    try:
        return yaml.safe_load(path.read_text())["partitions"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise InputError(f"{path}: no partitions; see profiles/slurm/partitions.yaml for the form") from None


def _known_partitions() -> dict[str, Partition]:
    rows = [line.split("|") for line in ask_slurm("sinfo", "--noheader", "--format", "%R|%a|%l|%G").split()]
    return {name: Partition(state, _minutes(limit), "gpu" in gres) for name, state, limit, gres in rows}


def _minutes(limit: str) -> float:
    found = LEFT.fullmatch(limit)
    if not found:
        return float("inf")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes + seconds / 60


def _check_partitions(profile: Path) -> str:
    """Compare what the profile says of each partition with what SLURM says."""
    known, wrong = _known_partitions(), []
    for name, limits in _read_partitions(profile).items():
        if name not in known:
            wrong.append(f"{name}: no such partition; SLURM has {', '.join(sorted(known))}")
            continue
        partition = known[name]
        if partition.state != "up":
            wrong.append(f"{name}: is {partition.state}")
        if float(limits.get("max_runtime", 0)) > partition.minutes:
            wrong.append(f"{name}: max_runtime is more than SLURM's limit of {partition.minutes:g} minutes")
        if limits.get("max_gpu") and not partition.has_gpus:
            wrong.append(f"{name}: max_gpu is {limits['max_gpu']}, but no node of it has GPUs")
    if wrong:
        raise InputError("partitions.yaml: " + "; ".join(wrong))
    return ", ".join(_read_partitions(profile))


def _check_node(partition: str, gpu: bool, results: Path) -> str:
    """Run `describe-node` on a node of the partition and compare what it sees with what is seen here."""
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check_", dir=results) as place:
        folder = Path(place)
        here = look_around(folder)
        there, style = _look_from(partition, gpu, folder)
        own = {path.name for path in folder.iterdir()}
        shared = set(here["files"]) < set(there["files"]) <= own
    wrong = _differences(here, there, gpu)
    if not shared:
        wrong.append("does not share the folder of results with this machine; put it on the shared disk")
    if wrong:
        raise InputError(f"a node of {partition} " + "; ".join(wrong))
    seen = f"GPU {there['gpus'][0]} by {style}" if gpu else "no GPU asked for"
    return f"same versions, shared disk with {there['free_gb']:.0f} GB free, {seen}"


def _look_from(partition: str, gpu: bool, folder: Path) -> tuple[dict[str, Any], str]:
    """Return what a node sees, and how it had to be asked for a GPU."""
    python = [sys.executable, "-m", "cineclr", "describe-node", "--folder", str(folder.resolve())]
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[2]))
    asked = [
        "srun",
        f"--partition={partition}",
        f"--immediate={WAIT}",
        "--ntasks=1",
        "--mem=4000",
        "--time=5",
    ]
    error = InputError("")
    for style in STYLES if gpu else ("",):
        try:
            said = ask_slurm(*asked, *([style] if style else []), *python, seconds=2 * WAIT + 60)
            return json.loads(said.splitlines()[-1]), style
        except InputError as failure:
            error = failure
        except (ValueError, IndexError):
            error = InputError("a job ran there, but said nothing; is this folder visible on its nodes?")
    if re.search(r"[Ii]mmediate|busy|Resources|Unable to allocate", str(error)):
        raise InputError(f"no node of {partition} was free within {WAIT} s ({error}); try again later")
    raise error


def _differences(here: dict[str, Any], there: dict[str, Any], gpu: bool) -> list[str]:
    """Return what is wrong with a node, as ends of sentences that begin with its name."""
    wrong = []
    versions = (
        {"python": here["python"], **here["packages"]},
        {"python": there["python"], **there["packages"]},
    )
    other = [
        f"{name} {versions[1][name]}, here {own}"
        for name, own in versions[0].items()
        if versions[1][name] != own
    ]
    if other:
        wrong.append(f"has other versions ({', '.join(other)}); use one environment on a shared disk")
    if gpu and not there["gpus"]:
        wrong.append(
            f"shows PyTorch no GPU ({there['cuda_error']}); see `nvidia-smi` there: the driver must be at "
            "least as new as PyTorch's CUDA"
        )
    if there["free_gb"] < LEAST_FREE_GB:
        wrong.append(f"has {there['free_gb']:.0f} GB free for results; {LEAST_FREE_GB} GB are needed")
    return wrong
