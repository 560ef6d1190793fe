"""What the text gate and a reviewer look at: few pictures of a clip, in which text stands out.

Text that is burned in stands still. Over time speckle falls to black and rises to bright at every place, so
the darkest value of each pixel shows bright text, the brightest value shows dark text, and the range between
them shows text of any grey level: it does not change where all around it does.
"""

import numpy as np

from cineclr.intake.echo.mask import SAMPLED, sample_frames


def draw_pictures(clip: np.ndarray, frames: int) -> np.ndarray:
    """Return projections of a masked clip, uint8 (T, H, W), then `frames` of its frames: uint8 (n, H, W)."""
    sampled = clip[sample_frames(len(clip), SAMPLED)]
    darkest, brightest = sampled.min(axis=0), sampled.max(axis=0)
    middle = [round((k + 0.5) * len(sampled) / frames - 0.5) for k in range(frames)]
    return np.stack([darkest, brightest, brightest - darkest, *sampled[middle]])
