"""The model heart: its volumes, counted in voxels and in images, are those that the truth names."""

import cv2
import numpy as np
import pytest

from cineclr.config import DemoCmr
from cineclr.demo.cmr.heart import ANGLES, BLOOD, FLUID, MUSCLE, Plane, cavity, contraction, render
from cineclr.demo.cmr.patients import CmrStudy, draw_studies

STUDIES = draw_studies(DemoCmr(patients=60), seed=0)
MM = 1.5  # edge of a voxel


def with_diagnosis(name: str, present: bool = True) -> list[CmrStudy]:
    return [study for study in STUDIES if (study.findings.status.get(name) == "present") == present]


def count_voxels(study: CmrStudy, phase: float) -> float:
    """Return the cavity's volume in ml, by counting the voxels that lie inside."""
    length, radii = cavity(study.heart, phase)
    reach = radii.max() + MM
    u = np.arange(MM / 2, length + MM, MM)
    v = np.arange(-reach, reach, MM)
    u, v, w = np.meshgrid(u, v, v, indexing="ij")
    inner = np.interp(np.arctan2(w, v), ANGLES, radii)
    inside = (u / length) ** 2 + (v**2 + w**2) / inner**2 < 1
    return float(inside.sum() * MM**3 / 1000)


@pytest.mark.parametrize("number", range(0, 60, 7))
def test_counted_volumes_are_those_of_the_truth(number):
    study = STUDIES[number]
    end_diastole, end_systole = count_voxels(study, 0.0), count_voxels(study, 1.0)
    assert end_diastole == pytest.approx(study.heart.edv, rel=0.02)
    assert end_systole == pytest.approx(study.heart.esv, rel=0.03)
    assert 100 * (1 - end_systole / end_diastole) == pytest.approx(study.findings.lvef, abs=1.5)


@pytest.mark.parametrize("frames", [8, 11, 16, 30])
def test_a_beat_reaches_both_ends(frames):
    phases = contraction(frames)
    assert phases[0] == 0
    assert phases.max() == 1
    assert 0.2 < phases.argmax() / frames < 0.5  # systole is shorter than diastole
    assert abs(phases[-1]) < 0.2  # the beat begins again


def slice_at(study: CmrStudy, depth: float, frames: int = 8, size: int = 190) -> np.ndarray:
    """Return an image across the axis, `depth` mm below the mitral plane, 1 mm a pixel."""
    axis, septum, third = study.heart.axes
    plane = Plane(study.heart.centre + depth * axis, third, -septum, 190.0)
    return render(study.heart, plane, frames, size, np.random.default_rng(0))


def cavity_of(image: np.ndarray) -> np.ndarray:
    _, labels = cv2.connectedComponents((image > (BLOOD + MUSCLE) / 2).astype(np.uint8), connectivity=4)
    return labels == labels[image.shape[0] // 2, image.shape[1] // 2]


@pytest.mark.parametrize("number", [0, 3, 5])
def test_images_show_the_volume(number):
    """Simpson's rule over slices 8 mm apart: end diastole and ejection fraction as a reader measures them."""
    study = STUDIES[number]
    gap = study.heart.length / 9
    areas = np.zeros(8)
    for index in range(9):
        frames = slice_at(study, gap * (index + 0.5))
        areas += [cavity_of(frame).sum() if frame[95, 95] > 150 else 0 for frame in frames]
    volumes = areas * gap / 1000
    assert volumes[0] == pytest.approx(study.heart.edv, rel=0.08)
    assert 100 * (1 - volumes.min() / volumes[0]) == pytest.approx(study.findings.lvef, abs=6)


def septum_thickness(study: CmrStudy, towards: float) -> float:
    """Return the wall's thickness in mm along a ray from the axis: -1 towards the septum, 1 away from it."""
    image = cv2.GaussianBlur(slice_at(study, 0.35 * study.heart.length)[0], (0, 0), 1)
    step = 1 if towards > 0 else -1
    ray = image[95::step, 95]
    dark = np.flatnonzero(ray < 150)
    end = next(at for at in range(dark[0], len(ray)) if ray[at] > 150 or ray[at] < 65)
    return float(end - dark[0])


def test_walls_are_as_thick_as_the_findings_say():
    for study in with_diagnosis("hypertrophic_cardiomyopathy")[:3]:
        assert septum_thickness(study, -1) > septum_thickness(study, 1) + 5  # the septum alone
        assert septum_thickness(study, -1) == pytest.approx(study.findings.wall_mm, abs=4)
    for study in with_diagnosis("normal")[:3]:
        assert septum_thickness(study, -1) == pytest.approx(study.findings.wall_mm, abs=3)


def test_fluid_lies_around_the_heart():
    def brightest(study: CmrStudy) -> float:
        image = slice_at(study, 0.5 * study.heart.length)[0]
        return float((image > (FLUID + BLOOD) / 2 + 10).mean())

    wet, dry = (with_diagnosis("large_pericardial_effusion", present) for present in (True, False))
    assert min(brightest(study) for study in wet[:4]) > 2 * max(brightest(study) for study in dry[:4])


def test_an_akinetic_wall_stays_where_it_is():
    for study in with_diagnosis("ischemic_cardiomyopathy"):
        assert study.findings.akinetic
        _, rest = cavity(study.heart, 0.0)
        _, systole = cavity(study.heart, 1.0)
        moved = 1 - systole / rest
        assert moved.min() == pytest.approx(0, abs=1e-6)
        assert moved.max() > 0.1
    healthy = with_diagnosis("normal")[0]
    np.testing.assert_allclose(np.ptp(cavity(healthy.heart, 1.0)[1]), 0, atol=1e-9)


def test_findings_follow_from_the_heart():
    for study in STUDIES:
        found, heart = study.findings, study.heart
        assert found.lvef == pytest.approx(100 * (1 - heart.esv / heart.edv))
        assert (found.status.get("left_ventricular_dilation") == "present") == (found.lv_edv_index > 100)
        assert (found.effusion_mm > 0) == (found.status.get("large_pericardial_effusion") == "present")
        if found.status.get("normal") == "present":
            assert set(found.status) == {"normal"}
            assert 50 < found.lvef < 72
    spread = np.array([study.findings.lvef for study in STUDIES])
    assert np.abs(spread - spread.mean()).mean() > 9
    assert spread.min() < 25
    assert spread.max() > 65


def test_diagnoses_are_frequent_enough_to_learn():
    for name in (
        "hypertrophic_cardiomyopathy",
        "non_ischemic_cardiomyopathy",
        "ischemic_cardiomyopathy",
        "normal",
    ):
        assert 0.08 < len(with_diagnosis(name)) / len(STUDIES) < 0.35
