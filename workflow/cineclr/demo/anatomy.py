"""Patients, their hearts and their studies: what the phantom draws and what the sheet says."""

import dataclasses
import datetime
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cineclr.demo.identity import Identity, draw_identities, study_number, uid
from cineclr.seeds import derive_seed

LVH_ABOVE = {"F": 95.0, "M": 115.0}  # g/m2, American Society of Echocardiography
GOLDEN = 0.6180339887498949
Severity = Literal["none", "mild", "moderate", "severe"]

# Shares of (severe aortic stenosis, hypertrophy): enriched, and correlated as the diseases are.
CLASSES = (
    ((True, True), 0.215),
    ((True, False), 0.155),
    ((False, True), 0.24),
    ((False, False), 0.39),
)
# Opening of the aortic valve as a share of the root's width, and calcium of its cusps: mean by severity.
OPENING: dict[Severity, float] = {"none": 0.86, "mild": 0.76, "moderate": 0.60, "severe": 0.25}
CALCIUM: dict[Severity, float] = {"none": 0.16, "mild": 0.36, "moderate": 0.50, "severe": 0.80}


@dataclass(frozen=True)
class Heart:
    """The anatomy that all clips of a study share; lengths in cm, the rest as shares of normal."""

    cavity: float
    wall: float
    opening: float
    calcium: float
    root: float
    atrium: float
    ventricle_right: float
    length: float
    shortening: float
    aortic_angle: float
    annulus_calcium: float
    brightness: float


@dataclass(frozen=True)
class Study:
    """One echo study: who, when, what the sheet says, and the heart to draw."""

    index: int
    identity: Identity
    uid: str
    accession: str
    date: datetime.date
    age: int
    severity: Severity
    low_flow: bool
    mass_index: float
    mass_index_missing: bool
    in_sheet: bool
    single_file: bool
    plax_videos: int
    ejection_fraction: int
    hypertension: int
    heart: Heart

    @property
    def hypertrophy(self) -> bool:
        """Whether the LV mass index is above the limit of the patient's sex."""
        return self.mass_index > LVH_ABOVE[self.identity.sex]


def draw_studies(count: int, seed: int) -> list[Study]:
    """Return `count` studies of fewer patients, every rare kind at least once when count >= 12."""
    rng = np.random.default_rng(derive_seed(seed, "demo", "studies"))
    years = _draw_years(count, rng)
    patients = _draw_patients(count, rng)
    identities = draw_identities(max(patients) + 1, seed)
    classes = _draw_classes(patients, years)
    special = _draw_special(years, rng)
    anatomy: dict[int, tuple[Severity, float, Heart]] = {}
    studies = []
    for index, (year, patient) in enumerate(zip(years, patients, strict=True)):
        if patient not in anatomy:
            anatomy[patient] = _draw_anatomy(identities[patient], *classes[patient], rng)
        studies.append(
            _draw_study(index, year, identities[patient], anatomy[patient], special[index], seed, rng)
        )
    return studies


def _draw_years(count: int, rng: np.random.Generator) -> list[int]:
    """About 4/5 in 2016-2020, 1/5 in 2021, a few outside; shuffled."""
    outside = max(1, round(0.02 * count))
    external = max(2, round(0.19 * count))
    years = [(2015, 2022)[i % 2] for i in range(outside)] + [2021] * external
    years += [2016 + i % 5 for i in range(count - len(years))]
    return [int(year) for year in rng.permutation(years)]


def _draw_patients(count: int, rng: np.random.Generator) -> list[int]:
    """The patient's number of each study: most have one study, some two or three."""
    patients: list[int] = []
    while len(patients) < count:
        number = patients[-1] + 1 if patients else 0
        patients += [number] * int(rng.choice([1, 2, 3], p=[0.78, 0.17, 0.05]))
    return patients[:count]


def _draw_classes(patients: list[int], years: list[int]) -> dict[int, tuple[bool, bool]]:
    """Diseases of each patient, spread evenly over each group of years however few studies it has."""
    first = dict(zip(reversed(patients), reversed(years), strict=True))
    order = sorted(first, key=lambda patient: (first[patient] < 2021, patient))
    edges = np.cumsum([share for _, share in CLASSES])
    positions = (0.5 + GOLDEN * np.arange(len(order))) % 1
    chosen = np.minimum(np.searchsorted(edges, positions, side="right"), len(CLASSES) - 1)
    return {patient: CLASSES[int(k)][0] for patient, k in zip(order, chosen, strict=True)}


def _draw_special(years: list[int], rng: np.random.Generator) -> list[str]:
    """Mark development studies: not in the sheet, low flow, a single file, a single PLAX video."""
    special = [""] * len(years)
    candidates = iter(rng.permutation([i for i, year in enumerate(years) if 2016 <= year <= 2020]))
    shares = {"unlisted": 0.015, "low_flow": 0.02, "single_file": 0.015, "single_plax": 0.03}
    for name, share in shares.items():
        for _ in range(max(1, round(share * len(years)))):
            special[int(next(candidates))] = name
    return special


def _draw_anatomy(
    identity: Identity, severe: bool, hypertrophy: bool, rng: np.random.Generator
) -> tuple[Severity, float, Heart]:
    severity: Severity = "severe"
    if not severe:
        severity = ("none", "mild", "moderate")[int(rng.choice(3, p=[0.58, 0.22, 0.2]))]
    limit = LVH_ABOVE[identity.sex]
    excess = rng.gamma(2.5, 12) + 4 if hypertrophy else -rng.gamma(2.5, 9) - 4
    mass_index = float(np.clip(limit + excess, 48, 230))
    size = (identity.body_surface / 1.9) ** 0.5
    heart = Heart(
        cavity=4.6 * size * rng.normal(1, 0.06),
        wall=1.0,
        opening=float(np.clip(OPENING[severity] + rng.normal(0, 0.07), 0.12, 0.95)),
        calcium=float(np.clip(CALCIUM[severity] + rng.normal(0, 0.15), 0, 1)),
        root=3.1 * size * rng.normal(1, 0.09),
        atrium=3.7 * size * rng.normal(1, 0.14),
        ventricle_right=2.2 * size * rng.normal(1, 0.15),
        length=8.6 * size * rng.normal(1, 0.06),
        shortening=float(np.clip(rng.normal(0.34, 0.05), 0.18, 0.46)),
        aortic_angle=rng.normal(12, 7),
        annulus_calcium=float(rng.choice([0, rng.uniform(0.4, 1)], p=[0.7, 0.3])),
        brightness=rng.normal(0, 8),
    )
    return severity, mass_index, heart


def wall_thickness(mass_index: float, body_surface: float, cavity: float) -> float:
    """Return the wall thickness (cm) that gives the mass index (g/m2), by the cube formula of the ASE.

    mass = 0.8 * 1.04 * ((cavity + 2 wall)^3 - cavity^3) + 0.6 g, cavity in cm (Lang et al. 2015).
    """
    cube = (mass_index * body_surface - 0.6) / 0.832 + cavity**3
    return (cube ** (1 / 3) - cavity) / 2


def _draw_study(
    index: int,
    year: int,
    identity: Identity,
    anatomy: tuple[Severity, float, Heart],
    special: str,
    seed: int,
    rng: np.random.Generator,
) -> Study:
    severity, mass_index, heart = anatomy
    mass_index = round(mass_index + float(rng.normal(0, 2)), 1)
    wall = wall_thickness(mass_index, identity.body_surface, heart.cavity)
    date = datetime.date(year, 1, 1) + datetime.timedelta(days=int(rng.integers(0, 365)))
    plax = 1 if special in ("single_file", "single_plax") else int(rng.choice([2, 3, 4], p=[0.5, 0.32, 0.18]))
    return Study(
        index=index,
        identity=identity,
        uid=uid(seed, "study", index),
        accession=study_number(seed, index),
        date=date,
        age=year - identity.birth.year,
        severity="severe" if special == "low_flow" else severity,
        low_flow=special == "low_flow",
        mass_index=mass_index,
        mass_index_missing=bool(rng.random() < 0.03),
        in_sheet=special != "unlisted",
        single_file=special == "single_file",
        plax_videos=plax,
        ejection_fraction=int(np.clip(heart.shortening * 170 + rng.normal(0, 4), 20, 78)),
        hypertension=int(rng.random() < (0.75 if mass_index > LVH_ABOVE[identity.sex] else 0.5)),
        heart=dataclasses.replace(heart, wall=float(np.clip(wall, 0.5, 2.4))),
    )
