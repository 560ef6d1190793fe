"""What is true of a synthetic MRI study: its images show it and its report tells it."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["present", "absent", "uncertain", "historical"]

# The diagnoses that the phantom's images show; the others of the paper's 35 occur in reports alone.
VISIBLE = (
    "hypertrophic_cardiomyopathy",
    "ischemic_cardiomyopathy",
    "large_pericardial_effusion",
    "left_atrial_dilation",
    "left_ventricular_dilation",
    "left_ventricular_hypertrophy",
    "non_ischemic_cardiomyopathy",
    "normal",
    "right_ventricular_dilation",
)


@dataclass(frozen=True)
class Findings:
    """One study as its reader knows it; volumes are indexed to body surface.

    Attributes:
        status: diagnosis -> what is true of it; diagnoses that are not named are absent.
        lvef, rvef: ejection fractions in %.
        lv_edv_index, lv_esv_index, rv_edv_index: ml/m2.
        wall_mm: greatest end-diastolic wall thickness.
        akinetic: the wall that does not move, "" if none.
        effusion_mm: greatest depth of pericardial fluid, 0 if none.
        la_area_cm2: greatest area of the left atrium.
        age: years.
        sex: F or M.
    """

    status: dict[str, Status]
    lvef: float
    rvef: float
    lv_edv_index: float
    lv_esv_index: float
    rv_edv_index: float
    wall_mm: float
    akinetic: Literal["", "anterior", "inferior", "lateral", "septal"]
    effusion_mm: float
    la_area_cm2: float
    age: int
    sex: Literal["F", "M"]
