"""Outlines that change over the cardiac cycle: shape (frames, points, 2), x and y in cm."""

from dataclasses import dataclass

import numpy as np

Outline = np.ndarray


@dataclass(frozen=True)
class Layer:
    """An area of one echo level (0 black to 255 white); areas that shadow hide what lies behind them."""

    outline: Outline
    level: float
    shadow: float = 0.0


@dataclass(frozen=True)
class Beat:
    """The cardiac cycle at each frame, from 0 to 1: contraction, opening of aortic and mitral valve."""

    contraction: np.ndarray
    aortic: np.ndarray
    mitral: np.ndarray


def beat_at(phase: np.ndarray) -> Beat:
    """Return the state of the heart at `phase` (frames,), where 0 is the start of systole and 1 the next."""
    phase = phase % 1
    return Beat(
        contraction=np.interp(
            phase, [0, 0.08, 0.2, 0.36, 0.44, 0.56, 0.9, 1], [0.05, 0.2, 0.7, 1, 0.85, 0.3, 0.05, 0.05]
        ),
        aortic=np.interp(phase, [0, 0.04, 0.09, 0.3, 0.36, 1], [0, 0, 1, 0.85, 0, 0]),
        mitral=np.interp(
            phase, [0, 0.4, 0.48, 0.58, 0.7, 0.82, 0.9, 0.98, 1], [0, 0, 1, 0.6, 0.3, 0.35, 0.8, 0, 0]
        ),
    )


def ribbon(curve: Outline, width: np.ndarray | float) -> Outline:
    """Return the outline of a band of `width` along `curve` (frames, points, 2)."""
    along = np.gradient(curve, axis=1)
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    half = normal * (np.reshape(np.asarray(width, float), (-1, 1, 1)) / 2)
    return np.concatenate([curve + half, (curve - half)[:, ::-1]], axis=1)


def bend(start: Outline, control: Outline, end: Outline, points: int = 9) -> Outline:
    """Return a quadratic Bezier curve through frames of start, control and end points, each (frames, 2)."""
    s = np.linspace(0, 1, points)[None, :, None]
    start, control, end = start[:, None], control[:, None], end[:, None]
    return (1 - s) ** 2 * start + 2 * s * (1 - s) * control + s**2 * end


def ellipse(
    x: np.ndarray | float, y: np.ndarray | float, a: np.ndarray | float, b: np.ndarray | float, frames: int
) -> Outline:
    """Return ellipses around (x, y) with half axes a and b, one for each frame."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    column = [np.broadcast_to(np.asarray(value, float), (frames,))[:, None] for value in (x, y, a, b)]
    return np.stack([column[0] + column[2] * np.cos(angle), column[1] + column[3] * np.sin(angle)], axis=-1)


def points(*columns: np.ndarray | float, frames: int) -> Outline:
    """Return (frames, 2) points from an x and a y that may each change over time."""
    return np.stack([np.broadcast_to(np.asarray(column, float), (frames,)) for column in columns], axis=-1)


def rotate(outline: Outline, degrees: float, x: float, y: float) -> Outline:
    """Turn an outline about (x, y), from x towards y."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (outline - (x, y)) @ turn + (x, y)
