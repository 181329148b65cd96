import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

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


def test_surroundings_by_hand():
    image = np.zeros((1, PIXELS), np.uint8)
    # Row 5: ink at columns 4 and 6; row 6: at column 5.
    image[0, [5 * SIDE + 4, 5 * SIDE + 6, 6 * SIDE + 5]] = 1
    known, values = neighbours.surroundings(image, np.array([[5 * SIDE + 5]]))
    assert known.all()
    assert_array_equal(values, [[[0, 0, 0, 1, 1, 0, 1, 0]]])
    # A missing neighbour is unknown, and its value is not looked at.
    known, values = neighbours.surroundings(image, np.array([[5 * SIDE + 4, 5 * SIDE + 5]]))
    assert_array_equal(known[0, 0], [1, 1, 1, 1, 0, 1, 1, 1])
    assert_array_equal(known[0, 1], [1, 1, 1, 0, 1, 1, 1, 1])
    assert_array_equal(values[0], [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0, 1, 0]])


@pytest.mark.parametrize(
    ("pixel", "expected"),
    [
        (0, [0, 0, 0, 0, 1, 0, 1, 1]),
        (27, [0, 0, 0, 1, 0, 1, 1, 0]),
        (756, [0, 1, 1, 0, 1, 0, 0, 0]),
        (783, [1, 1, 0, 1, 0, 0, 0, 0]),
        (13, [0, 0, 0, 1, 1, 1, 1, 1]),
        (28 * 13, [0, 1, 1, 0, 1, 0, 1, 1]),
        (28 * 13 + 27, [1, 1, 0, 1, 0, 1, 1, 0]),
    ],
)
def test_nothing_is_known_beyond_the_image(pixel, expected):
    image = np.ones((1, PIXELS), np.uint8)
    known, values = neighbours.surroundings(image, np.array([[pixel]]))
    assert_array_equal(known[0, 0], expected)
    assert_array_equal(values[0, 0], expected)  # all that is there is ink


def test_surroundings_are_what_a_loop_finds(images, missing):
    known, values = neighbours.surroundings(images, missing)
    for row, (image, pixels) in enumerate(zip(images.tolist(), missing.tolist())):
        for place, pixel in enumerate(pixels):
            expected = around(image, pixels, pixel)
            assert_array_equal(known[row, place], [value is not None for value in expected])
            assert_array_equal(values[row, place], [value or 0 for value in expected])


@pytest.mark.parametrize(("ink", "expected"), [(3, 0), (4, 0), (5, 1), (8, 1)])
def test_majority_of_eight_is_more_than_four(ink, expected):
    image = np.zeros((1, PIXELS), np.uint8)
    row, column = 10, 12
    for down, right in OFFSETS[:ink]:
        image[0, SIDE * (row + down) + column + right] = 1
    found = neighbours.majority_fill(image, np.array([[SIDE * row + column]]))
    assert_array_equal(found, [[expected]])


@pytest.mark.parametrize(("ink", "expected"), [([1], 0), ([1, 28], 1), ([1, 28, 29], 1)])
def test_majority_counts_known_neighbours_only(ink, expected):
    # Pixel 0 has three neighbours.
    image = np.zeros((1, PIXELS), np.uint8)
    image[0, ink] = 1
    assert_array_equal(neighbours.majority_fill(image, np.array([[0]])), [[expected]])
    # Without pixel 29 it has two, of which one is a tie.
    found = neighbours.majority_fill(image, np.array([[0, 29]]))
    assert found[0, 0] == (ink != [1])


def test_count_patterns_is_what_a_loop_counts(images):
    expected = np.zeros((2,) * 9, int)
    for image in images.tolist():
        for row in range(1, SIDE - 1):
            for column in range(1, SIDE - 1):
                pixel = SIDE * row + column
                expected[*around(image, [], pixel), image[pixel]] += 1
    assert_array_equal(neighbours.count_patterns(images), expected)


def test_lookup_is_the_share_of_matching_training_pixels(images, missing, rng):
    train = (rng.random((3, PIXELS)) < 0.6).astype(np.uint8)
    examples = [
        (around(image, [], SIDE * row + column), image[SIDE * row + column])
        for image in train.tolist()
        for row in range(1, SIDE - 1)
        for column in range(1, SIDE - 1)
    ]
    counts = neighbours.count_patterns(train)
    log_p = neighbours.lookup_log_p(counts, images, missing)
    for row, (image, pixels) in enumerate(zip(images.tolist(), missing.tolist())):
        for place, pixel in enumerate(pixels):
            known = around(image, pixels, pixel)
            values = [
                value
                for pattern, value in examples
                if all(b is None or a == b for a, b in zip(pattern, known))
            ]
            p = (sum(values) + 1) / (len(values) + 2)
            assert_allclose(np.exp(log_p[row, place]), [1 - p, p], rtol=1e-12)


def test_lookup_sums_to_one_and_knows_nothing_of_what_it_never_saw(images, missing):
    # Blank training images: every pattern with ink is new.
    counts = neighbours.count_patterns(np.zeros((2, PIXELS), np.uint8))
    log_p = neighbours.lookup_log_p(counts, images, missing)
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, rtol=1e-12)
    _, values = neighbours.surroundings(images, missing)
    new = values.any(axis=-1)
    assert 0 < new.sum() < new.size
    assert_allclose(np.exp(log_p[new]), 0.5, rtol=1e-12)
    seen = 2 * (SIDE - 2) ** 2
    expected = np.array([[seen + 1, 1]]) / (seen + 2)
    assert_allclose(np.exp(log_p[~new]), np.tile(expected, (len(log_p[~new]), 1)))
