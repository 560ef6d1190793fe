"""A beating heart of two ventricles, cut by any image plane: volumes are exact, diagnoses are seen."""

from dataclasses import dataclass

import numpy as np

# Grey levels of a balanced steady-state cine: blood and fluid are bright, muscle is dark, lung is black.
BLOOD, MUSCLE, FLUID, CHEST, LUNG = 210.0, 95.0, 250.0, 38.0, 12.0
# Direction of the walls around the long axis, radians from the septum (the side of the right ventricle).
WALLS = {"septal": 0.0, "anterior": np.pi / 2, "lateral": np.pi, "inferior": -np.pi / 2}
ANGLES = np.linspace(-np.pi, np.pi, 181)


@dataclass(frozen=True)
class Heart:
    """One patient's heart at end diastole; lengths in mm, volumes in ml.

    Attributes:
        edv, esv: volumes of the left ventricle.
        length: of its cavity from the mitral plane to the apex.
        wall, septum: thickness of the wall, and what the septum has in addition.
        akinetic: the wall that does not move, "" if none.
        rv: radius of the right ventricle; rv_ef: its ejection fraction, 0 to 1.
        atrium: radius of the left atrium.
        effusion: depth of the pericardial fluid.
        axes: rows are unit vectors in patient coordinates (LPS): base to apex, to the septum, the third.
        centre: of the mitral plane, mm.
    """

    edv: float
    esv: float
    length: float
    wall: float
    septum: float
    akinetic: str
    rv: float
    rv_ef: float
    atrium: float
    effusion: float
    axes: np.ndarray
    centre: np.ndarray


@dataclass(frozen=True)
class Plane:
    """An image plane in patient coordinates: centre, directions of row and column, field of view in mm."""

    centre: np.ndarray
    row: np.ndarray
    column: np.ndarray
    field: float


def contraction(frames: int) -> np.ndarray:
    """Return how far each frame is from end diastole (0) to end systole (1), (frames,); both are reached."""
    phase = np.arange(frames) / frames
    systole = 0.36
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(phase / systole, 0, 1))
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((phase - systole) / (0.85 - systole), 0, 1))
    curve = np.where(phase < systole, rise, fall)
    return curve / max(curve.max(), 1e-9)


def cavity(heart: Heart, phase: float) -> tuple[float, np.ndarray]:
    """Return length and radius at the mitral plane, by ANGLES, of the left ventricle's cavity.

    The cavity is half an ellipsoid, of volume 2/3 pi L <R^2>; an akinetic wall keeps its radius and the
    others move the more, so that the volume is between `edv` and `esv` exactly as `phase` says.
    """
    volume = 1000 * (heart.edv + (heart.esv - heart.edv) * phase)
    length = heart.length * (1 - 0.12 * phase * (1 - heart.esv / heart.edv))
    rest = np.sqrt(3 * 1000 * heart.edv / (2 * np.pi * heart.length))
    square = 3 * volume / (2 * np.pi * length)
    weight = np.zeros_like(ANGLES)
    if heart.akinetic:
        distance = np.abs((ANGLES - WALLS[heart.akinetic] + np.pi) % (2 * np.pi) - np.pi)
        weight = np.clip(1.6 - distance / 0.6, 0, 1)
    # <R^2> = sum over angles of ((1 - w) moving + w rest)^2; solved for the moving radius.
    share = weight[:-1]
    a, b = np.mean((1 - share) ** 2), 2 * np.mean(share * (1 - share)) * rest
    c = np.mean(share**2) * rest**2 - square
    moving = (-b + np.sqrt(max(b * b - 4 * a * c, 0))) / (2 * a)
    return float(length), (1 - weight) * moving + weight * rest


def render(heart: Heart, plane: Plane, frames: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a slice through the beating heart, float32 (frames, size, size), grey levels around 0 to 255."""
    u, v, w = _local(heart, plane, size)
    angle, radius = np.arctan2(w, v), np.hypot(v, w)
    texture = rng.normal(0, 1, (size, size)).astype(np.float32)
    shading = _shading(size, rng)
    images = np.empty((frames, size, size), np.float32)
    for index, phase in enumerate(contraction(frames)):
        image = _frame(heart, float(phase), u, v, w, angle, radius)
        noise = rng.normal(0, 5, (size, size)).astype(np.float32)
        images[index] = np.clip((image + 6 * texture) * shading + noise, 0, None)
    return images


def _local(heart: Heart, plane: Plane, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the heart's own coordinates of every pixel's centre, each (size, size)."""
    steps = ((np.arange(size) + 0.5) / size - 0.5) * plane.field
    points = plane.centre - heart.centre
    points = points + steps[None, :, None] * plane.row + steps[:, None, None] * plane.column
    u, v, w = np.moveaxis((points @ heart.axes.T).astype(np.float32), -1, 0)
    return u, v, w


def _frame(
    heart: Heart,
    phase: float,
    u: np.ndarray,
    v: np.ndarray,
    w: np.ndarray,
    angle: np.ndarray,
    radius: np.ndarray,
) -> np.ndarray:
    length, radii = cavity(heart, phase)
    inner = np.interp(angle, ANGLES, radii).astype(np.float32)
    thick = heart.wall * (1 + 0.35 * phase * (1 - heart.esv / heart.edv) / 0.6)
    side = np.clip(np.cos(angle), 0, 1) ** 2
    outer = inner + thick + heart.septum * side
    tip = length + 0.8 * thick
    below = u >= 0
    in_cavity = below & ((u / length) ** 2 + (radius / inner) ** 2 < 1)
    in_wall = below & ((u / tip) ** 2 + (radius / outer) ** 2 < 1)
    squeeze = (1 - heart.rv_ef * phase) ** 0.5
    offset = float(np.interp(0, ANGLES, radii)) + thick + heart.septum + 0.55 * heart.rv
    right = ((v - offset) / (heart.rv * squeeze)) ** 2 + (w / (1.35 * heart.rv * squeeze)) ** 2
    right_inside = below & (right + (u / (0.92 * tip)) ** 2 < 1)
    right_wall = ((v - offset) / (heart.rv * squeeze + 4)) ** 2 + (w / (1.35 * heart.rv * squeeze + 4)) ** 2
    right_wall = below & (right_wall + (u / (0.92 * tip + 4)) ** 2 < 1)
    fill = 1 + 0.15 * phase
    left_atrium = _ball(u + 0.75 * heart.atrium, v + 4, w, heart.atrium * fill) & ~below
    right_atrium = _ball(u + 16, v - offset, w, 21 * fill) & ~below
    aorta = (np.hypot(v - 12, w - 16) < 13) & (u < 0) & (u > -55)
    image = np.full(u.shape, LUNG, np.float32)
    image[_ball(u - 25, v - 10, w, 92)] = CHEST
    if heart.effusion > 0:
        depth = heart.effusion
        around = (u / (tip + depth)) ** 2 + (radius / (outer + depth)) ** 2 < 1
        beside = ((v - offset) / (heart.rv + 4 + depth)) ** 2 + (w / (1.35 * heart.rv + 4 + depth)) ** 2
        image[(u > -10) & (around | (beside + (u / (0.92 * tip + depth)) ** 2 < 1))] = FLUID
    image[left_atrium | right_atrium | aorta] = BLOOD
    image[right_wall] = MUSCLE
    image[right_inside] = BLOOD
    image[in_wall] = MUSCLE
    image[in_cavity] = BLOOD
    return image


def _ball(u: np.ndarray, v: np.ndarray, w: np.ndarray, radius: float) -> np.ndarray:
    return u * u + v * v + w * w < radius * radius


def _shading(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the coil's uneven brightness, (size, size), around 1."""
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    tilt = rng.uniform(-0.25, 0.25, 2)
    return (1 + tilt[0] * x + tilt[1] * y).astype(np.float32)
