import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import own
from pipeline.pixels.images import SIDE

NONE = np.zeros((50, 50), bool)


def picture(rows: slice, columns: slice, paper: int = 0, ink: int = 200) -> np.ndarray:
    grey = np.full((50, 50), paper)
    grey[rows, columns] = ink
    return grey


@pytest.mark.parametrize(("paper", "ink"), [(0, 200), (255, 55)])
def test_ink_fills_the_box_and_its_mass_is_in_the_centre(paper, ink):
    made, missing = own.like_mnist(picture(slice(3, 43), slice(30, 38), paper, ink), NONE)
    expected = np.zeros((SIDE, SIDE))
    expected[4:24, 12:16] = 200
    assert_array_equal(made, expected)
    assert not missing.any()


def test_the_mass_decides_where_the_centre_is():
    grey = picture(slice(10, 30), slice(10, 30), ink=1)
    grey[10:12, 10:30] = 250
    made, _ = own.like_mnist(grey, NONE)
    # The box of 20 would go down by more than the 4 pixels that there are.
    assert_array_equal(np.flatnonzero(made.any(axis=1)), np.arange(8, 28))
    assert_array_equal(np.flatnonzero(made.any(axis=0)), np.arange(4, 24))


def test_a_picture_of_the_right_size_is_taken_as_it_is(rng):
    grey, missing = rng.integers(0, 256, (SIDE, SIDE)), rng.random((SIDE, SIDE)) < 0.1
    made, lost = own.like_mnist(grey, missing)
    assert_array_equal(made, np.where(missing, 0, grey))
    assert_array_equal(lost, missing)


@pytest.mark.parametrize(("size", "target"), [(5, 5), (7, 3), (3, 7), (40, 20)])
def test_areas_are_shared_out(size, target):
    shares = own._shares(size, target)
    assert_allclose(shares.sum(axis=1), 1)
    assert_allclose(shares.sum(axis=0), target / size)


def test_an_empty_picture_is_refused():
    with pytest.raises(ValueError, match="got an empty picture"):
        own.like_mnist(np.zeros((50, 50)), NONE)
