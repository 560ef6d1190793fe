"""Quarantine: clips in which text may be left stay on the private side until a person has decided.

Of one study shard, below private/<run>/:

    quarantine/shard_N/<video>.avi   a clip that waits (one that was released is in results)
    quarantine/shard_N/<video>.png   what the text gate looked at, side by side
    quarantine/shard_N.parquet       where it found text and how sure it is, never what it read
    decisions/shard_N.csv            what people decided
"""

import dataclasses
import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from cineclr.files import frame_of, write_parquet
from cineclr.intake.echo.clean import Cleaned
from cineclr.intake.residual_text.decisions import REJECT, RELEASE, Decision
from cineclr.intake.residual_text.gate import Hit, TextGate
from cineclr.ledger import Code
from cineclr.publishing import move_file

log = logging.getLogger(__name__)

HIT_COLUMNS = {
    **{"study": "str", "video": "str", "seen": "str", "pictures": "int64", "picture": "int64"},
    **{"x0": "int64", "y0": "int64", "x1": "int64", "y1": "int64", "score": "float64"},
}
# In place of a hit where the gate itself failed: what nobody has looked at waits, too.
NOT_SEARCHED = Hit(-1, 0, 0, 0, 0, float("nan"))


def quarantine_folder(private: Path, shard: int) -> Path:
    """Return where the clips of a study shard wait."""
    return private / "quarantine" / f"shard_{shard}"


def digest_pictures(pictures: np.ndarray) -> str:
    """Return 16 hexadecimal digits that change when any pixel of the pictures (n, H, W) does."""
    return hashlib.sha256(f"{pictures.shape}".encode() + pictures.tobytes()).hexdigest()[:16]


@dataclass
class Quarantine:
    """Where each clip of a shard goes: to the results, or aside with its pictures.

    `folder` is on the private side; clips are made in it, and moved out when nothing is found in them.
    Without a gate every clip goes on that nobody has rejected.
    """

    folder: Path
    gate: TextGate | None
    decisions: dict[str, Decision]
    hits: list[dict[str, object]] = field(default_factory=list)

    def is_rejected(self, video: str) -> bool:
        """Return whether a person has rejected a clip, for good and whatever its pixels are."""
        return video in self.decisions and self.decisions[video].decision == REJECT

    def admit(self, study: str, video: str, done: Cleaned, target: Path) -> Cleaned:
        """Move a passed clip to `target`, or keep it and return it as residual text.

        A release holds for the very pictures that a person saw: after any change of them it does not.
        """
        clip = self.folder / f"{video}.avi"
        if done.pictures is not None and (hits := self._search(video, done.pictures)):
            seen = digest_pictures(done.pictures)
            self._keep(study, video, seen, done.pictures, hits)
            if self.decisions.get(video) != Decision(RELEASE, seen):
                clip.chmod(0o600)
                return dataclasses.replace(done, code=Code.RESIDUAL_TEXT, sha256=None, pictures=None)
        move_file(clip, target)
        return dataclasses.replace(done, pictures=None)

    def _search(self, video: str, pictures: np.ndarray) -> list[Hit]:
        if self.gate is None:
            return []
        try:
            return self.gate.find_text(pictures)
        except Exception as error:  # whatever fails in the models, the clip waits
            log.warning("%s: the text gate failed (%s)", video, type(error).__name__)
            return [NOT_SEARCHED]

    def _keep(self, study: str, video: str, seen: str, pictures: np.ndarray, hits: list[Hit]) -> None:
        path = self.folder / f"{video}.png"
        if not cv2.imwrite(str(path), np.hstack(list(pictures))):
            raise OSError(f"{path.name}: the pictures could not be written")
        path.chmod(0o600)
        common: dict[str, object] = {"study": study, "video": video, "seen": seen, "pictures": len(pictures)}
        self.hits += [common | vars(hit) for hit in hits]

    def write_hits(self, path: Path) -> None:
        """Publish where text was found, for its owner only."""
        write_parquet(frame_of(self.hits, HIT_COLUMNS), path)
        path.chmod(0o600)
