"""Clips with text burned in at a known place: to measure what the mask removes and what the gate finds."""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from cineclr.config import Demo
from cineclr.demo.lettering import FACES, burn, draw_words, render
from cineclr.demo.plan import FULL_SCREENS, TWO_D_VIEWS, plan_hospital
from cineclr.demo.screen import lay_out
from cineclr.demo.shoot import draw_screen
from cineclr.demo.ultrasound import draw_opening
from cineclr.intake.residual_text.gate import Hit
from cineclr.seeds import derive_seed

JPEG_QUALITY = 80  # of the source, as scanners store it
HEIGHTS = (8, 24)  # rows of a capital letter, on screens of 480 and 600 rows
PANEL = 3  # pixels of a light panel around dark text
APART = 40  # pixels between texts: each is found or missed by itself
RIM = 8  # pixels around the sector that may change with it: those of a JPEG block


@dataclass(frozen=True)
class Text:
    """One text: its ink as bool (H, W), and whether it is light on dark."""

    ink: np.ndarray
    is_light: bool


@dataclass(frozen=True)
class Burned:
    """A screen with texts in it: clip uint8 (T, H, W), and the sector as bool (H, W)."""

    clip: np.ndarray
    sector: np.ndarray
    texts: list[Text]


@lru_cache(maxsize=4)
def draw_example(seed: int, screen: tuple[int, int], frames: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return a sound 2-D clip as its whole screen, uint8 (T, H, W), and its sector, bool (H, W)."""
    plan = plan_hospital(Demo(studies=12), seed)[seed % 12]
    sound = next(shot for shot in plan.shots if shot.kind in TWO_D_VIEWS and not shot.fault)
    shot = dataclasses.replace(sound, screen=screen, frames=frames)
    rng = np.random.default_rng(shot.seed)
    layout = lay_out(screen, plan.vendor, *draw_opening(rng))
    colour, _ = draw_screen(plan, shot, layout, rng)
    clip = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in colour]).astype(np.uint8)
    height, width = layout.extent
    fan = cv2.resize(layout.sector.inside().astype(np.uint8), (width, height))
    sector = np.zeros(screen, bool)
    sector[layout.top : layout.top + height, layout.left : layout.left + width] = fan > 0
    return clip, sector


def burn_outside(seed: int, only_sector: bool, texts: int = 5) -> Burned:
    """Return a clip with up to so many texts beside the sector, light or on a light panel.

    `only_sector` blanks the rest of the screen first: the clip then looks as if masking had failed for these
    texts alone.
    """
    rng = np.random.default_rng(derive_seed(seed, "burn_outside"))
    clip, sector = _draw_screen(rng)
    if only_sector:
        clip *= sector
    free, drawn = ~sector, []
    for _ in range(texts):
        cover = _draw_text(rng)
        if (place := _find_room(rng, cover, free)) is None:
            continue
        is_light = bool(rng.random() < 0.7)
        if not is_light:
            around = _around(cover, *place, PANEL)
            np.copyto(clip[:, *around], np.uint8(rng.integers(130, 240)), where=free[around])
        ink = rng.integers(100, 256) if is_light else rng.integers(0, 60)
        burn(clip, cover, *place, float(ink))
        drawn.append(Text(_ink(cover, *place, sector.shape), is_light))
        free[_around(cover, *place, APART)] = False
    return Burned(compress(clip), sector, drawn)


def burn_inside(seed: int, contrast: int, texts: int = 3) -> Burned:
    """Return a masked clip with up to so many texts in the sector.

    Each is `contrast` grey levels from the mean of what it covers, and left out where no such level exists.
    """
    rng = np.random.default_rng(derive_seed(seed, "burn_inside"))
    clip, sector = _draw_screen(rng)
    clip *= sector
    free, drawn = sector.copy(), []
    for _ in range(texts):
        cover = _draw_text(rng)
        if (place := _find_room(rng, cover, free)) is None:
            continue
        mean = float(clip[:, *_around(cover, *place, 0)].mean())
        is_light = bool(rng.random() < 0.6) or mean < contrast
        ink = mean + (contrast if is_light else -contrast)
        if ink <= 255:
            burn(clip, cover, *place, ink)
            drawn.append(Text(_ink(cover, *place, sector.shape), is_light))
            free[_around(cover, *place, APART)] = False
    return Burned(compress(clip), sector, drawn)


def _draw_screen(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    screen = FULL_SCREENS[int(rng.integers(len(FULL_SCREENS)))]
    clip, sector = draw_example(int(rng.integers(30)), screen)
    return clip.copy(), sector


def _draw_text(rng: np.random.Generator) -> np.ndarray:
    face, height = FACES[int(rng.integers(len(FACES)))], int(rng.integers(HEIGHTS[0], HEIGHTS[1] + 1))
    return render(draw_words(rng), face, height)


def _find_room(rng: np.random.Generator, cover: np.ndarray, free: np.ndarray) -> tuple[int, int] | None:
    """Return a random place (x, y) at which the whole text lies on free pixels, bool (H, W)."""
    rows, columns = cover.shape
    if rows >= free.shape[0] or columns >= free.shape[1]:
        return None
    taken = cv2.integral((~free).astype(np.uint8))
    sums = (
        taken[rows:, columns:] - taken[:-rows, columns:] - taken[rows:, :-columns] + taken[:-rows, :-columns]
    )
    places = np.argwhere(sums == 0)
    if not len(places):
        return None
    y, x = places[int(rng.integers(len(places)))]
    return int(x), int(y)


def _around(cover: np.ndarray, x: int, y: int, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of a text at (x, y) and of a margin around it."""
    rows, columns = cover.shape
    return slice(max(0, y - margin), y + rows + margin), slice(max(0, x - margin), x + columns + margin)


def _ink(cover: np.ndarray, x: int, y: int, shape: tuple[int, ...]) -> np.ndarray:
    ink = np.zeros(shape, bool)
    ink[_around(cover, x, y, 0)] = cover > 0.5
    return ink


def compress(clip: np.ndarray) -> np.ndarray:
    """Return grey frames, uint8 (T, H, W), as JPEG leaves them."""
    streams = (cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1] for frame in clip)
    return np.stack([np.asarray(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE), np.uint8) for stream in streams])


def share_left(text: Text, mask: np.ndarray) -> float:
    """Return which share of a text's ink a mask, uint8 (H, W), keeps."""
    return float((mask[text.ink] > 0).mean())


def is_gone(text: Text, sector: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether a mask, uint8 (H, W), keeps no ink beyond the sector and the blocks at its edge."""
    size = 2 * RIM + 1
    edge = cv2.dilate(sector.astype(np.uint8), np.ones((size, size), np.uint8)) > 0
    return not bool((mask[text.ink & ~edge] > 0).any())


def is_found(text: Text, hits: list[Hit]) -> bool:
    """Return whether the box of any hit lies over a part of the text."""
    return any(bool(text.ink[hit.y0 : hit.y1 + 1, hit.x0 : hit.x1 + 1].any()) for hit in hits)
