"""How a scanner shows the phantom: probe position, speckle, gain, artefacts and the sector."""

import dataclasses
import functools
from dataclasses import dataclass

import cv2
import numpy as np

from cineclr.demo.anatomy import Heart
from cineclr.demo.phantom import MUSCLE, TISSUE, VIEWS
from cineclr.demo.shapes import Layer, beat_at, ellipse, rotate

SUBPIXEL = 4  # bits of the fraction in cv2's fixed-point coordinates
TEXTURE = 1024
FLOOR = 3  # least grey level inside the sector: the noise that every scanner shows


@dataclass(frozen=True)
class Sector:
    """The fan of the ultrasound image in pixels of its own rectangle, apex at the top centre."""

    height: int
    half_angle: float
    depth: float

    @property
    def width(self) -> int:
        """Width in pixels, even."""
        return 2 * int(np.ceil(self.height * np.sin(self.half_angle))) + 2

    @property
    def scale(self) -> float:
        """Pixels per cm."""
        return (self.height - 1) / self.depth

    def polar(self) -> tuple[np.ndarray, np.ndarray]:
        """Return depth (cm) and angle (radians, 0 straight down) of every pixel, each (height, width)."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        x, y = (x - (self.width - 1) / 2) / self.scale, y / self.scale
        return np.hypot(x, y), np.arctan2(x, y)

    def inside(self) -> np.ndarray:
        """Return the mask (height, width) of pixels inside the fan."""
        depth, angle = self.polar()
        return (depth <= self.depth) & (np.abs(angle) <= self.half_angle) & (depth > 0.35)


@dataclass(frozen=True)
class Acquisition:
    """What differs from clip to clip of one study: the hand, the beat and the knobs."""

    turn: float
    shift: tuple[float, float]
    stretch: tuple[float, float]
    phase: float
    gain: float
    contrast: float
    speckle: float
    slope: float
    side: float
    haze: float
    blur: float
    coherence: float
    sway: float
    dropouts: tuple[tuple[float, float, float, float], ...]
    reverberation: float
    oblique: tuple[float, float, float, float]
    clutter: tuple[tuple[float, float, float, float, float], ...]


def draw_opening(rng: np.random.Generator) -> tuple[float, float]:
    """Return half the opening of the sector (radians) and the depth (cm) that this clip was taken with."""
    return float(np.deg2rad(rng.uniform(36, 45))), float(rng.uniform(12.5, 18.5))


def draw_acquisition(rng: np.random.Generator) -> Acquisition:
    """Draw the nuisances of one clip; they carry nothing of the patient."""
    dropouts = [
        (rng.uniform(-0.75, 0.75), rng.uniform(0.04, 0.18), rng.uniform(0.5, 8), rng.uniform(25, 100))
        for _ in range(rng.integers(0, 5))
    ]
    clutter = [
        (
            rng.normal(0, 3.2),
            rng.uniform(2, 13),
            rng.uniform(0.15, 1.1),
            rng.uniform(0.1, 0.4),
            rng.uniform(90, 250),
        )
        for _ in range(rng.integers(0, 7))
    ]
    return Acquisition(
        turn=rng.normal(0, 10),
        shift=(rng.normal(0, 1.0), rng.normal(0.2, 0.6)),
        stretch=(rng.normal(1, 0.09), rng.normal(1, 0.06)),
        phase=rng.uniform(0, 1),
        gain=rng.normal(0, 22.5),
        contrast=rng.uniform(0.62, 1.43),
        speckle=rng.uniform(12, 31),
        slope=rng.normal(-1.5, 3),
        side=rng.uniform(0, 60),
        haze=rng.uniform(20, 110),
        blur=rng.uniform(0.07, 0.22),
        coherence=rng.uniform(0.4, 0.95),
        sway=rng.uniform(0, 0.4),
        dropouts=tuple(dropouts),
        reverberation=rng.uniform(0, 80) if rng.random() < 0.45 else 0.0,
        oblique=(
            float(np.exp(rng.normal(0, 0.06))),
            float(np.exp(rng.normal(0, 0.05))),
            float(np.exp(rng.normal(0, 0.15))),
            float(rng.normal(0, 0.1)),
        ),
        clutter=tuple(clutter),
    )


def _as_seen(heart: Heart, acquisition: Acquisition) -> Heart:
    """Return the heart as an oblique plane cuts it: no two videos show quite the same walls and valve."""
    wall, cavity, opening, calcium = acquisition.oblique
    return dataclasses.replace(
        heart,
        wall=heart.wall * wall,
        cavity=heart.cavity * cavity,
        opening=min(heart.opening * opening, 0.97),
        calcium=float(np.clip(heart.calcium + calcium, 0, 1)),
    )


def draw_clip(
    heart: Heart,
    view: str,
    sector: Sector,
    frames: int,
    beats_per_frame: float,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return one clip, uint8 (frames, height, width), black outside the sector.

    `beats_per_frame` is heart rate / (60 * frames per second).
    """
    beat = beat_at(acquisition.phase + np.arange(frames) * beats_per_frame)
    layers = [
        _hold_probe(layer, acquisition, frames) for layer in VIEWS[view](_as_seen(heart, acquisition), beat)
    ]
    layers += [Layer(ellipse(*blob[:4], frames), blob[4]) for blob in acquisition.clutter]
    echo = _paint(layers, sector, frames, acquisition)
    depth, angle = sector.polar()
    echo = (echo - MUSCLE) * acquisition.contrast + MUSCLE
    echo += acquisition.speckle * _speckle(depth, angle, beat.contraction, acquisition, rng)
    echo += (_knobs(depth, angle, sector, acquisition))[None]
    haze = 150 * np.exp(-depth / 0.9) + acquisition.haze * np.exp(-(((depth - 1.1) / 0.8) ** 2))
    np.maximum(echo, haze[None] + 0.35 * (echo - 80), out=echo)
    np.clip(echo, FLOOR, 250, out=echo)
    return echo.astype(np.uint8) * sector.inside()[None].astype(np.uint8)


def _hold_probe(layer: Layer, acquisition: Acquisition, frames: int) -> Layer:
    """Move a layer as the hand on the probe and breathing move it."""
    drift = np.sin(np.linspace(0, 1.5, frames) + acquisition.phase * 6.3) * acquisition.sway
    outline = rotate(layer.outline, acquisition.turn, 0.6, 6.8)
    outline = (outline - (0, 6.8)) * acquisition.stretch + (0, 6.8)
    outline = outline + acquisition.shift + drift[:, None, None] * (1.0, 0.4)
    return Layer(outline, layer.level, layer.shadow)


def _paint(layers: list[Layer], sector: Sector, frames: int, acquisition: Acquisition) -> np.ndarray:
    """Return the echo level (frames, height, width) as float32, blurred by the beam, shadows included."""
    origin = np.array([(sector.width - 1) / 2, 0.0])
    fixed = [
        np.rint((layer.outline * sector.scale + origin) * 2**SUBPIXEL).astype(np.int32) for layer in layers
    ]
    canvas = np.full((frames, sector.height, sector.width), TISSUE, np.uint8)
    sigma = acquisition.blur * sector.scale
    echo = np.empty(canvas.shape, np.float32)
    for t in range(frames):
        for layer, outline in zip(layers, fixed, strict=True):
            cv2.fillPoly(canvas[t], [outline[t]], layer.level, cv2.LINE_AA, SUBPIXEL)
        cv2.GaussianBlur(canvas[t], (0, 0), sigma * 1.25, dst=canvas[t], sigmaY=sigma * 0.8)
        echo[t] = canvas[t]
    for layer in layers:
        if layer.shadow:
            echo -= _shadow(layer, sector)
    return echo


def _shadow(layer: Layer, sector: Sector) -> np.ndarray:
    """Return how much darker (frames, height, width) it is behind a calcified layer."""
    depth, angle = sector.polar()
    x, y = layer.outline[..., 0], layer.outline[..., 1]
    bearing, near = np.arctan2(x, y), np.hypot(x, y).mean(axis=1)
    low, high = bearing.min(axis=1), bearing.max(axis=1)
    centre, half = (low + high) / 2, (high - low) / 2 + 0.01
    across = np.abs(angle[None] - centre[:, None, None]) / half[:, None, None]
    behind = depth[None] > near[:, None, None] + 0.25
    return (55 * layer.shadow) * np.clip(1.25 - across, 0, 1).astype(np.float32) * behind


@functools.cache
def _texture() -> np.ndarray:
    """Return one large field of log-Rayleigh speckle of zero mean and unit spread."""
    rng = np.random.default_rng(20210)
    field = rng.standard_normal((2, TEXTURE, TEXTURE), dtype=np.float32)
    parts = [cv2.GaussianBlur(part, (0, 0), 1.7, sigmaY=0.8, borderType=cv2.BORDER_REFLECT) for part in field]
    level = np.log(np.hypot(*parts) + 1e-4)
    level = np.clip((level - level.mean()) / level.std(), -3.5, 3)
    return level.astype(np.float32)


def _speckle(
    depth: np.ndarray,
    angle: np.ndarray,
    contraction: np.ndarray,
    acquisition: Acquisition,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return speckle (frames, height, width): a part moves with the tissue, a part is new every frame."""
    rows, columns = depth * 11, (angle + 1) * 150
    start = rng.uniform(0, TEXTURE, 2)
    out = np.empty((len(contraction), *depth.shape), np.float32)
    fresh = (1 - acquisition.coherence**2) ** 0.5
    for t, c in enumerate(contraction):
        jump = rng.uniform(0, TEXTURE, 2)
        moving = _sample(columns + start[0] + 6 * c, rows + start[1] + 9 * c)
        out[t] = acquisition.coherence * moving + fresh * _sample(columns + jump[0], rows + jump[1])
    return out


def _sample(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return cv2.remap(
        _texture(),
        (columns % (TEXTURE - 1)).astype(np.float32),
        (rows % (TEXTURE - 1)).astype(np.float32),
        cv2.INTER_LINEAR,
    )


def _knobs(depth: np.ndarray, angle: np.ndarray, sector: Sector, acquisition: Acquisition) -> np.ndarray:
    """Return what gain, depth compensation, beam and bad contact add to each pixel (height, width)."""
    field = acquisition.gain + acquisition.slope * (depth - 7)
    field -= acquisition.side * (np.abs(angle) / sector.half_angle) ** 3
    for centre, width, start, strength in acquisition.dropouts:
        beam = np.exp(-(((angle - centre) / width) ** 2))
        field -= strength * beam * np.clip((depth - start) / 0.8, 0, 1)
    if acquisition.reverberation:
        field += acquisition.reverberation * np.clip(np.cos(depth * 5.2), 0, 1) ** 6 * np.exp(-depth / 5)
    return field.astype(np.float32)
