"""The hospital's records of a study: the sheet, the truth, and the strings that must never leave."""

from cineclr.demo.anatomy import Study
from cineclr.demo.plan import StudyPlan

BARE_BIRTH_DATES = 12  # eight digits can occur by chance in long tables of numbers: so only a few are listed


def sheet_row(study: Study) -> dict[str, object]:
    """Return the study's row of the echo sheet."""
    return {
        "study_id": study.uid,
        "patient_id": study.identity.number,
        "study_date": study.date.isoformat(),
        "sex": study.identity.sex,
        "age": study.age,
        "as_severity": study.severity,
        "low_flow_low_gradient": int(study.low_flow),
        "lv_mass_index": None if study.mass_index_missing else study.mass_index,
        "ejection_fraction": study.ejection_fraction,
        "hypertension": study.hypertension,
    }


def study_row(study: Study) -> dict[str, object]:
    """Return the truth about a study, whether the sheet lists it or not."""
    return {
        "study_uid": study.uid,
        "accession": study.accession,
        "patient_id": study.identity.number,
        "year": study.date.year,
        "sex": study.identity.sex,
        "age": study.age,
        "in_sheet": study.in_sheet,
        "severe_as": int(study.severity == "severe"),
        "lvh": int(study.hypertrophy),
        "lv_mass_index": study.mass_index,
        "lv_mass_index_missing": study.mass_index_missing,
        "low_flow_low_gradient": int(study.low_flow),
        "plax_videos": study.plax_videos,
        "wall_cm": study.heart.wall,
        "valve_opening": study.heart.opening,
    }


def canaries(plans: list[StudyPlan]) -> list[str]:
    """Return every planted string that cannot occur by chance: names, numbers, dates, identifiers, paths."""
    found: set[str] = {"Quillhaven Heart Hospital", "SONOGRAPHER^XANTHIPPE", "1 Cardioid Parade"}
    for plan in plans:
        found |= _planted(plan.study)
        for shot in plan.shots:
            if shot.kind:
                found.add(shot.uid)
            found |= {copy.uid for copy in shot.copies}
            found |= {part for part in shot.path.split("/") if _tells(part, plan.study)}
    found |= {f"{plan.study.identity.birth:%Y%m%d}" for plan in plans[:BARE_BIRTH_DATES]}
    return sorted(found)


def _tells(part: str, study: Study) -> bool:
    """Whether a part of a path names the patient or the day."""
    return study.identity.family.upper() in part or part.startswith("EXAM_")


def _planted(study: Study) -> set[str]:
    who, date = study.identity, study.date
    return {
        who.dicom_name,
        who.plain_name,
        who.family,
        who.family.upper(),
        who.number,
        who.address,
        who.telephone,
        who.birth.isoformat(),
        date.isoformat(),
        f"{date:%Y%m%d}{8 + study.index % 10:02d}{study.index % 60:02d}17",
        study.accession,
        study.uid,
    }
