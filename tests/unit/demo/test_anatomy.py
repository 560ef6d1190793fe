"""Patients and studies: prevalence, years, rare kinds, the sheet's shape, walls that give the mass."""

import numpy as np
import pandas as pd
import pytest

from cineclr.demo.anatomy import draw_studies, wall_thickness
from cineclr.demo.records import sheet_row

COLUMNS = [
    "study_id", "patient_id", "study_date", "sex", "age", "as_severity", "low_flow_low_gradient",
    "lv_mass_index", "ejection_fraction", "hypertension",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_prevalence_in_development_and_external_years(seed: int) -> None:
    studies = draw_studies(400, seed)
    for external in (False, True):
        part = [study for study in studies if (study.date.year >= 2021) == external]
        assert 0.35 < np.mean([study.hypertrophy for study in part]) < 0.58
        assert 0.28 < np.mean([study.severity == "severe" for study in part]) < 0.48


@pytest.mark.parametrize("count", [12, 100, 700])
def test_years_and_rare_studies(count: int) -> None:
    studies = draw_studies(count, seed=0)
    years = pd.Series([study.date.year for study in studies])
    assert 0.7 < years.between(2016, 2020).mean() < 0.85
    assert ((years < 2016) | (years > 2021)).any()
    assert any(not study.in_sheet for study in studies)
    assert any(study.low_flow for study in studies)
    assert any(study.single_file for study in studies)
    assert len({study.uid for study in studies}) == count


def test_some_patients_have_several_studies_with_one_anatomy() -> None:
    studies = draw_studies(200, seed=1)
    by_patient: dict[str, list] = {}
    for study in studies:
        by_patient.setdefault(study.identity.number, []).append(study)
    several = [group for group in by_patient.values() if len(group) > 1]
    assert 15 < len(several) < 60
    assert all(len({study.heart.root for study in group}) == 1 for group in several)


def test_sheet_has_the_declared_columns_and_values() -> None:
    sheet = pd.DataFrame([sheet_row(study) for study in draw_studies(300, seed=2)])
    assert sheet.columns.tolist() == COLUMNS
    assert set(sheet.sex) == {"F", "M"}
    assert set(sheet.as_severity) == {"none", "mild", "moderate", "severe"}
    assert 0.005 < sheet.lv_mass_index.isna().mean() < 0.07
    assert sheet.study_date.str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_wall_thickness_inverts_the_cube_formula() -> None:
    wall = wall_thickness(mass_index=120, body_surface=1.9, cavity=4.8)
    mass = 0.8 * 1.04 * ((4.8 + 2 * wall) ** 3 - 4.8**3) + 0.6
    assert mass / 1.9 == pytest.approx(120)


def test_hypertrophic_walls_and_stenotic_valves_differ() -> None:
    studies = draw_studies(300, seed=4)
    wall = {flag: np.mean([s.heart.wall for s in studies if s.hypertrophy == flag]) for flag in (True, False)}
    assert wall[True] > wall[False] + 0.2
    opening = {
        flag: np.mean(
            [s.heart.opening for s in studies if not s.low_flow and (s.severity == "severe") == flag]
        )
        for flag in (True, False)
    }
    assert opening[True] < opening[False] - 0.25
