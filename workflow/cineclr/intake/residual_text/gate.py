"""The text gate: is there text left in what the mask kept? An alarm, not a guarantee.

RapidOCR (PP-OCR models in its wheel, run by ONNX Runtime on one thread) looks for text in a few pictures of
each clip: a detector finds boxes, a reader reads them. What counts is that something was read with some
confidence; what was read is thrown away at once.
"""

import importlib
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cineclr.errors import InputError

CHARACTERS = frozenset(string.ascii_letters + string.digits)
FEWEST = 3  # letters and digits of a reading: scanners' own marks and specks of speckle read as one or two
SIDE = 640  # pixels of the longer side that the detector sees at most; its time goes with the area
MOST_ENLARGED = 2  # times: small clips cost less, and text in them is found as well
SELF_TEST = "DOE 1950-02-03"


@dataclass(frozen=True)
class Hit:
    """Text in a picture: its number, the box in pixels (ends included), and the reader's confidence."""

    picture: int
    x0: int
    y0: int
    x1: int
    y1: int
    score: float


class TextGate:
    """Detector and reader, loaded once; on one thread, so that a job takes the core that it asked for."""

    def __init__(self, least_score: float) -> None:
        """Load the models from the installed package, and read a drawn word to see that they work.

        Raises InputError where RapidOCR is not installed, its models are missing, or the word is not found.
        """
        self._least_score = least_score
        self._read = _load()
        if not self.find_text(_draw_self_test()[None]):
            raise InputError(
                "text gate: a drawn word is not found, so the models do not work here; install rapidocr and "
                "onnxruntime anew, or set echo.deidentify.text_gate: false and look at every clip yourself"
            )

    def find_text(self, pictures: np.ndarray) -> list[Hit]:
        """Return where text stands in pictures, uint8 (n, H, W); raises whatever the models raise."""
        return [hit for number, picture in enumerate(pictures) for hit in self._find_in(number, picture)]

    def _find_in(self, number: int, picture: np.ndarray) -> list[Hit]:
        scale = min(SIDE / max(picture.shape), MOST_ENLARGED)
        sized = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        found = self._read(cv2.cvtColor(sized, cv2.COLOR_GRAY2BGR))
        if found.txts is None:
            return []
        hits = []
        for box, words, score in zip(found.boxes, found.txts, found.scores, strict=True):
            if score >= self._least_score and sum(letter in CHARACTERS for letter in words) >= FEWEST:
                (x0, y0), (x1, y1) = box.min(axis=0) / scale, box.max(axis=0) / scale
                hits.append(Hit(number, int(x0), int(y0), int(x1), int(y1), float(score)))
        return hits


def _load() -> Any:
    """Return RapidOCR with the models that lie in its package: a path given is never fetched."""
    try:
        rapidocr = importlib.import_module("rapidocr")
        importlib.import_module("onnxruntime")
    except ImportError:
        raise InputError(
            "text gate: rapidocr or onnxruntime is not installed; install them (pip install rapidocr "
            "onnxruntime), or set echo.deidentify.text_gate: false and look at every clip yourself"
        ) from None
    folder = Path(str(rapidocr.__file__)).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.text_score": 0.0,  # judged here
            "Global.max_side_len": SIDE,
            "Det.model_path": str(_model(folder, "det")),
            "Det.limit_type": "max",
            "Det.limit_side_len": SIDE,
            "Rec.model_path": str(_model(folder, "rec")),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _model(folder: Path, task: str) -> Path:
    """Return the one model of a task; another number of them is an unknown version of RapidOCR."""
    found = sorted(folder.glob(f"*_{task}_*.onnx"))
    if len(found) != 1:
        raise InputError(
            f"text gate: {len(found)} models of kind {task} in the installed rapidocr, not one; install "
            "rapidocr 3.10 anew"
        )
    return found[0]


def _draw_self_test() -> np.ndarray:
    picture = np.zeros((120, 320), np.uint8)
    cv2.putText(picture, SELF_TEST, (30, 70), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 230, 2, cv2.LINE_AA)
    return picture
