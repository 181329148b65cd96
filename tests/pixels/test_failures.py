import numpy as np
import pytest

from pipeline.pixels import failures

# The last 300 pixels begin in row 17, column 8.
FIRST = 484


def strip(*rows: int, columns: slice = slice(10, 13)) -> np.ndarray:
    """The unknown pixels of an image with ink in these rows."""
    image = np.zeros((28, 28), np.uint8)
    for row in rows:
        image[row, columns] = 1
    return image.ravel()[FIRST:]


@pytest.mark.parametrize(
    ("truth", "continued", "expected"),
    [
        (strip(17, 18, 19), strip(), "stays empty"),
        (strip(), strip(), "none of these"),
        (strip(17, 18), strip(*range(17, 28)), "runs on to the border"),
        # Two rows more or less are neither.
        (strip(*range(17, 26)), strip(*range(17, 28)), "none of these"),
        (strip(*range(17, 25)), strip(*range(17, 28)), "runs on to the border"),
        # The truth reaches the border too.
        (strip(*range(17, 28)), strip(*range(17, 28)), "none of these"),
        (strip(*range(17, 24)), strip(17, 18, 19, 20), "stops short"),
        (strip(*range(17, 24)), strip(17, 18, 19, 20, 21), "none of these"),
        (strip(18, 20), strip(18, 19, 20, columns=slice(8, 13)), "fills in"),
        (strip(18, 19), strip(18, 19, 20), "none of these"),
        (strip(), strip(18), "fills in"),
    ],
)
def test_rules(truth, continued, expected):
    assert list(failures.kinds(truth[None], continued[None])) == [expected]


def test_every_image_has_one_kind(rng):
    truth, continued = (rng.random((2, 500, 300)) < rng.random((2, 500, 1))).astype(np.uint8)
    assert set(failures.kinds(truth, continued)) <= set(failures.KINDS)
