"""Text as scanners and people burn it into pixels: what it says, its face, height and ink."""

import datetime
from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cineclr.demo.identity import ENDINGS, GIVEN, MIDDLES, ONSETS

# Stroke fonts as old scanners have them, and outline fonts as newer ones and PACS stations do.
STROKES = {
    "plain": cv2.FONT_HERSHEY_PLAIN,
    "simplex": cv2.FONT_HERSHEY_SIMPLEX,
    "duplex": cv2.FONT_HERSHEY_DUPLEX,
}
OUTLINES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif")
FACES = (*STROKES, *OUTLINES)


def draw_words(rng: np.random.Generator) -> str:
    """Return an invented name, number, date or time as it stands on a screen."""
    family = str(rng.choice(ONSETS)) + str(rng.choice(MIDDLES)) + str(rng.choice(ENDINGS))
    given = str(rng.choice(GIVEN["F"] + GIVEN["M"]))
    day = datetime.date(1926, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 365 * 97)))
    number = int(rng.integers(1_000_000, 9_999_999))
    forms = (
        *(f"{family.upper()}, {given.upper()}", f"{given} {family}", f"{family.upper()}^{given.upper()}"),
        *(f"{day:%Y-%m-%d}", f"{day:%d/%m/%Y}", f"{day:%d.%m.%y}", f"{day:%d %b %Y}", f"DOB {day:%m/%d/%Y}"),
        *(
            f"MRN{number}",
            f"ID: {number}",
            f"{number}",
            f"{number % 24:02d}:{number % 60:02d}:{number % 59:02d}",
        ),
    )
    return str(forms[int(rng.integers(len(forms)))])


def render(words: str, face: str, height: int) -> np.ndarray:
    """Return one line of text as a cover, float32 (rows, columns), 0 to 1; capitals have `height` rows."""
    if face in STROKES:
        size = height / cv2.getTextSize("H", STROKES[face], 1, 1)[0][1]
        thick = max(1, round(height / 12))
        (width, rows), below = cv2.getTextSize(words, STROKES[face], size, thick)
        cover = np.zeros((rows + below + 2, width + 2), np.uint8)
        cv2.putText(cover, words, (1, rows), STROKES[face], size, 255, thick, cv2.LINE_AA)
    else:
        font = _font(face, height)
        left, top, right, bottom = font.getbbox(words)
        image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
        ImageDraw.Draw(image).text((1 - left, 1 - top), words, fill=255, font=font)
        cover = np.asarray(image)
    return cover.astype(np.float32) / 255


@cache
def _font(face: str, height: int) -> ImageFont.FreeTypeFont:
    path = Path(mpl.get_data_path()) / "fonts/ttf" / f"{face}.ttf"
    return ImageFont.truetype(str(path), round(height / 0.73))  # capitals of DejaVu are 0.73 em high


def burn(clip: np.ndarray, cover: np.ndarray, x: int, y: int, ink: float) -> None:
    """Lay text of grey level `ink` over every frame of a clip, uint8 (T, H, W), its upper left at (x, y)."""
    rows, columns = cover.shape
    part = clip[:, y : y + rows, x : x + columns]
    cover = cover[: part.shape[1], : part.shape[2]]
    part[:] = np.rint(part * (1 - cover) + ink * cover).astype(np.uint8)
