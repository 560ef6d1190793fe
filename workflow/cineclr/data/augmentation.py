"""Augmentation on the device, for a batch at once; the same for every frame of a clip (Methods).

What is drawn is separate from how it is applied: the draws are a few numbers per clip from a NumPy generator,
so that they are the same on every device.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cineclr.config.echo import Augmentation
from cineclr.data.memory import allocate

CPU_PIXELS = 400_000  # of a batch, augmented at once on a CPU


@dataclass(frozen=True)
class Draws:
    """One draw per clip: how far its content moves, whether it is flipped, by what angle it turns."""

    down: np.ndarray  # (B,) pixels, negative is up
    right: np.ndarray  # (B,) pixels, negative is left
    flip: np.ndarray  # (B,) bool
    degrees: np.ndarray  # (B,) anticlockwise; 0 is no rotation

    def part(self, rows: np.ndarray | slice) -> "Draws":
        """Return the draws of some of the clips."""
        return Draws(self.down[rows], self.right[rows], self.flip[rows], self.degrees[rows])


def draw_augmentation(settings: Augmentation, clips: int, rng: np.random.Generator) -> Draws:
    """Draw for each clip a crop of the zero-padded frame and, by their probabilities, a flip and a turn."""
    shifts = rng.integers(-settings.pad, settings.pad + 1, size=(2, clips))
    flip = rng.random(clips) < settings.flip_probability
    rotate = rng.random(clips) < settings.rotation_probability
    degrees = rng.uniform(-settings.rotation_degrees, settings.rotation_degrees, clips)
    return Draws(shifts[0], shifts[1], flip, np.where(rotate, degrees, 0.0))


def augment(clips: Tensor, draws: Draws) -> Tensor:
    """Shift, flip, then rotate clips, uint8 (B, T, H, W) -> float32 in 0 to 1; what lies outside is 0.

    A GPU takes the whole batch at once, a CPU as many clips as stay in its cache.
    """
    augmented = allocate(clips.shape, np.float32, clips.device)
    at_once = max(1, CPU_PIXELS // clips[0].numel()) if clips.device.type == "cpu" else len(clips)
    for start in range(0, len(clips), at_once):
        rows = slice(start, start + at_once)
        part, target = draws.part(rows), augmented[rows]
        # Bytes are moved before they become floats: a quarter of the memory to read and write.
        torch.div(_shift_and_flip(clips[rows], part), 255, out=target)
        turned = np.flatnonzero(part.degrees)
        if len(turned):
            places = torch.from_numpy(turned).to(clips.device, non_blocking=True)
            target[places] = _rotate(target[places], part.degrees[turned])
    return augmented


def _shift_and_flip(clips: Tensor, draws: Draws) -> Tensor:
    """Zero-pad and crop, then mirror: pixels move by whole steps, so this is an exact lookup."""
    height, width = clips.shape[-2:]
    rows = np.arange(height)[None] - draws.down[:, None]  # (B, H): where each row comes from
    columns = np.where(draws.flip[:, None], np.arange(width)[None, ::-1], np.arange(width)[None])
    columns = columns - draws.right[:, None]  # (B, W)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    source = rows.clip(0, height - 1)[:, :, None] * width + columns.clip(0, width - 1)[:, None, :]
    index = torch.from_numpy(source).to(clips.device, non_blocking=True).flatten(1)[:, None]  # (B, 1, H * W)
    mask = torch.from_numpy(inside).to(clips.device, non_blocking=True)[:, None]  # (B, 1, H, W)
    moved = clips.flatten(2).gather(2, index.expand(-1, clips.shape[1], -1)).view_as(clips)
    return moved.mul_(mask)


def _rotate(clips: Tensor, degrees: np.ndarray) -> Tensor:
    """Rotate each float clip (B, T, H, W) about its centre, bilinear; frames are grid_sample's channels."""
    height, width = clips.shape[-2:]
    turn = torch.from_numpy(np.exp(1j * np.deg2rad(degrees))).to(clips.device, torch.complex64)
    cosine, sine = turn.real[:, None, None], turn.imag[:, None, None]
    # Pixel centres in units of half the frame, as grid_sample wants them; hence the ratios of the sides.
    y = ((2 * torch.arange(height, device=clips.device) + 1) / height - 1)[:, None]
    x = (2 * torch.arange(width, device=clips.device) + 1) / width - 1
    source_x = cosine * x - sine * (height / width) * y
    source_y = sine * (width / height) * x + cosine * y
    grid = torch.stack((source_x, source_y), dim=-1)  # (B, H, W, 2)
    return functional.grid_sample(clips, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
