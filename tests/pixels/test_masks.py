from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import masks
from pipeline.pixels.images import PIXELS, SIDE

# The corners of the image and their neighbours along the edge.
ENDS = [0, 1, 26, 27, 28, 55, 728, 755, 756, 757, 782, 783]
CENTRE = (10, 13)


def draw(images: np.ndarray, kind: str, side: int) -> np.ndarray:
    return masks.draw(np.random.default_rng(0), images, kind, side, CENTRE)


def dots(*ink: int) -> np.ndarray:
    """One image with these pixels on."""
    image = np.zeros((1, PIXELS), np.uint8)
    image[:, list(ink)] = 1
    return image


def surroundings(corner: int, side: int) -> set[int]:
    """The pixels of a patch and those that share an edge with them, one by one."""
    found = set()
    for down, right in product(range(-1, side + 1), repeat=2):
        row, column = corner // SIDE + down, corner % SIDE + right
        outside = (down not in range(side)) + (right not in range(side))
        if outside < 2 and 0 <= row < SIDE and 0 <= column < SIDE:
            found.add(SIDE * row + column)
    return found


def test_patch_by_hand():
    assert_array_equal(masks.patch(np.array([30, 783]), 1), [[30], [783]])
    assert_array_equal(masks.patch(np.array([0, 754]), 2), [[0, 1, 28, 29], [754, 755, 782, 783]])
    expected = [[5, 6, 7, 33, 34, 35, 61, 62, 63]]
    assert_array_equal(masks.patch(np.array([5]), 3), expected)


def test_corners_by_hand():
    assert_array_equal(masks.corners(1), np.arange(PIXELS))
    # The last row and column begin no patch of two.
    expected = [28 * row + column for row in range(27) for column in range(27)]
    assert_array_equal(masks.corners(2), expected)
    # Rows and columns 10 to 12: two places for a patch of two, one for one of three.
    assert_array_equal(masks.corners(2, 10, 12), [290, 291, 318, 319])
    assert_array_equal(masks.corners(3, 10, 12), [290])


@given(
    side=st.integers(1, 3),
    changed=st.sets(st.sampled_from(ENDS) | st.integers(0, PIXELS - 1), max_size=12),
    background=st.sampled_from([0, 1]),
)
def test_touches_boundary_is_what_a_loop_finds(side, changed, background):
    image = dots(*changed) ^ np.uint8(background)
    values = image[0].tolist()
    expected = [
        len({values[pixel] for pixel in surroundings(corner, side)}) == 2
        for corner in masks.corners(side).tolist()
    ]
    assert_array_equal(masks.touches_boundary(image, side), [expected])


@pytest.mark.parametrize("kind", masks.KINDS)
@pytest.mark.parametrize("side", [1, 2])
def test_every_allowed_place_is_drawn_alike(kind, side):
    # Ink in the corner and inside: a boundary has few places, at the edge and elsewhere.
    image = dots(0, 12 * SIDE + 12)
    places = masks.corners(side, *CENTRE) if kind == "centre" else masks.corners(side)
    if kind == "boundary":
        places = places[masks.touches_boundary(image, side)[0]]
    each = 20 if kind == "uniform" else 500
    drawn = draw(np.repeat(image, each * len(places), axis=0), kind, side)
    assert_array_equal(drawn, masks.patch(drawn[:, 0], side))
    found, count = np.unique(drawn[:, 0], return_counts=True)
    assert_array_equal(found, places)
    # Pearson's statistic: its mean is the degrees of freedom, its variance twice that.
    statistic = ((count - each) ** 2 / each).sum()
    freedom = len(places) - 1
    assert_allclose(statistic, freedom, rtol=0, atol=5 * np.sqrt(2 * freedom))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_boundary_patches_touch_ink_and_paper_in_every_image(rng, side):
    # From a few pixels of ink to a few of paper, so that places are rare and differ.
    density = np.linspace(0.003, 0.997, 300)[:, None]
    images = (rng.random((300, PIXELS)) < density).astype(np.uint8)
    for image, missing in zip(images, draw(images, "boundary", side)):
        assert set(image[sorted(surroundings(missing[0], side))]) == {0, 1}


@pytest.mark.parametrize("blank", [0, 1])
def test_an_image_without_boundary_is_an_error(blank):
    images = np.concatenate([dots(400), np.full((1, PIXELS), blank, np.uint8)])
    with pytest.raises(ValueError, match=r"^images: .* image 1 has one of them .*$") as info:
        draw(images, "boundary", 2)
    assert "\n" not in str(info.value)
    # It has places of the other kinds.
    assert draw(images, "uniform", 2).shape == draw(images, "centre", 2).shape == (2, 4)


def test_mark_changes_the_missing_and_nothing_else():
    binary = np.array([[0, 1, 1, 0], [1, 1, 0, 0]], np.uint8)
    masked = masks.mark(binary, np.array([[0, 1], [2, 3]]))
    assert_array_equal(masked, [[-1, -1, 1, 0], [1, 1, -1, -1]])
    assert masked.dtype == np.int8
    assert_array_equal(binary, [[0, 1, 1, 0], [1, 1, 0, 0]])  # still as they were
