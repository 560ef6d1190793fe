"""Augmentation on the device, for a batch at once; the same for every frame of a clip (Methods).

What is drawn is separate from how it is applied: the draws are a few numbers per clip from a NumPy generator,
so that they are the same on every device.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cineclr.config import Augmentation


@dataclass(frozen=True)
class Draws:
    """One draw per clip: how far its content moves, whether it is flipped, by what angle it turns."""

    down: np.ndarray  # (B,) pixels, negative is up
    right: np.ndarray  # (B,) pixels, negative is left
    flip: np.ndarray  # (B,) bool
    degrees: np.ndarray  # (B,) anticlockwise; 0 is no rotation

    def part(self, rows: np.ndarray) -> "Draws":
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
    """Shift, flip, then rotate float clips (B, T, H, W); what comes from outside the frame is 0."""
    moved = _shift_and_flip(clips, draws)
    turned = np.flatnonzero(draws.degrees)
    if len(turned):
        rows = torch.from_numpy(turned).to(clips.device, non_blocking=True)
        moved[rows] = _rotate(moved[rows], draws.degrees[turned])
    return moved


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
    return moved * mask


def _rotate(clips: Tensor, degrees: np.ndarray) -> Tensor:
    """Rotate each clip (B, T, H, W) about its centre, bilinear; frames are grid_sample's channels."""
    height, width = clips.shape[-2:]
    radians = np.deg2rad(degrees)
    cosine, sine, zero = np.cos(radians), np.sin(radians), np.zeros_like(radians)
    # From output to source coordinates in units of half the frame, hence the ratios of the sides.
    rows = ((cosine, -sine * height / width, zero), (sine * width / height, cosine, zero))
    matrix = torch.tensor(np.array(rows), dtype=clips.dtype).permute(2, 0, 1).to(clips.device)  # (B, 2, 3)
    grid = functional.affine_grid(matrix, list(clips.shape), align_corners=False)
    return functional.grid_sample(clips, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
