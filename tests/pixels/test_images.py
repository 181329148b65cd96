import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import images


def level(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 2, 2), value, np.uint8)


@pytest.mark.parametrize(
    ("threshold", "off"),
    # The greatest level that is still off: 255 * 0.2 and the like are whole numbers,
    # and a level on the threshold is not above it.
    [(0.0, 0), (0.1, 25), (0.2, 51), (0.4, 102), (0.5, 127), (0.6, 153), (0.8, 204)],
)
def test_threshold_is_strict(threshold, off):
    assert_array_equal(images.binarise_threshold(level(off), threshold), [[0] * 4])
    assert_array_equal(images.binarise_threshold(level(off + 1), threshold), [[1] * 4])


def test_binary_images_are_in_raster_order():
    grey = np.array([[[0, 255, 0], [255, 255, 0]]], np.uint8)
    expected = [[0, 1, 0, 1, 1, 0]]
    assert_array_equal(images.binarise_threshold(grey, 0.1), expected)
    rng = np.random.default_rng(0)
    assert_array_equal(images.binarise_stochastic(grey, rng), expected)


@pytest.mark.parametrize("grey", [0, 1, 25, 128, 254, 255])
def test_stochastic_pixels_have_the_frequency_of_their_grey(grey):
    count = 10_000
    drawn = images.binarise_stochastic(level(grey, count), np.random.default_rng(grey))
    p = grey / 255
    # Five standard errors; none at all for black and white.
    error = 5 * np.sqrt(p * (1 - p) / drawn.size)
    assert_allclose(drawn.mean(), p, rtol=0, atol=error)
    assert set(drawn.ravel().tolist()) <= {0, 1}


def test_stochastic_pixels_are_independent():
    drawn = images.binarise_stochastic(level(128, 10_000), np.random.default_rng(0))
    correlation = np.corrcoef(drawn.T)[np.triu_indices(4, 1)]
    # Five standard errors of a correlation of independent pixels.
    assert np.abs(correlation).max() < 5 / np.sqrt(10_000)


def test_resize_keeps_constants_and_its_own_size(rng):
    for value in (0, 77, 255):
        grey = np.full((1, 8, 8), value, np.uint8)
        assert_array_equal(images.resize(grey, 28), np.full((1, 28, 28), value))
    grey = rng.integers(0, 256, (2, 28, 28), dtype=np.uint8)
    assert_array_equal(images.resize(grey, 28), grey)


def test_resize_by_hand():
    # New centres stand at -1/4, 1/4, 3/4, 5/4 of the old ones at 0 and 1.
    grey = np.array([[[0, 100], [0, 100]]], np.uint8)
    columns = np.tile([0, 25, 75, 100], (4, 1))
    assert_array_equal(images.resize(grey, 4), columns[None])
    assert_array_equal(images.resize(grey.transpose(0, 2, 1), 4), columns.T[None])
