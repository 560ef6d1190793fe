"""Slices of a series: its frames sorted by where and when they were taken."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cineclr.intake.cmr.headers import unpack

SAME_PLACE = 0.5  # mm: scanners write positions with rounding; neighbouring slices lie further apart
# From the base of the left ventricle to its apex: to the left, forward and down, in LPS coordinates.
TO_APEX = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
LEAST_ALONG = 0.3  # cosine between stack and that direction below which the order says nothing


@dataclass(frozen=True)
class Slice:
    """One slice: `files` and `indices` name its frames in the order of time (index row, frame in file).

    Attributes:
        position: mm along the normal, NaN unknown.
        normal: of the plane, or zeros.
        frame_time: median ms between frames, NaN unknown.
    """

    files: tuple[int, ...]
    indices: tuple[int, ...]
    position: float
    normal: tuple[float, float, float]
    frame_time: float

    def __len__(self) -> int:
        return len(self.files)


def list_frames(files: pd.DataFrame) -> pd.DataFrame:
    """Return a row per frame of a series' files: file (index label), index, position, time, instance.

    The geometry columns are those of `intake.cmr.scan`.
    """
    parts = []
    for label, row in zip(files.index, files.to_dict("records"), strict=True):
        count = int(row["frames"])
        parts.append(
            pd.DataFrame(
                {
                    "file": label,
                    "index": np.arange(count),
                    "position": _spread(unpack(row["positions"]), count),
                    "time": _spread(unpack(row["times"]), count),
                    "instance": row["instance"],
                    "acquired": row["acquired"],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    return values if len(values) == count else np.full(count, values[0] if len(values) else np.nan)


def normal_of(orientation: str) -> np.ndarray:
    """Return the unit normal of a plane, (3,); zeros where the orientation is unknown."""
    numbers = unpack(orientation)
    if len(numbers) != 6 or np.isnan(numbers).any():
        return np.zeros(3)
    normal = np.cross(numbers[:3], numbers[3:])
    length = np.linalg.norm(normal)
    return normal / length if length > 0 else np.zeros(3)


def find_slices(files: pd.DataFrame) -> list[Slice]:
    """Divide a series into slices, from base to apex or by position, each in the order of time.

    A slice is what lies at one position (within half a millimetre). Where positions are unknown, images are
    divided by CardiacNumberOfImages in the order of their instance numbers, or else make one slice. Time is
    the trigger time or temporal position; where frames share one, or have none, acquisition and instance
    number decide.
    """
    frames = list_frames(files)
    normal = normal_of(files["orientation"].iloc[0])
    if frames["position"].isna().any():
        frames["slice"] = _by_number(frames, int(files["phases"].max()))
    else:
        frames = frames.sort_values("position", kind="stable")
        frames["slice"] = (frames["position"].diff().fillna(0) > SAME_PLACE).cumsum()
    order = ["time", "acquired", "instance", "index"]
    slices = [_make(part.sort_values(order, kind="stable"), normal) for _, part in frames.groupby("slice")]
    return slices[::-1] if float(normal @ TO_APEX) < -LEAST_ALONG else slices


def tells_apex(normal: tuple[float, float, float]) -> bool:
    """Return whether an order along this normal is one from base to apex."""
    return abs(float(np.array(normal) @ TO_APEX)) > LEAST_ALONG


def _by_number(frames: pd.DataFrame, phases: int) -> pd.Series:
    """Return a slice's number for each frame, from the order of the instance numbers."""
    order = frames.sort_values(["instance", "file", "index"], kind="stable").index
    per_slice = phases if phases and len(frames) % phases == 0 else len(frames)
    return pd.Series(np.arange(len(frames)) // per_slice, index=order)


def _make(frames: pd.DataFrame, normal: np.ndarray) -> Slice:
    steps = np.diff(frames["time"].to_numpy(np.float64))
    usable = steps[np.isfinite(steps) & (steps > 1)]
    return Slice(
        files=tuple(frames["file"]),
        indices=tuple(int(index) for index in frames["index"]),
        position=float(frames["position"].median()),
        normal=(float(normal[0]), float(normal[1]), float(normal[2])),
        frame_time=float(np.median(usable)) if len(usable) else float("nan"),
    )
