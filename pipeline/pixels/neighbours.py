"""Fills from the surrounding pixels, without a network, which in-painting has to beat.

The eight surrounding pixels are numbered in raster order. A neighbour is unknown if it is
missing itself or outside the image.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

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


def count_patterns(
    train: UInt8[np.ndarray, "train pixels"],
) -> Int[np.ndarray, "2 2 2 2 2 2 2 2 2"]:
    """Counts by the values of the eight neighbours, then of the pixel itself.

    They are over all pixels of all images that are not at an edge.
    """
    square = train.reshape(-1, SIDE, SIDE)
    code = np.zeros((len(train), SIDE - 2, SIDE - 2), np.uint16)
    for row, column in zip([*_ROWS, 0], [*_COLUMNS, 0]):
        moved = square[:, 1 + row : SIDE - 1 + row, 1 + column : SIDE - 1 + column]
        code = 2 * code + moved
    return np.bincount(code.ravel(), minlength=2**9).reshape((2,) * 9)


def lookup_log_p(
    counts: Int[np.ndarray, "2 2 2 2 2 2 2 2 2"],
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> Float[np.ndarray, "N missing 2"]:
    """Log probability of both values of each missing pixel, from its known neighbours.

    p(1 | known neighbours) = (n_1 + 1) / (n + 2), where n counts the training pixels whose
    neighbours agree with the known ones, whatever the unknown ones are, and n_1 those of
    them that are on.

    Source: Laplace's rule of succession, Jaynes, Probability Theory, section 6.11.
    """
    known, values = surroundings(images, missing)
    count = np.empty((*missing.shape, 2))
    for mask in np.unique(known.reshape(-1, 8), axis=0):
        unknown = tuple(np.flatnonzero(~mask))
        table = counts.sum(axis=unknown, keepdims=True)
        rows = (known == mask).all(axis=-1)
        count[rows] = table[tuple(values[rows].T)]
    return np.log((count + 1) / (count.sum(axis=-1, keepdims=True) + 2))
