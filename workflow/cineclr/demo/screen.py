"""The scanner's screen around the sector: text, ECG trace, depth ruler, colour box, Doppler strips."""

from dataclasses import dataclass

import cv2
import numpy as np

from cineclr.demo.anatomy import Study
from cineclr.demo.shapes import beat_at
from cineclr.demo.ultrasound import Sector

# Manufacturer, model, ink of the ECG (red, green, blue), whether its region spans trace and ruler too.
VENDORS = (
    ("GE Vingmed Ultrasound", "Vivid E95", (60, 220, 80), False),
    ("Philips Medical Systems", "EPIQ 7C", (90, 190, 230), True),
    ("SIEMENS", "ACUSON SC2000", (230, 200, 70), False),
)
INK = (200, 200, 200)
TOP, BOTTOM = 24, 26  # rows above and below the sector on a screen of 144 rows
RENDERED_ROWS = 240  # taller sectors are drawn at this height and enlarged


@dataclass(frozen=True)
class Region:
    """A rectangle of the screen, ends included, with DICOM's spatial format and data type."""

    x0: int
    y0: int
    x1: int
    y1: int
    format: int = 1
    type: int = 1


@dataclass(frozen=True)
class Layout:
    """Where things are on a screen; `sector` is at its rendered size, `top`, `left` and `zoom` place it."""

    rows: int
    columns: int
    sector: Sector
    zoom: float
    top: int
    left: int
    vendor: int

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the sector on the screen."""
        return round(self.sector.height * self.zoom), round(self.sector.width * self.zoom)

    @property
    def region(self) -> Region:
        """The 2-D region as this vendor announces it."""
        height, width = self.extent
        if VENDORS[self.vendor][3]:
            return Region(2, self.top - 4, self.columns - 2, self.rows - 2)
        return Region(self.left, self.top, self.left + width - 1, self.top + height - 1)


def lay_out(screen: tuple[int, int], vendor: int, half_angle: float, depth: float) -> Layout:
    """Return the layout of a screen (rows, columns) whose sector has this half opening and depth (cm)."""
    rows, columns = screen
    unit = rows / 144
    top = round(TOP * max(1.0, unit))
    height = rows - top - round(BOTTOM * max(1.0, unit))
    rendered = min(height, RENDERED_ROWS)
    sector = Sector(rendered, half_angle, depth)
    zoom = height / rendered
    return Layout(rows, columns, sector, zoom, top, (columns - round(sector.width * zoom)) // 2, vendor)


def compose(clip: np.ndarray, layout: Layout, study: Study, phase: np.ndarray) -> np.ndarray:
    """Return the screen, uint8 (frames, rows, columns, 3) RGB, of a sector clip (frames, height, width).

    `phase` (frames,) is the point of the cardiac cycle, for the ECG's cursor.
    """
    height, width = layout.extent
    frames = np.zeros((len(clip), layout.rows, layout.columns, 3), np.uint8)
    for frame, image in zip(frames, clip, strict=True):
        if layout.zoom != 1:
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        frame[layout.top : layout.top + height, layout.left : layout.left + width] = image[..., None]
    furniture = _furniture(layout, study)
    shown = furniture.any(axis=-1)
    frames[:, shown] = furniture[shown]
    _draw_ecg(frames, layout, phase)
    return frames


def write_text(
    image: np.ndarray, text: str, x: int, y: int, size: float, ink: tuple[int, int, int] = INK
) -> None:
    """Write text with its lower left corner at (x, y); a negative x is from the right.

    `size` 1 is about 9 rows high.
    """
    if x < 0:
        x += image.shape[1] - cv2.getTextSize(text, cv2.FONT_HERSHEY_PLAIN, size, 1)[0][0]
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_PLAIN, size, ink, 1, cv2.LINE_8)


def _furniture(layout: Layout, study: Study) -> np.ndarray:
    """Return the screen's still part: who, when, and the depth ruler."""
    image = np.zeros((layout.rows, layout.columns, 3), np.uint8)
    unit = max(1.0, layout.rows / 144)
    size, line = 0.56 * unit, round(8 * unit)
    who = study.identity
    room = layout.columns // 2 // round(5.2 * unit)
    write_text(image, who.dicom_name[: room + 4], 2, line - 1, size)
    write_text(image, study.date.isoformat(), -2, line - 1, size)
    write_text(image, who.number, 2, 2 * line - 1, size)
    write_text(image, VENDORS[layout.vendor][1], -2, 2 * line - 1, size)
    # inside the region, at least in part, and outside the sector
    corner = max(2, layout.region.x0 - round(13 * unit)), layout.top + line
    write_text(image, who.birth.isoformat(), *corner, size * 0.85)
    _draw_ruler(image, layout)
    return image


def type_over(frames: np.ndarray, layout: Layout, study: Study) -> None:
    """Write the patient's number across the sector of every frame, as somebody at the scanner may do."""
    height, width = layout.extent
    unit, number = max(1.0, layout.rows / 144), study.identity.number
    size = 0.85 * unit
    half = cv2.getTextSize(number, cv2.FONT_HERSHEY_PLAIN, size, 1)[0][0] // 2
    for frame in frames:
        write_text(frame, number, layout.left + width // 2 - half, layout.top + round(0.7 * height), size)


def _draw_ruler(image: np.ndarray, layout: Layout) -> None:
    """Draw a tick per cm of depth beside the sector."""
    x, step = layout.columns - 4, layout.sector.scale * layout.zoom
    for centimetre in range(int(layout.sector.depth) + 1):
        y = round(layout.top + centimetre * step)
        image[y, x - (2 if centimetre % 5 == 0 else 0) : x + 1] = INK


def _draw_ecg(frames: np.ndarray, layout: Layout, phase: np.ndarray) -> None:
    """Draw a trace along the bottom of the screen and its cursor, which moves with the frames."""
    unit = max(1.0, layout.rows / 144)
    x = np.arange(4, layout.columns - 4)
    course = phase[0] + (x - x[0]) / max(1, len(x)) * 2.5
    t = course % 1
    spike = np.exp(-(((t - 0.02) / 0.012) ** 2)) + 0.25 * np.exp(-(((t - 0.3) / 0.05) ** 2))
    spike += 0.12 * np.exp(-(((t - 0.88) / 0.03) ** 2))
    y = np.rint(layout.rows - 3 * unit - 6 * unit * np.clip(spike, 0, 1)).astype(np.int32)
    trace = np.stack([x, y], axis=1)
    ink = VENDORS[layout.vendor][2]
    for k, frame in enumerate(frames):
        cv2.polylines(frame, [trace], False, ink, 1)
        at = int(np.argmin(np.abs(course - phase[k]))) if phase[k] < course[-1] else 0
        frame[y[at] - 1 : y[at] + 2, x[at]] = INK


def colour_box(frames: np.ndarray, layout: Layout, phase: np.ndarray, rng: np.random.Generator) -> Region:
    """Paint a box of colour flow into the sector of every frame; return its region."""
    height, width = layout.extent
    y0 = layout.top + round(height * rng.uniform(0.32, 0.42))
    y1 = layout.top + round(height * rng.uniform(0.68, 0.8))
    x0 = layout.left + round(width * rng.uniform(0.4, 0.46))
    x1 = layout.left + round(width * rng.uniform(0.6, 0.7))
    cells = cv2.resize(rng.standard_normal((9, 9)).astype(np.float32), (x1 - x0, y1 - y0))
    for frame, part in zip(frames, phase, strict=True):
        box = frame[y0:y1, x0:x1]
        flow = cells + 1.6 * np.sin(2 * np.pi * part)
        moving = (box[..., 0] < 70) & (np.abs(flow) > 0.35)
        strength = np.clip(110 + 70 * np.abs(flow), 0, 250).astype(np.uint8)
        towards, away = moving & (flow > 0), moving & (flow <= 0)
        box[towards] = np.stack([strength, strength // 3, np.zeros_like(strength)], -1)[towards]
        box[away] = np.stack([np.zeros_like(strength), strength // 3, strength], -1)[away]
        cv2.rectangle(frame, (x0, y0), (x1, y1), (180, 180, 40), 1)
    return Region(x0, y0, x1, y1, 1, 2)


def strip_screen(
    kind: str, layout: Layout, study: Study, frames: int, rng: np.random.Generator
) -> tuple[np.ndarray, Region]:
    """Return a spectral Doppler or M-mode screen, uint8 (frames, rows, columns, 3), and its region."""
    y0, y1, x0, x1 = layout.top, layout.rows - 12, 4, layout.columns - 6
    screen = np.repeat(_furniture(layout, study)[None], frames, axis=0)
    time = np.linspace(0, 3.2, x1 - x0) + rng.uniform(0, 1)
    height = np.arange(y1 - y0)[:, None] / (y1 - y0)
    beat = beat_at(time)
    if kind == "mmode":
        wall = 0.35 + 0.09 * beat.contraction
        back = 0.75 - 0.1 * beat.contraction
        level = (
            25
            + 130 * np.exp(-(((height - wall) / 0.04) ** 2))
            + 150 * np.exp(-(((height - back) / 0.05) ** 2))
        )
        level += 70 * (height < 0.2) + 40 * (height > 0.85)
    else:
        envelope = 0.3 + 0.6 * beat.aortic * np.sin(np.pi * np.clip((time % 1) / 0.36, 0, 1)) ** 0.5
        level = 15 + 150 * ((height > 0.3) & (height < envelope)) * np.clip((height - 0.2) * 1.6, 0, 1)
        level = np.where(np.abs(height - 0.3) < 0.012, 200, level)
    speckle = rng.gamma(2, 0.5, level.shape)
    image = np.clip(level * speckle, 2, 250).astype(np.uint8)
    for k, frame in enumerate(screen):
        shown = round((x1 - x0) * (0.4 + 0.6 * (k + 1) / frames))
        frame[y0:y1, x0 : x0 + shown] = image[:, :shown, None]
    return screen, Region(x0, y0, x1 - 1, y1 - 1, 2 if kind == "mmode" else 3, 1 if kind == "mmode" else 3)


def report_screen(layout: Layout, study: Study) -> np.ndarray:
    """Return the scanner's report page, uint8 (1, rows, columns, 3)."""
    page = np.full((1, layout.rows, layout.columns, 3), 24, np.uint8)
    who = study.identity
    lines = (f"{who.plain_name}", f"{who.number}  {who.birth.isoformat()}", study.accession,
             f"LVMI {study.mass_index:.0f} g/m2", f"EF {study.ejection_fraction} %")  # fmt: skip
    unit = max(1.0, layout.rows / 144)
    for k, line in enumerate(lines):
        write_text(page[0], line, 4, round((k + 1.5) * 14 * unit), 0.65 * unit)
    return page
