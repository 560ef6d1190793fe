"""Making one file: draw what a shot shows, put it on the screen, store it, and damage it if it must be."""

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import UID

from cineclr.demo.dicom import capture_object, report_object, to_bytes, ultrasound_object
from cineclr.demo.faults import FAULTS
from cineclr.demo.plan import Shot, StudyPlan
from cineclr.demo.screen import (
    Layout,
    Region,
    colour_box,
    compose,
    lay_out,
    report_screen,
    strip_screen,
    type_over,
)
from cineclr.demo.ultrasound import draw_acquisition, draw_clip, draw_opening


def shoot(plan: StudyPlan, shot: Shot) -> dict[str, bytes]:
    """Return the files of a shot: relative path -> bytes, copies included."""
    rng = np.random.default_rng(shot.seed)
    fault = FAULTS.get(shot.fault)
    if fault and fault.foreign:
        return {shot.path: fault.foreign(plan.study.identity, rng)}
    dataset = _make_object(plan, shot, rng)
    if fault and fault.header:
        fault.header(dataset)
    data = to_bytes(dataset)
    files = {shot.path: fault.data(data, rng) if fault and fault.data else data}
    for copy in shot.copies:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(copy.uid)
        files[copy.path] = to_bytes(dataset)
    return files


def _make_object(plan: StudyPlan, shot: Shot, rng: np.random.Generator) -> FileDataset:
    half_angle, depth = draw_opening(rng)
    layout = lay_out(shot.screen, plan.vendor, half_angle, depth)
    if shot.kind == "sr":
        return report_object(plan.study, plan.vendor, shot.uid)
    if shot.kind == "report":
        return capture_object(plan.study, plan.vendor, shot.uid, report_screen(layout, plan.study))
    frames, regions = draw_screen(plan, shot, layout, rng)
    return ultrasound_object(
        plan.study,
        plan.vendor,
        shot.uid,
        frames,
        shot.syntax,
        regions,
        frame_time=1000 / shot.fps,
        heart_rate=shot.heart_rate,
        cm_per_pixel=1 / (layout.sector.scale * layout.zoom),
    )


def draw_screen(
    plan: StudyPlan, shot: Shot, layout: Layout, rng: np.random.Generator
) -> tuple[np.ndarray, list[Region]]:
    """Return the screen of a shot, uint8 (frames, rows, columns, 3) RGB, and its regions."""
    count = 1 if shot.kind in ("still", "doppler_still") else shot.frames
    if shot.kind in ("doppler", "doppler_still", "mmode"):
        screen, region = strip_screen(shot.kind.removesuffix("_still"), layout, plan.study, count, rng)
        return screen, [region]
    view = shot.kind if shot.kind in ("psax", "a4c", "a2c") else "plax"
    acquisition = draw_acquisition(rng)
    beats = shot.heart_rate / (60 * shot.fps)
    clip = draw_clip(plan.study.heart, view, layout.sector, count, beats, acquisition, rng)
    phase = acquisition.phase + np.arange(count) * beats
    if shot.fault == "black":
        return _blank(compose(clip, layout, plan.study, phase), layout.region), [layout.region]
    frames = compose(clip, layout, plan.study, phase)
    regions = [layout.region]
    if shot.fault == "labelled":
        type_over(frames, layout, plan.study)
    if shot.kind == "colour":
        regions.append(colour_box(frames, layout, phase, rng))
    return frames, regions


def _blank(frames: np.ndarray, region: Region) -> np.ndarray:
    frames[:, region.y0 : region.y1 + 1, region.x0 : region.x1 + 1] = 0
    return frames
