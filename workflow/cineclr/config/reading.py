"""Configuration files as Snakemake reads them: later ones override earlier ones, key by key."""

from pathlib import Path

import yaml

from cineclr.config import Config, load_config
from cineclr.errors import InputError


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
