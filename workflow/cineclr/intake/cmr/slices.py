"""Slices of a series: its frames sorted by where and when they were taken."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cineclr.intake.cmr.headers import unpack

SAME_PLACE = 0.5  # mm: scanners write positions with rounding; neighbouring slices lie further apart
SAME_DIRECTION = 0.999  # least cosine of two planes' rows and columns: angles are rounded, too
LEAST_FRAMES = 5  # of a beat: fewer frames do not tell that an acquisition starts again
MORE_THAN_ONCE = 1.2  # times that a beat is covered by two acquisitions, one of them perhaps cut short
# From the base of the left ventricle to its apex: to the left, forward and down, in LPS coordinates.
TO_APEX = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
LEAST_ALONG = 0.3  # cosine between stack and that direction below which the order says nothing
SCANNED = ["acquired", "instance", "file", "index"]  # the order in which frames were taken or stored


@dataclass(frozen=True)
class Slice:
    """One slice: `files` and `indices` name its frames in the order of time (index row, frame in file).

    Attributes:
        position: mm along the normal, NaN unknown.
        normal: of the plane, or zeros.
        frame_time: median ms between frames, NaN unknown.
        acquired: seconds of the day when it was begun, -1 unknown.
        repeat: 0, or how many acquisitions of the same slice are before it in its series.
    """

    files: tuple[int, ...]
    indices: tuple[int, ...]
    position: float
    normal: tuple[float, float, float]
    frame_time: float
    acquired: float = -1.0
    repeat: int = 0

    def __len__(self) -> int:
        return len(self.files)


def list_frames(files: pd.DataFrame) -> pd.DataFrame:
    """Return a row per frame of a series' files: file (index label), index, place, time and numbers.

    `plane` counts the orientations that occur; nx, ny, nz is the normal. The geometry columns of `files` are
    those of `intake.cmr.scan`.
    """
    counts = files["frames"].to_numpy(np.int64)
    at = np.repeat(np.arange(len(files)), counts)
    normals, planes = _planes(_per_frame(files["orientation"], counts, 6))
    frames = files[["instance", "acquired"]].astype(np.float64).iloc[at].reset_index(drop=True)
    return frames.assign(
        file=files.index.to_numpy()[at],
        index=np.concatenate([np.arange(count) for count in counts]),
        position=_per_frame(files["positions"], counts, 1)[:, 0],
        time=_per_frame(files["times"], counts, 1)[:, 0],
        plane=planes,
        **dict(zip(("nx", "ny", "nz"), normals.T, strict=True)),
    )


def _per_frame(packed: pd.Series, counts: np.ndarray, width: int) -> np.ndarray:
    """Return what files say of each frame, (frames, width); a file may say it once for all its frames."""
    parts = []
    for text, count in zip(packed, counts, strict=True):
        values = unpack(text)
        if len(values) not in (width, width * count):
            values = np.full(width, np.nan)
        parts.append(np.broadcast_to(values.reshape(-1, width), (count, width)))
    return np.concatenate(parts)


def _planes(orientations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal (n, 3) and a number (n,) of each frame's plane; orientations are (n, 6).

    Directions that differ by rounding alone are one plane, whose normal is that of its first frame.
    """
    distinct, which = np.unique(np.nan_to_num(orientations), axis=0, return_inverse=True)
    first = np.arange(len(distinct))
    for number in range(1, len(distinct)):
        rows = distinct[:number, :3] @ distinct[number, :3]
        columns = distinct[:number, 3:] @ distinct[number, 3:]
        alike = np.flatnonzero(np.minimum(rows, columns) > SAME_DIRECTION)
        if len(alike):
            first[number] = first[alike[0]]
    normals = np.stack([_normal(numbers) for numbers in distinct[first]])
    return normals[which], first[which]


def _normal(orientation: np.ndarray) -> np.ndarray:
    normal = np.cross(orientation[:3], orientation[3:])
    length = np.linalg.norm(normal)
    return normal / length if length > 0 else np.zeros(3)


def normal_of(orientation: str) -> np.ndarray:
    """Return the unit normal of a file's first plane, (3,); zeros where the orientation is unknown."""
    numbers = unpack(orientation)[:6]
    return _normal(numbers) if len(numbers) == 6 and np.isfinite(numbers).all() else np.zeros(3)


def find_slices(files: pd.DataFrame) -> list[Slice]:
    """Divide a series into slices, from base to apex or by position, each in the order of time.

    A slice is what lies in one plane at one position (within half a millimetre). Several acquisitions of it
    in one series are slices of their own. Where positions are unknown, times that start again part the
    slices, or else CardiacNumberOfImages in the order of instance numbers. Time is the trigger time or
    temporal position; where frames share one, or have none, acquisition and instance number decide.
    """
    phases = int(files["phases"].max())
    slices = []
    for _, plane in list_frames(files).groupby("plane"):
        found = [_make(part, repeat) for part, repeat in _divide(plane, phases)]
        toward = float(np.array(found[0].normal) @ TO_APEX)
        slices += found[::-1] if toward < -LEAST_ALONG else found
    return slices


def tells_apex(normal: tuple[float, float, float]) -> bool:
    """Return whether an order along this normal is one from base to apex."""
    return abs(float(np.array(normal) @ TO_APEX)) > LEAST_ALONG


def _divide(plane: pd.DataFrame, phases: int) -> Iterator[tuple[pd.DataFrame, int]]:
    """Yield the frames of each slice of parallel frames, and which acquisition of the slice they are."""
    if plane["position"].isna().any():
        plane = plane.sort_values(SCANNED[1:], kind="stable")
        numbers = _acquisitions(plane)
        if not numbers.any() and phases and len(plane) % phases == 0:
            numbers = np.arange(len(plane)) // phases
        for number in np.unique(numbers):
            yield plane[numbers == number], 0
        return
    plane = plane.sort_values("position", kind="stable")
    for _, part in plane.groupby((plane["position"].diff() > SAME_PLACE).cumsum()):
        part = part.sort_values(SCANNED, kind="stable")
        numbers = _acquisitions(part)
        for repeat in np.unique(numbers):
            yield part[numbers == repeat], int(repeat)


def _acquisitions(frames: pd.DataFrame) -> np.ndarray:
    """Return to which run over the beat each frame belongs, (n,); frames are in the order of scanning.

    Either every time occurs equally often, or times fall back and rise again, so that together they cover
    the beat more than once. A run that begins in the middle of the beat and goes on at its start is one; so
    are images whose numbers are in no order.
    """
    times = frames["time"]
    often = times.value_counts()
    if len(often) >= LEAST_FRAMES and often.nunique() == 1 and times.notna().all():
        return times.groupby(times).cumcount().to_numpy()
    runs = (times.diff() < 0).cumsum()
    found = times.groupby(runs).agg(["size", "min", "max"])
    covered = (found["max"] - found["min"]).sum() > MORE_THAN_ONCE * (times.max() - times.min())
    several = found["size"].median() >= LEAST_FRAMES and covered
    return runs.to_numpy() if several else np.zeros(len(frames), int)


def _make(frames: pd.DataFrame, repeat: int) -> Slice:
    frames = frames.sort_values(["time", *SCANNED], kind="stable")
    steps = np.diff(frames["time"].to_numpy(np.float64))
    usable = steps[np.isfinite(steps) & (steps > 1)]
    first = frames.iloc[0]
    begun = frames["acquired"].min()
    return Slice(
        files=tuple(frames["file"].tolist()),
        indices=tuple(frames["index"].tolist()),
        position=float(frames["position"].median()),
        normal=(float(first["nx"]), float(first["ny"]), float(first["nz"])),
        frame_time=float(np.median(usable)) if len(usable) else float("nan"),
        acquired=float(begun) if np.isfinite(begun) else -1.0,
        repeat=repeat,
    )
