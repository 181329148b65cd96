import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.pixels import neighbours
from pipeline.pixels.images import PIXELS, SIDE

# Row and column of the eight neighbours in raster order.
OFFSETS = [(r, c) for r, c in itertools.product((-1, 0, 1), repeat=2) if (r, c) != (0, 0)]

# Patches in every corner, at the edges, and inside; all of 2 x 2.
CORNERS = [0, 26, 13, 28 * 13, 28 * 13 + 26, 28 * 26, 28 * 26 + 13, 28 * 26 + 26, 290]


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Nine images, from nearly no ink to nearly all."""
    density = np.linspace(0.1, 0.9, 9)[:, None]
    return (rng.random((9, PIXELS)) < density).astype(np.uint8)


@pytest.fixture
def missing() -> np.ndarray:
    return np.array([[c, c + 1, c + SIDE, c + SIDE + 1] for c in CORNERS])


def around(image: list[int], missing: list[int], pixel: int) -> list[int | None]:
    """The eight neighbours, one by one; None where unknown."""
    row, column = divmod(pixel, SIDE)
    values: list[int | None] = []
    for down, right in OFFSETS:
        r, c = row + down, column + right
        inside = 0 <= r < SIDE and 0 <= c < SIDE
        values.append(image[SIDE * r + c] if inside and SIDE * r + c not in missing else None)
    return values


def test_surroundings_are_what_a_loop_finds(images, missing):
    known, values = neighbours.surroundings(images, missing)
    for row, (image, pixels) in enumerate(zip(images.tolist(), missing.tolist())):
        for place, pixel in enumerate(pixels):
            expected = around(image, pixels, pixel)
            assert_array_equal(known[row, place], [value is not None for value in expected])
            assert_array_equal(values[row, place], [value or 0 for value in expected])


def test_majority_is_what_a_loop_finds(images, missing):
    found = neighbours.majority_fill(images, missing)
    ties = 0
    for filled, image, pixels in zip(found, images.tolist(), missing.tolist()):
        for value, pixel in zip(filled, pixels):
            known = [near for near in around(image, pixels, pixel) if near is not None]
            # Of those that are known; paper in a tie.
            assert value == (sum(known) > len(known) / 2)
            ties += 2 * sum(known) == len(known)
    assert ties
