"""Colour Doppler: does the sector hold colour that is not the tint of a grey scale?"""

import cv2
import numpy as np

CHROMA = 24  # levels of Cb or Cr away from the tint: far above what chroma subsampling does to grey
SHARE = 0.005  # of the sector's pixels, in one frame: the rims of coloured marks stay below
BINS = 16  # of brightness
NEUTRAL = 128  # Cb and Cr of grey


def has_colour(frame: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether pixels of an RGB frame (H, W, 3) inside the mask (H, W) are coloured, as blood flow is.

    Scanners may tint the whole grey scale (sepia, blue): then colour is a function of brightness, so each
    pixel is compared with the median colour of the pixels about as bright.
    """
    converted = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2YCrCb)
    if _is_grey(converted, mask):
        return False
    pixels = converted[mask > 0].astype(np.int16)  # (n, 3): Y, Cr, Cb
    brightness = pixels[:, 0] * BINS // 256
    coloured = 0
    for level in range(BINS):
        chroma = pixels[brightness == level, 1:]
        if len(chroma):
            away = np.abs(chroma - np.median(chroma, axis=0)).max(axis=1)
            coloured += int((away > CHROMA).sum())
    return coloured > SHARE * len(pixels)


def _is_grey(frame: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether so few pixels of a YCrCb frame are far from grey that the others cannot be coloured.

    A pixel is coloured only if it is farther than half of CHROMA from grey, or the median of its level is:
    then at least half of that level's pixels are. So at most twice as many as the far ones are coloured.
    """
    least, most = NEUTRAL - CHROMA // 2, NEUTRAL + CHROMA // 2
    near = cv2.inRange(frame, np.array([0, least, least]), np.array([255, most, most]))
    inside = np.count_nonzero(mask)
    far = inside - np.count_nonzero(near & mask)
    return bool(2 * far <= SHARE * inside)
