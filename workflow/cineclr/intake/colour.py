"""Colour Doppler: does the sector hold colour that is not the tint of a grey scale?"""

import cv2
import numpy as np

CHROMA = 24  # levels of Cb or Cr away from the tint: far above what chroma subsampling does to grey
SHARE = 0.005  # of the sector's pixels, in one frame: the rims of coloured marks stay below
BINS = 16  # of brightness
STEP = 2  # every second row and column tells as much


def has_colour(frame: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether pixels of an RGB frame (H, W, 3) inside the mask (H, W) are coloured, as blood flow is.

    Scanners may tint the whole grey scale (sepia, blue): then colour is a function of brightness, so each
    pixel is compared with the median colour of the pixels about as bright.
    """
    every = np.s_[::STEP, ::STEP]
    converted = cv2.cvtColor(np.ascontiguousarray(frame[every]), cv2.COLOR_RGB2YCrCb)
    pixels = converted[mask[every] > 0].astype(np.int16)  # (n, 3): Y, Cr, Cb
    brightness = pixels[:, 0] * BINS // 256
    coloured = 0
    for level in range(BINS):
        chroma = pixels[brightness == level, 1:]
        if len(chroma):
            away = np.abs(chroma - np.median(chroma, axis=0)).max(axis=1)
            coloured += int((away > CHROMA).sum())
    return coloured > SHARE * len(pixels)
