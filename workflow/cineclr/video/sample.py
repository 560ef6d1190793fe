"""A sample of a study's HDF5 file: rings that beat, for those who write or read the format."""

from pathlib import Path

import numpy as np

from cineclr.config.cmr import View
from cineclr.video.hdf5 import StudyView, write_study

STUDY, SERIES = "S00000000005a3c1e", "C00000000005a3c1e"
FRAMES, SIZE, SPACING, BEAT = 20, 96, 1.8, 900.0  # frames, pixels, mm, ms
WALL, EMPTIES = 10.0, 0.35  # mm of muscle, and by how much the cavity narrows
GAP = 10.0  # mm between slices of the stack
# Half axes of the cavity in mm, rows and columns, of each slice of a view: the stack narrows to the apex.
CAVITIES: dict[View, list[tuple[float, float]]] = {
    "4CH": [(42.0, 25.0)],
    "2CH": [(42.0, 24.0)],
    "SAX": [(25.0, 25.0), (24.0, 24.0), (20.0, 20.0), (12.0, 12.0)],
}


def write_sample_hdf5(output: Path) -> None:
    """Write a sample study: 4CH and 2CH of one slice, SAX of four from base to apex, 3CH missing.

    In each a ring of muscle around bright blood contracts once over the frames; its last SAX slice has fewer
    frames than the others. docs/hdf5.md explains every attribute with it.
    """
    write_study(output, STUDY, {view: _draw_view(cavities) for view, cavities in CAVITIES.items()}, "sample")
    print(f"{output.name}: try it: cineclr validate-hdf5 --files {output.name}")


def _draw_view(cavities: list[tuple[float, float]]) -> StudyView:
    count = len(cavities)
    frames = np.full(count, FRAMES)
    if count > 1:
        frames[-1] = FRAMES - 4
    pixels = np.zeros((count, FRAMES, SIZE, SIZE), np.uint8)
    for number, axes in enumerate(cavities):
        pixels[number, : frames[number]] = _draw_beat(axes, int(frames[number]))
    return StudyView(
        pixels=pixels,
        frames=frames,
        pixel_spacing_mm=np.full((count, 2), SPACING),
        frame_time_ms=BEAT / frames,
        position_mm=GAP * np.arange(count),
        series=[SERIES] * count,
        acquired_size=np.full((count, 2), SIZE),
        intensity_low=np.zeros(count),
        intensity_high=np.full(count, 1000.0),
        order="base_to_apex" if count > 1 else "position",
    )


def _draw_beat(axes: tuple[float, float], frames: int) -> np.ndarray:
    """Return a ring over one beat, uint8 (frames, SIZE, SIZE), from the end of filling."""
    rows, columns = (np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2) * SPACING
    phase = np.arange(frames) / frames
    narrowed = 1 - EMPTIES * np.sin(np.pi * np.minimum(phase / 0.7, 1)) ** 2
    beat = np.empty((frames, SIZE, SIZE), np.uint8)
    for frame, scale in zip(beat, narrowed, strict=True):
        inner = np.hypot(rows / (axes[0] * scale), columns / (axes[1] * scale))
        outer = np.hypot(rows / (axes[0] + WALL), columns / (axes[1] + WALL))
        frame[:] = np.select([inner < 1, outer < 1], [220, 70], 25)
    return beat
