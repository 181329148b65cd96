"""The eight pixels around a missing one, and the fill that most of them suggest.

The eight surrounding pixels are numbered in raster order. A neighbour is unknown if it is
missing itself or outside the image.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from pipeline.pixels.images import SIDE

_ROWS, _COLUMNS = np.array(
    [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]
).T


def surroundings(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> tuple[Bool[np.ndarray, "N missing 8"], UInt8[np.ndarray, "N missing 8"]]:
    """Whether each neighbour of each missing pixel is known, and its value (else 0)."""
    row = missing[..., None] // SIDE + _ROWS
    column = missing[..., None] % SIDE + _COLUMNS
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    where = np.where(inside, SIDE * row + column, 0)
    is_missing = (where[..., None] == missing[:, None, None]).any(axis=-1)
    known = inside & ~is_missing
    values = np.take_along_axis(images, where.reshape(len(images), -1), axis=1)
    return known, np.where(known, values.reshape(where.shape), 0).astype(np.uint8)


def majority_fill(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> UInt8[np.ndarray, "N missing"]:
    """Each missing pixel as most of its known neighbours; paper in a tie."""
    known, values = surroundings(images, missing)
    return (2 * values.sum(axis=-1) > known.sum(axis=-1)).astype(np.uint8)
