"""What each study's folder holds: one `Shot` per file, drawn before anything is rendered."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from cineclr.config import Demo
from cineclr.demo.anatomy import GOLDEN, Study, draw_studies
from cineclr.demo.faults import FAULTS
from cineclr.demo.identity import uid
from cineclr.demo.screen import VENDORS
from cineclr.ledger import USED, Code
from cineclr.seeds import derive_seed

TWO_D_VIEWS = ("plax", "psax", "a4c", "a2c")
# Expected bucket of a sound file by what it shows.
BUCKETS: dict[str, str] = {
    "plax": USED,
    "psax": Code.OTHER_VIEW,
    "a4c": Code.OTHER_VIEW,
    "a2c": Code.OTHER_VIEW,
    "colour": Code.COLOUR_DOPPLER,
    "doppler": Code.NOT_2D,
    "mmode": Code.NOT_2D,
    "doppler_still": Code.SINGLE_FRAME,
    "still": Code.SINGLE_FRAME,
    "report": Code.SECONDARY_CAPTURE,
    "sr": Code.NOT_AN_IMAGE,
}
# Share of studies that have one of these.
SHARES = {
    "psax": 0.95, "a4c": 0.9, "a2c": 0.75, "colour": 0.25, "doppler": 0.15, "doppler_still": 0.1,
    "mmode": 0.12, "still": 0.12, "report": 0.08, "sr": 0.08,
}  # fmt: skip
# Share of 2-D clips by syntax; JPEG Baseline is what scanners mostly write.
SYNTAX_SHARES = {
    "jpeg": 0.78, "rle": 0.06, "palette": 0.03, "palette_rle": 0.07, "grey": 0.04, "rgb": 0.02,
}  # fmt: skip
# Kinds of second files with the same pixels, in words.
COPY_WORDS = {
    "copy": "the same object under another path",
    "same_pixels": "the same pixels under another object identifier",
}
COPY_RATE = 0.07  # per study, of each kind
SCREENS = ((128, 168), (136, 176), (144, 192), (152, 200))
FULL_SCREENS = ((480, 640), (600, 800))


@dataclass(frozen=True)
class Copy:
    """A second file with the same pixels; `uid` is its own object identifier, or the original's."""

    path: str
    uid: str
    fault: str


@dataclass(frozen=True)
class Shot:
    """One file to write: `kind` is what it shows, `fault` what is wrong with it ("" if nothing)."""

    kind: str
    fault: str
    path: str
    uid: str
    syntax: str
    screen: tuple[int, int]
    frames: int
    fps: float
    heart_rate: int
    seed: int
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True)
class StudyPlan:
    """One study and its files."""

    study: Study
    vendor: int
    shots: list[Shot] = field(default_factory=list)


def plan_hospital(settings: Demo, seed: int) -> list[StudyPlan]:
    """Return every study with every file, a pure function of settings and seed."""
    studies = draw_studies(settings.studies, seed)
    faults = _spread_faults(studies, seed)
    further = _spread_kinds(studies, seed)
    plans: list[StudyPlan] = []
    drawn = Counter[str]()  # sound files of each kind so far
    for study in studies:
        rng = np.random.default_rng(derive_seed(seed, "demo", "plan", study.index))
        plan = StudyPlan(study, int(rng.integers(len(VENDORS))))
        contents = _contents(study, further[study.index], faults[study.index], rng)
        for number, (kind, fault) in enumerate(contents):
            plan.shots.append(_plan_shot(study, kind, fault, number, drawn[kind], settings, seed, rng))
            drawn[kind] += fault not in FAULTS
        plans.append(plan)
    return plans


def _contents(
    study: Study, further: list[str], faults: list[str], rng: np.random.Generator
) -> list[tuple[str, str]]:
    """Return (kind, fault) of each file of a study, in the order of the examination."""
    contents = [("plax", "")] * study.plax_videos + [(kind, "") for kind in further]
    for copied, fault in enumerate(fault for fault in faults if fault in COPY_WORDS):
        contents[copied] = ("plax", fault)
    for fault in faults:
        if fault not in COPY_WORDS:
            place = int(rng.integers(len(contents) + 1))
            contents.insert(place, ("" if FAULTS[fault].foreign else "plax", fault))
    return contents


def _spread_kinds(studies: list[Study], seed: int) -> list[list[str]]:
    """Give each study its files beside PLAX videos; every kind occurs at least once."""
    rng = np.random.default_rng(derive_seed(seed, "demo", "kinds"))
    able = [study.index for study in studies if not study.single_file]
    spread: list[list[str]] = [[] for _ in studies]
    for kind, share in SHARES.items():
        for index in rng.choice(able, max(1, round(share * len(able))), replace=False):
            spread[int(index)].append(kind)
    return spread


def _spread_faults(studies: list[Study], seed: int) -> list[list[str]]:
    """Give each study its faults; every kind occurs at least once."""
    rng = np.random.default_rng(derive_seed(seed, "demo", "faults"))
    able = [study.index for study in studies if not study.single_file and study.plax_videos > 1]
    spread: list[list[str]] = [[] for _ in studies]
    rates = {name: fault.rate for name, fault in FAULTS.items()} | dict.fromkeys(COPY_WORDS, COPY_RATE)
    for name, rate in rates.items():
        for _ in range(max(1, round(rate * len(studies)))):
            free = [index for index in able if name not in spread[index]]
            spread[int(rng.choice(free or able))].append(name)
    return [sorted(set(names)) for names in spread]


def _plan_shot(
    study: Study,
    kind: str,
    fault: str,
    number: int,
    drawn: int,
    settings: Demo,
    seed: int,
    rng: np.random.Generator,
) -> Shot:
    full_size = rng.random() < settings.full_size_share and drawn >= len(SYNTAX_SHARES)
    screens = FULL_SCREENS if full_size else SCREENS
    frames = int(rng.integers(settings.frames, settings.frames + max(2, settings.frames // 3)))
    if fault == "short":
        frames = int(rng.integers(4, 6))
    syntax = FAULTS[fault].syntax if fault in FAULTS else _syntax(drawn, full_size)
    if fault == "truncated_pixels":
        syntax = ("jpeg", "rgb")[study.index % 2]
    path = _path(study, kind, fault, number, seed)
    object_uid = uid(seed, "object", study.index, number)
    copies: tuple[Copy, ...] = ()
    if fault in COPY_WORDS:
        folder = ("backup", "zz_import_2")[number % 2]
        new = object_uid if fault == "copy" else uid(seed, "copy", study.index, number)
        copies = (Copy(f"{folder}/{path}", new, fault),)
    return Shot(
        kind=kind,
        fault=fault if fault in FAULTS else "",
        path=path,
        uid=object_uid,
        syntax=syntax,
        screen=screens[int(rng.integers(len(screens)))],
        frames=frames,
        fps=float(round(rng.uniform(25, 60), 1)),
        heart_rate=int(rng.integers(52, 104)),
        seed=derive_seed(seed, "demo", "shot", study.index, number),
        copies=copies,
    )


def _syntax(drawn: int, full_size: bool) -> str:
    """Return how the next file of a kind is stored, after `drawn` others: each way once, then by share.

    Full-size clips are always compressed, as archives do.
    """
    if full_size:
        return "jpeg"
    if drawn < len(SYNTAX_SHARES):
        return list(SYNTAX_SHARES)[drawn]
    edges = np.cumsum(list(SYNTAX_SHARES.values()))
    place = int(np.searchsorted(edges, (drawn * GOLDEN) % 1, side="right"))
    return list(SYNTAX_SHARES)[min(place, len(edges) - 1)]


def _path(study: Study, kind: str, fault: str, number: int, seed: int) -> str:
    """Return the path of a file; archives differ in their habits, and most name the patient."""
    who = study.identity
    name = f"{who.family}_{who.given}".upper()
    if fault in FAULTS and FAULTS[fault].file_name:
        leaf = FAULTS[fault].file_name.format(name=name, number=number)
        return f"{name}_{who.number}/EXAM_{study.date:%Y%m%d}_{study.index}/{leaf}"
    habit = study.index % 3
    if habit == 0:
        return f"{name}_{who.number}/EXAM_{study.date:%Y%m%d}_{study.index}/IM_{number + 1:04d}"
    if habit == 1:
        return f"export/{study.date.year}/{study.accession}/{uid(seed, 'object', study.index, number)}.dcm"
    return f"{study.uid}/{name}_{kind.upper()}_{number + 1:02d}.dcm"


def truth_rows(plan: StudyPlan) -> list[dict[str, str]]:
    """Return one row per file of a study: path, expected bucket, view, identifiers and the fault in words."""
    rows = []
    for shot in plan.shots:
        bucket = _bucket(plan.study, shot)
        paths = sorted([shot.path, *(copy.path for copy in shot.copies)])
        words = FAULTS[shot.fault].words if shot.fault else ""
        for path, video, fault in [
            (shot.path, shot.uid, words),
            *((copy.path, copy.uid, COPY_WORDS[copy.fault]) for copy in shot.copies),
        ]:
            rows.append(
                {
                    "path": path,
                    "bucket": str(bucket if path == paths[0] else Code.DUPLICATE_PIXELS),
                    "view": "" if bucket == Code.OTHER_MODALITY else shot.kind,
                    "study_uid": plan.study.uid,
                    "video_uid": video if shot.kind else "",
                    "fault": fault,
                }
            )
    return rows


def _bucket(study: Study, shot: Shot) -> str:
    if shot.fault:
        return FAULTS[shot.fault].code
    bucket = BUCKETS[shot.kind]
    if bucket != USED:
        return bucket
    if not study.in_sheet:
        return Code.NOT_IN_SHEET
    if not 2016 <= study.date.year <= 2021:
        return Code.YEAR_OUTSIDE
    return Code.LOW_FLOW_LOW_GRADIENT if study.low_flow else USED
