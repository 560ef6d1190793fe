"""What an MRI examination holds: cine series of the four views under many names, and series that are none."""

from dataclasses import dataclass, replace

import numpy as np

from cineclr.config import DemoCmr
from cineclr.config.cmr import View
from cineclr.demo.cmr.heart import Plane
from cineclr.demo.cmr.patients import CmrStudy

FIELD = 190.0  # mm that an image covers
LEAST_FRAMES = 8  # of a cine
REPEATED_EVERY = 7  # of so many studies one has its first series acquired twice
STACK_GAP = (8.0, 10.0)  # mm between neighbouring slices of a stack

# How the cine views are called, by vendor.
NAMES: dict[str, dict[View, tuple[str, ...]]] = {
    "siemens": {
        "4CH": (
            "CINE_segmented_LAX_4Ch",
            "tf2d15_retro_4CH",
            "4ch_cine_trufi",
            "LAX 4 CHAMBER tfi",
            "4-chamber",
        ),
        "3CH": ("CINE_segmented_LAX_3Ch", "tf2d15_retro_3CH", "3ch LVOT cine", "LVOT_3ch_trufi"),
        "2CH": ("CINE_segmented_LAX_2Ch", "tf2d15_retro_2CH", "2ch_cine_trufi", "VLA cine tfi"),
        "SAX": ("CINE_segmented_SAX", "tf2d15_retro_iPAT_SAX", "SA_stack_trufi", "short axis cine", "SAX_b1"),
    },
    "ge": {
        "4CH": ("4CH_FIESTA_BH", "FIESTA 4 CH", "Cine 4ch ASSET", "4 Chamber FIESTA"),
        "3CH": ("3CH_FIESTA_BH", "FIESTA 3CH LVOT", "3 Chamber FIESTA"),
        "2CH": ("2CH_FIESTA_BH", "LV2CH_FIESTA_BH", "2 Chamber FIESTA", "FIESTA 2CH"),
        "SAX": ("SHAX_FIESTA_BH", "FIESTA SAX", "SA FIESTA CINE", "SAX_FIESTA_stack"),
    },
    "philips": {
        "4CH": ("BTFE_4CH", "4ch BH sBTFE", "Cine_4CH SENSE", "sBTFE_BH_4CH"),
        "3CH": ("BTFE_3CH", "3CH sBTFE BH", "LVOT 3ch BTFE"),
        "2CH": ("BTFE_2CH", "2ch BH sBTFE", "sBTFE_BH_2CH"),
        "SAX": ("BTFE_SA", "sBTFE_BH_SA", "SA M2D BTFE", "Cine_SA_multislice"),
    },
}
# Series that show no cine of a view: name -> slices, frames of each.
DISTRACTORS: dict[str, tuple[int, int]] = {
    "LOC_LAX_FIESTA_BH": (3, 1),
    "3PL_SSFSE_LOC": (6, 1),
    "SURVEY_BFFE": (5, 1),
    "4CH_DE_2DTI400_BH_PSIR": (1, 1),
    "SHAX_DHE": (5, 1),
    "T1_map_MOLLI_sax_mid": (1, 8),
    "PC_flow_Ao_150": (1, 12),
    "RVOT_FIESTA_BH": (1, 12),
    "Perfusion_SAX_stress": (3, 10),
}


@dataclass(frozen=True)
class Series:
    """One series to write: `planes` from base to apex of a stack, in the order of time within each."""

    number: int
    view: View | None
    name: str
    planes: tuple[Plane, ...]
    frames: int
    size: int
    odd_slice: int  # the slice of another matrix, -1 for none
    form: str  # single (a file per frame), classic (a file per slice), enhanced (one file)
    again: bool = False  # whether a later series shows the same slices


def plan_series(study: CmrStudy, settings: DemoCmr, rng: np.random.Generator) -> list[Series]:
    """Return the series of a study in the order of the examination."""
    form = str(rng.choice(["single", "classic", "enhanced"], p=[0.55, 0.25, 0.2]))
    frames = max(int(rng.integers(settings.frames - 2, settings.frames + 3)), LEAST_FRAMES)
    size = int(rng.choice([settings.size, settings.size, settings.size + 8]))
    names = {view: str(rng.choice(of_view)) for view, of_view in NAMES[study.vendor].items()}
    planned: list[Series] = []
    for view in ("2CH", "4CH", "3CH"):
        planned.append(_cine(len(planned), view, names[view], [_long_axis(study, view)], frames, size, form))
    stack = _short_axis(study, int(rng.integers(settings.slices[0], settings.slices[1] + 1)), rng)
    if rng.random() < 0.2 and form != "enhanced":  # a series per slice, as some scanners make
        for plane in stack:
            planned.append(_cine(len(planned), "SAX", names["SAX"], [plane], frames, size, form))
    else:
        odd = int(rng.integers(len(stack))) if form == "single" and rng.random() < 0.1 else -1
        planned.append(_cine(len(planned), "SAX", names["SAX"], stack, frames, size, form, odd))
    for name in rng.choice(list(DISTRACTORS), int(rng.integers(1, 4)), replace=False):
        planned.append(_distractor(len(planned), str(name), study, settings, stack))
    if study.index % REPEATED_EVERY == 2:
        planned.append(replace(planned[0], number=len(planned) + 1))
        planned[0] = replace(planned[0], again=True)
    return planned


def _cine(
    number: int, view: View, name: str, planes: list[Plane], frames: int, size: int, form: str, odd: int = -1
) -> Series:
    return Series(number + 1, view, name, tuple(planes), frames, size, odd, form)


def _distractor(number: int, name: str, study: CmrStudy, settings: DemoCmr, stack: list[Plane]) -> Series:
    slices, frames = DISTRACTORS[name]
    planes = tuple(stack[index % len(stack)] for index in range(min(slices, len(stack))))
    if "LAX" in name or "4CH" in name:
        planes = (_long_axis(study, "4CH"),)
    elif "PL_" in name or "SURVEY" in name:
        planes = tuple(_orthogonal(study, index) for index in range(3))
    return Series(number + 1, None, name, planes, frames, settings.size, -1, "single")


def _long_axis(study: CmrStudy, view: View) -> Plane:
    """Return the plane of a long-axis view: through the axis, turned around it by the view's angle."""
    axis, septum, third = study.heart.axes
    angle = {"4CH": 0.0, "3CH": np.pi / 3.2, "2CH": np.pi / 2}[view]
    side = np.cos(angle) * septum + np.sin(angle) * third
    centre = study.heart.centre + 30 * axis + (12 * side if view == "4CH" else 0)
    return Plane(centre, side, axis, FIELD)


def _short_axis(study: CmrStudy, slices: int, rng: np.random.Generator) -> list[Plane]:
    """Return the stack across the axis, from base to apex."""
    axis, septum, third = study.heart.axes
    gap = min(float(rng.uniform(*STACK_GAP)) * 8 / slices, study.heart.length / slices)
    return [
        Plane(study.heart.centre + (6 + gap * index) * axis + 10 * septum, third, -septum, FIELD)
        for index in range(slices)
    ]


def _orthogonal(study: CmrStudy, index: int) -> Plane:
    """Return a transverse, coronal or sagittal plane of a survey."""
    x, y, z = np.eye(3)
    row, column = ((x, y), (x, -z), (y, -z))[index]
    return Plane(study.heart.centre, row, column, 1.6 * FIELD)
