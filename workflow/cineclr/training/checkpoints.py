"""Checkpoints of one training: kept under a key of its settings and inputs, verified before they are used."""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch

from cineclr.publishing import publish, sha256_file

logger = logging.getLogger(__name__)

KEPT = 2  # the newest and, should it be damaged, the one before
DIGEST_LENGTH = 16


def training_key(settings: dict[str, Any], tables: list[Path], arrays: list[Path]) -> str:
    """Return a key that changes with the settings, the content of tables, and the state of large arrays.

    Arrays (frames of all clips, tens of gigabytes) are told apart by size and modification time: a rewritten
    file never resumes.
    """
    digests = [sha256_file(path) for path in tables]
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in arrays]
    text = json.dumps([settings, digests, states], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


class Checkpoints:
    """The checkpoints in `folder`/`key`; a file's name carries its number of steps and its own hash."""

    def __init__(self, folder: Path, key: str) -> None:
        self.root, self.folder = folder, folder / key

    def save(self, state: dict[str, Any], steps: int) -> None:
        """Write the state after `steps` optimizer steps, then drop all but the newest two."""
        temporary = self.folder / "writing.pt"
        with publish(temporary) as path:
            torch.save(state, path)
        temporary.replace(self.folder / f"{steps:09d}-{sha256_file(temporary)[:DIGEST_LENGTH]}.pt")
        for old in self._files()[KEPT:]:
            old.unlink()

    def newest(self) -> Path | None:
        """Return the newest file that is intact; None if there is none."""
        for path in self._files():
            if sha256_file(path).startswith(path.stem.split("-")[1]):
                return path
            logger.info("checkpoint %s is damaged; taking the one before", path.name)
        return None

    def load(self, path: Path) -> dict[str, Any]:
        """Return the state in a file that `newest` returned, on the CPU."""
        return torch.load(path, map_location="cpu", weights_only=True)

    def remove(self) -> None:
        """Delete this training's checkpoints, also those of earlier settings: the result is there."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.pt"), reverse=True)
