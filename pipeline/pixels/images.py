"""Binary images in raster order: binarisation and resizing.

Pixel (row, column) of a SIDE x SIDE image has the raster index SIDE * row + column.
"""

import numpy as np
from jaxtyping import UInt8

SIDE = 28
PIXELS = SIDE * SIDE


def resize(
    grey: UInt8[np.ndarray, "N rows columns"], side: int
) -> UInt8[np.ndarray, "N side side"]:
    """Square grey images scaled to `side` pixels a side by bilinear interpolation.

    Pixel centres are aligned, and beyond the outermost centres the edge is repeated.
    `scipy.ndimage.zoom` computes the same, but rounds some exact halves the other way.
    """

    def weights(size: int) -> np.ndarray:
        centres = (np.arange(side) + 0.5) * size / side - 0.5
        return np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)

    rows, columns = grey.shape[1:]
    return np.rint(weights(rows) @ grey @ weights(columns).T).astype(np.uint8)


def binarise_threshold(
    grey: UInt8[np.ndarray, "N rows columns"], threshold: float
) -> UInt8[np.ndarray, "N pixels"]:
    """One where grey / 255 > threshold, else zero; raster order."""
    # Integers are compared with 255 * threshold in double precision: dividing first would
    # round, and move grey levels that lie exactly on the threshold.
    return (grey.reshape(len(grey), -1) > 255.0 * threshold).astype(np.uint8)


def binarise_stochastic(
    grey: UInt8[np.ndarray, "N rows columns"], rng: np.random.Generator
) -> UInt8[np.ndarray, "N pixels"]:
    """Each pixel drawn once, one with probability grey / 255; raster order.

    Source: Salakhutdinov and Murray 2008, On the quantitative analysis of deep belief
    networks, section 5.
    """
    flat = grey.reshape(len(grey), -1)
    # An integer below 255 is smaller than `grey` with probability grey / 255 exactly.
    return (rng.integers(0, 255, flat.shape, dtype=np.uint8) < flat).astype(np.uint8)
