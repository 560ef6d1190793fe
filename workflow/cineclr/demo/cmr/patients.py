"""The patients of the MRI wing: who they are, what they have, and the heart that shows it."""

import datetime
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cineclr.config import DemoCmr
from cineclr.demo.cmr.findings import Findings, Status
from cineclr.demo.cmr.heart import WALLS, Heart
from cineclr.demo.identity import Identity, draw_identities, uid
from cineclr.seeds import derive_seed

CLINICAL, NORTHERN = "clinical", "northern"
EXTERNAL_SHARE = 1 / 3
SECOND_STUDY = 0.1  # share of patients who come twice
VENDORS = {CLINICAL: ("siemens", "ge", "philips"), NORTHERN: ("philips", "siemens")}
# What is wrong with a heart, and how often; the diagnoses follow from it.
CONDITIONS = {
    "normal": 0.2,
    "hcm": 0.16,
    "lvh": 0.13,
    "nicm": 0.18,
    "icm": 0.19,
    "dilated": 0.14,
}
# Diagnoses that only the report tells: the share of studies and what it says of them.
TOLD: dict[str, tuple[float, Status]] = {
    "previous_surgery": (0.08, "historical"),
    "cardiac_thrombus": (0.05, "uncertain"),
    "sarcoidosis": (0.04, "uncertain"),
    "myocarditis": (0.04, "historical"),
    "prosthetic_valve": (0.04, "present"),
}


@dataclass(frozen=True)
class CmrStudy:
    """One MRI study: identifiers, findings and the heart."""

    index: int
    identity: Identity
    cohort: str
    vendor: str
    uid: str
    accession: str
    date: datetime.date
    findings: Findings
    heart: Heart
    in_sheet: bool
    lvef_in_sheet: bool


def draw_studies(settings: DemoCmr, seed: int) -> list[CmrStudy]:
    """Return the studies of both hospitals, a pure function of settings and seed."""
    external = round(settings.patients * EXTERNAL_SHARE)
    identities = draw_identities(settings.patients + external, derive_seed(seed, "cmr identities"))
    studies: list[CmrStudy] = []
    for number, identity in enumerate(identities):
        cohort = CLINICAL if number < settings.patients else NORTHERN
        rng = np.random.default_rng(derive_seed(seed, "cmr patient", number))
        condition = _condition(number if cohort == CLINICAL else number - settings.patients, rng)
        for _ in range(1 + int(rng.random() < SECOND_STUDY)):
            studies.append(_draw_study(len(studies), identity, cohort, condition, seed, rng))
    return studies


def _condition(number: int, rng: np.random.Generator) -> str:
    """Spread the conditions evenly however few patients there are: a golden-ratio sequence."""
    place = (0.5 + 0.6180339887 * number + 0.02 * rng.random()) % 1
    edges = np.cumsum(list(CONDITIONS.values()))
    return list(CONDITIONS)[min(int(np.searchsorted(edges, place, side="right")), len(CONDITIONS) - 1)]


def _draw_study(
    index: int, identity: Identity, cohort: str, condition: str, seed: int, rng: np.random.Generator
) -> CmrStudy:
    date = datetime.date(int(rng.integers(2012, 2022)), 1, 1) + datetime.timedelta(int(rng.integers(0, 365)))
    heart, findings = _draw_heart(condition, identity, date, rng)
    return CmrStudy(
        index=index,
        identity=identity,
        cohort=cohort,
        vendor=str(rng.choice(VENDORS[cohort])),
        uid=uid(seed, "cmr study", index),
        accession=f"MRA{derive_seed(seed, 'cmr accession') % 900 + 100}{index:06d}M",
        date=date,
        findings=findings,
        heart=heart,
        in_sheet=index % 97 != 40,
        lvef_in_sheet=rng.random() > 0.05,
    )


def _draw_heart(
    condition: str, identity: Identity, date: datetime.date, rng: np.random.Generator
) -> tuple[Heart, Findings]:
    surface = identity.body_surface
    index, ejection = _ventricle(condition, rng)
    edv = index * surface
    wall, septum = _walls(condition, rng)
    healthy = condition == "normal"
    wide_rv = not healthy and rng.random() < 0.25
    wide_atrium = not healthy and rng.random() < 0.3
    fluid = not healthy and rng.random() < 0.2
    akinetic = str(rng.choice([*WALLS])) if condition == "icm" else ""
    rv, rv_ef = (rng.uniform(32, 38) if wide_rv else rng.uniform(19, 25)), float(rng.uniform(0.4, 0.6))
    atrium = rng.uniform(30, 36) if wide_atrium else rng.uniform(18, 23)
    heart = Heart(
        edv=edv,
        esv=edv * (1 - ejection),
        length=float(np.clip(88 * (edv / 150) ** 0.3, 66, 112)),
        wall=wall,
        septum=septum,
        akinetic=akinetic,
        rv=float(rv),
        rv_ef=rv_ef,
        atrium=float(atrium),
        effusion=float(rng.uniform(12, 20)) if fluid else 0.0,
        axes=_axes(rng),
        centre=rng.normal((20, -40, 30), 12),
    )
    findings = Findings(
        status=_status(condition, wide_rv, wide_atrium, fluid, index, rng),
        lvef=100 * ejection,
        rvef=100 * rv_ef,
        lv_edv_index=index,
        lv_esv_index=index * (1 - ejection),
        rv_edv_index=float(rv) ** 3 / 250 / surface * 1.75,
        wall_mm=wall + septum,
        akinetic=_as_wall(akinetic),
        effusion_mm=heart.effusion,
        la_area_cm2=float(np.pi * atrium**2 / 100),
        age=date.year - identity.birth.year,
        sex=identity.sex,
    )
    return heart, findings


def _ventricle(condition: str, rng: np.random.Generator) -> tuple[float, float]:
    """Return the end-diastolic volume in ml/m2 and the ejection fraction, 0 to 1."""
    sizes = {"nicm": (108, 165), "icm": (88, 140), "dilated": (104, 150), "hcm": (55, 80), "lvh": (60, 88)}
    ejections = {"nicm": (0.14, 0.40), "icm": (0.22, 0.45), "dilated": (0.42, 0.58), "hcm": (0.62, 0.78)}
    low, high = sizes.get(condition, (62, 92))
    least, most = ejections.get(condition, (0.54, 0.69))
    return float(rng.uniform(low, high)), float(rng.uniform(least, most))


def _walls(condition: str, rng: np.random.Generator) -> tuple[float, float]:
    """Return the thickness of the wall and what the septum has in addition, mm."""
    if condition == "hcm":
        return float(rng.uniform(8, 11)), float(rng.uniform(8, 14))
    if condition == "lvh":
        return float(rng.uniform(14, 18)), 0.0
    return float(rng.uniform(6.5, 9.5)), 0.0


def _status(
    condition: str, wide_rv: bool, wide_atrium: bool, fluid: bool, index: float, rng: np.random.Generator
) -> dict[str, Status]:
    """Return the diagnoses that follow from the heart, and those that only the report tells."""
    true = {
        "normal": condition == "normal",
        "hypertrophic_cardiomyopathy": condition == "hcm",
        "left_ventricular_hypertrophy": condition in ("hcm", "lvh"),
        "non_ischemic_cardiomyopathy": condition == "nicm",
        "ischemic_cardiomyopathy": condition == "icm",
        "left_ventricular_dilation": index > 100,
        "right_ventricular_dilation": wide_rv,
        "left_atrial_dilation": wide_atrium,
        "large_pericardial_effusion": fluid,
    }
    status: dict[str, Status] = {name: "present" for name, holds in true.items() if holds}
    if condition != "normal":
        status |= {name: what for name, (share, what) in TOLD.items() if rng.random() < share}
    return status


def _as_wall(name: str) -> Literal["", "anterior", "inferior", "lateral", "septal"]:
    walls: tuple[Literal["", "anterior", "inferior", "lateral", "septal"], ...]
    walls = ("", "anterior", "inferior", "lateral", "septal")
    return next(wall for wall in walls if wall == name)


def _axes(rng: np.random.Generator) -> np.ndarray:
    """Return the heart's axes in patient coordinates (LPS): base to apex, to the septum, and the third."""
    axis = np.array([0.66, -0.52, -0.54]) + rng.normal(0, 0.07, 3)
    axis /= np.linalg.norm(axis)
    septum = np.array([-0.55, -0.75, 0.2]) + rng.normal(0, 0.07, 3)
    septum -= (septum @ axis) * axis
    septum /= np.linalg.norm(septum)
    return np.stack([axis, septum, np.cross(axis, septum)])
