"""Geometry of the beating heart in four views: layers of outlines (cm) that `ultrasound` paints in order.

Coordinates of a view: x to the right, y away from the probe, the origin at the probe, for a probe held in the
standard way.
"""

from collections.abc import Callable

import numpy as np

from cineclr.demo.anatomy import Heart
from cineclr.demo.shapes import Beat, Layer, Outline, bend, ellipse, points, ribbon

BLOOD, TISSUE, MUSCLE, WALL, BRIGHT = 14.0, 74.0, 112.0, 160.0, 232.0


def parasternal_long(heart: Heart, beat: Beat) -> list[Layer]:
    """The view of both papers' first step: septum, cavity and posterior wall; root, valve and left atrium."""
    n = len(beat.contraction)
    c = beat.contraction
    base = 1.2 - 1.0 * c  # the base moves towards the apex in systole
    axis = 6.9
    half = heart.cavity / 2 * (1 - heart.shortening * c)
    septum, posterior = heart.wall * (1 + 0.28 * c), heart.wall * (1 + 0.42 * c)
    s = np.linspace(0, 1, 24)
    profile = np.clip(1 - ((s - 0.64) / 0.66) ** 2, 0, 1) ** 0.5 * 1.02
    x = base[:, None] - heart.length * (1 - s)
    inner = half[:, None] * profile
    outer_top, outer_bottom = inner + septum[:, None], inner + posterior[:, None]
    upper = np.stack([x, axis - outer_top], axis=-1)
    lower = np.stack([x, axis + outer_bottom], axis=-1)
    cavity = np.concatenate(
        [np.stack([x, axis - inner], -1), np.stack([x, axis + inner], -1)[:, ::-1]], axis=1
    )
    edge = half * profile[-1]
    top = axis - edge - 0.45 * septum
    width = heart.root
    bottom = top + width
    right = [
        np.stack(
            [x, axis - outer_top - 0.15 - heart.ventricle_right * np.sin(np.pi * (0.12 + 0.8 * s)) ** 0.7], -1
        ),
        upper[:, ::-1],
    ]
    wall_front = np.stack(
        [x, axis - outer_top - 0.35 - heart.ventricle_right * np.sin(np.pi * (0.12 + 0.8 * s)) ** 0.7], -1
    )
    layers = [
        Layer(ribbon(wall_front, 0.55), MUSCLE),
        Layer(np.concatenate(right, axis=1), BLOOD),
        Layer(np.concatenate([upper, lower[:, ::-1]], axis=1), MUSCLE + heart.brightness),
        Layer(cavity, BLOOD),
        Layer(ribbon(np.stack([x, axis - inner], -1), 0.14), MUSCLE + 28),
        Layer(ribbon(lower + np.array([0, 0.12]), 0.26), BRIGHT - 12),
    ]
    layers += _atrium_long(heart, base, bottom, axis + edge, n)
    layers += _root_long(heart, beat, base, top, bottom, n)
    layers += _mitral_long(heart, beat, base, bottom, axis + edge, half, n)
    return layers


def _atrium_long(heart: Heart, base: np.ndarray, roof: np.ndarray, floor: np.ndarray, n: int) -> list[Layer]:
    height, width = heart.atrium * 0.98, heart.atrium * 0.62
    middle = roof + 0.2 + height / 2
    orifice = np.stack(
        [
            points(base - 0.6, roof + 0.1, frames=n),
            points(base + 0.9, roof + 0.2, frames=n),
            points(base + 0.9, floor, frames=n),
            points(base - 0.6, floor - 0.05, frames=n),
        ],
        axis=1,
    )
    chamber = ellipse(base + width * 0.98, middle, width, height / 2, n)
    vessel = ellipse(base.mean() - 0.3, middle + height / 2 + 1.1, 1.05, 0.95, n)
    return [
        Layer(ribbon(np.concatenate([chamber, chamber[:, :1]], axis=1), 0.34), WALL),
        Layer(chamber, BLOOD),
        Layer(orifice, BLOOD),
        Layer(ribbon(np.concatenate([vessel, vessel[:, :1]], axis=1), 0.25), WALL),
        Layer(vessel, BLOOD),
    ]


def _root_long(
    heart: Heart, beat: Beat, base: np.ndarray, top: np.ndarray, bottom: np.ndarray, n: int
) -> list[Layer]:
    """The aortic root and its valve; cusp excursion and calcium tell the stenosis."""
    reach = 4.6
    tilt = -np.tan(np.deg2rad(heart.aortic_angle)) * reach
    sinus = 0.12 * heart.root

    def wall(y: np.ndarray, outward: float) -> Outline:
        return bend(
            points(base - 0.25, y, frames=n),
            points(base + 1.3, y + outward * 2 * sinus, frames=n),
            points(base + reach, y + tilt, frames=n),
        )

    front, back = wall(top, -1), wall(bottom, 1)
    lumen = np.concatenate([front, back[:, ::-1]], axis=1)
    middle, gap = (top + bottom) / 2, (bottom - top) / 2
    lift = tilt / reach * 1.2
    layers = [
        Layer(lumen, BLOOD),
        Layer(ribbon(front, 0.28), WALL + 10),
        Layer(ribbon(back, 0.28), WALL + 10),
    ]
    thick = 0.19 + 0.36 * heart.calcium
    level = 140 + 100 * heart.calcium
    opened = beat.aortic * heart.opening
    for side, edge in ((-1, top), (1, bottom)):
        hinge = points(base + 0.25, edge, frames=n)
        tip = points(
            base + 0.85 + 0.75 * opened, middle + lift + side * (0.06 + 0.86 * gap * opened), frames=n
        )
        control = points(base + 0.75, middle + side * gap * (0.62 + 0.3 * opened) + lift / 2, frames=n)
        shadow = max(0.0, heart.calcium - 0.62) * 1.6
        layers.append(Layer(ribbon(bend(hinge, control, tip), thick), level, shadow))
    return layers


def _mitral_long(
    heart: Heart, beat: Beat, base: np.ndarray, roof: np.ndarray, floor: np.ndarray, half: np.ndarray, n: int
) -> list[Layer]:
    opened = beat.mitral
    meet_x, meet_y = base - 1.0, roof * 0.35 + floor * 0.65
    front_hinge = points(base - 0.1, roof + 0.05, frames=n)
    back_hinge = points(base + 0.1, floor + 0.05, frames=n)
    front_tip = points(
        meet_x * (1 - opened) + (base - 2.1) * opened,
        meet_y * (1 - opened) + (roof - 0.15) * opened,
        frames=n,
    )
    back_tip = points(meet_x, meet_y * (1 - opened) + (floor - 0.25) * opened, frames=n)
    front = bend(front_hinge, (front_hinge + front_tip) / 2 + (0.1, 0.25), front_tip)
    back = bend(back_hinge, (back_hinge + back_tip) / 2 + (-0.1, 0.1), back_tip)
    layers = [Layer(ribbon(front, 0.2), WALL), Layer(ribbon(back, 0.22), WALL)]
    if heart.annulus_calcium:
        size = 0.25 + 0.3 * heart.annulus_calcium
        layers.append(
            Layer(
                ellipse(base + 0.15, floor + 0.3, size * 1.2, size, n),
                BRIGHT + 10,
                0.5 * heart.annulus_calcium,
            )
        )
    return layers


def parasternal_short(heart: Heart, beat: Beat) -> list[Layer]:
    """A ring at the level of the papillary muscles, with the right ventricle as a crescent."""
    n = len(beat.contraction)
    radius = heart.cavity / 2 * (1 - heart.shortening * beat.contraction)
    wall = heart.wall * (1 + 0.35 * beat.contraction)
    x, y = 0.4, 7.2
    outer = ellipse(x, y, radius + wall, radius + wall, n)
    right = ellipse(
        x - 1.7,
        y - 1.3,
        radius + wall + heart.ventricle_right * 0.55,
        radius + wall + heart.ventricle_right * 0.35,
        n,
    )
    layers = [
        Layer(ribbon(np.concatenate([right, right[:, :1]], axis=1), 0.45), MUSCLE),
        Layer(right, BLOOD),
        Layer(ribbon(np.concatenate([outer, outer[:, :1]], axis=1), 0.3), BRIGHT - 50),
        Layer(outer, MUSCLE + heart.brightness),
        Layer(ellipse(x, y, radius, radius, n), BLOOD),
    ]
    for angle in (35, 145):
        at = np.deg2rad(angle)
        distance = radius * 0.74
        layers.append(
            Layer(ellipse(x + distance * np.cos(at), y + distance * np.sin(at), 0.62, 0.62, n), MUSCLE + 20)
        )
    return layers


def _apical_left(heart: Heart, beat: Beat, x: float) -> tuple[list[Layer], np.ndarray]:
    """Left ventricle from its apex at the top, and the left atrium; also the base's y."""
    n = len(beat.contraction)
    s = np.linspace(0, 1, 20)
    profile = np.sin(np.pi * (0.06 + 0.6 * s)) ** 0.75
    profile[0] *= 0.5
    half = heart.cavity / 2 * 0.98 * (1 - heart.shortening * beat.contraction)
    wall = heart.wall * (1 + 0.3 * beat.contraction)
    apex = 2.2 + 0.25 * beat.contraction
    base = 2.2 + heart.length * 0.92 - 1.1 * beat.contraction
    y = apex[:, None] + (base - apex)[:, None] * s
    inner = half[:, None] * profile

    def outline(extra: np.ndarray | float, up: np.ndarray | float) -> Outline:
        side = inner + np.reshape(np.asarray(extra, float), (-1, 1))
        shifted = y - np.reshape(np.asarray(up, float), (-1, 1)) * (1 - s) ** 2
        return np.concatenate(
            [np.stack([x - side, shifted], -1), np.stack([x + side, shifted], -1)[:, ::-1]], axis=1
        )

    edge = half * profile[-1]
    width = heart.atrium * 0.58
    atrium = ellipse(x, base + heart.atrium * 0.55, width, heart.atrium * 0.55, n)
    layers = [
        Layer(outline(wall + 0.22, wall + 0.2), BRIGHT - 66),
        Layer(outline(wall, wall), MUSCLE + heart.brightness),
        Layer(outline(0.0, 0.0), BLOOD),
        Layer(ribbon(np.concatenate([atrium, atrium[:, :1]], axis=1), 0.4), WALL - 14),
        Layer(atrium, BLOOD),
    ]
    layers += _leaflets(x, base, edge, beat.mitral, n)
    return layers, base


def _leaflets(x: float, base: np.ndarray, edge: np.ndarray, opened: np.ndarray, n: int) -> list[Layer]:
    layers = []
    for side in (-1, 1):
        hinge = points(x + side * (edge + 0.1), base, frames=n)
        tip = points(x + side * edge * 0.8 * opened, base - 0.45 - 1.1 * opened, frames=n)
        control = points(x + side * edge * 0.7, base - 0.15 - 0.4 * opened, frames=n)
        layers.append(Layer(ribbon(bend(hinge, control, tip), 0.2), WALL))
    return layers


def apical_four(heart: Heart, beat: Beat) -> list[Layer]:
    """Four chambers: the left ones on the right side of the screen."""
    n = len(beat.contraction)
    x = 1.1
    left, base = _apical_left(heart, beat, x)
    s = np.linspace(0, 1, 16)
    half = (heart.cavity / 2 * (1 - heart.shortening * beat.contraction))[:, None] * np.sin(
        np.pi * (0.06 + 0.6 * s)
    ) ** 0.75
    septal = x - half - (heart.wall * (1 + 0.3 * beat.contraction))[:, None]
    y = 3.4 + (base - 3.4)[:, None] * s
    reach = heart.ventricle_right * 1.5 * (1 - 0.22 * beat.contraction)[:, None] * (0.15 + 0.85 * s) ** 0.8
    septal = np.broadcast_to(septal, y.shape)
    chamber = np.concatenate(
        [np.stack([septal + 0.1, y], -1), np.stack([septal - reach, y], -1)[:, ::-1]], axis=1
    )
    free = np.stack([septal - reach, y], -1)
    middle = septal[:, -1] - reach[:, -1] / 2
    atrium = ellipse(middle, base + heart.atrium * 0.52, heart.atrium * 0.52, heart.atrium * 0.52, n)
    right = [
        Layer(ribbon(free, 0.5), MUSCLE),
        Layer(chamber, BLOOD),
        Layer(ribbon(np.concatenate([atrium, atrium[:, :1]], axis=1), 0.36), WALL - 20),
        Layer(atrium, BLOOD),
    ]
    layers = right + left
    opening = reach[:, -1] / 2
    hinge = np.stack(
        [
            points(middle - opening, base + 0.1, frames=n),
            points(middle, base - 0.3, frames=n),
            points(middle + opening, base + 0.1, frames=n),
        ],
        axis=1,
    )
    layers.append(Layer(ribbon(hinge, 0.18), WALL - 15))
    return layers


def apical_two(heart: Heart, beat: Beat) -> list[Layer]:
    """Left ventricle and atrium alone, in the middle of the screen."""
    return _apical_left(heart, beat, 0.0)[0]


VIEWS: dict[str, Callable[[Heart, Beat], list[Layer]]] = {
    "plax": parasternal_long,
    "psax": parasternal_short,
    "a4c": apical_four,
    "a2c": apical_two,
}
