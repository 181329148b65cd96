import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import scores
from pipeline.pixels import completions

PIXELS = 10


def test_bit_b_of_a_completion_is_missing_pixel_b():
    assert_array_equal(completions.values(0), np.zeros((1, 0)))
    assert_array_equal(completions.values(1), [[0], [1]])
    assert_array_equal(completions.values(2), [[0, 0], [1, 0], [0, 1], [1, 1]])
    assert_array_equal(completions.values(4)[0b0110], [0, 1, 1, 0])


def test_number_is_the_inverse_of_values():
    # 12 is the most that the command fills.
    for missing in range(13):
        numbers = completions.number(completions.values(missing))
        assert_array_equal(numbers, np.arange(2**missing))


def test_complete_and_fill_by_hand():
    images = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    missing = np.array([[0, 2], [1, 3]])
    expected = [
        [[0, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 0]],
        [[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 1, 1]],
    ]
    assert_array_equal(completions.complete(images, missing), expected)
    assert_array_equal(completions.completion_of(images, missing), [0b01, 0b10])
    filled = completions.fill(images, missing, np.array([0b10, 0b01]))
    assert_array_equal(filled, [[0, 1, 1, 0], [0, 1, 1, 0]])
    assert_array_equal(images, [[1, 1, 0, 0], [0, 0, 1, 1]])  # still as they were


@given(
    missing=st.sets(st.integers(0, PIXELS - 1), max_size=4).map(sorted), seed=st.integers(0, 1000)
)
@example(missing=[], seed=0)
def test_an_image_is_its_own_completion(missing, seed):
    images = np.random.default_rng(seed).integers(0, 2, (3, PIXELS), dtype=np.uint8)
    places = np.tile(np.array(missing, int), (3, 1))
    filled = completions.complete(images, places)
    own = completions.completion_of(images, places)
    assert_array_equal(filled[np.arange(3), own], images)
    assert_array_equal(completions.fill(images, places, own), images)
    # All different, and each the same as the image where nothing is missing.
    assert all(len(np.unique(rows, axis=0)) == 2 ** len(missing) for rows in filled)
    known = np.setdiff1d(np.arange(PIXELS), missing)
    assert (filled[:, :, known] == images[:, None, known]).all()


def test_log_p_given_rest_divides_by_the_sum_over_completions():
    log_joint = np.log([[0.1, 0.2, 0.1], [0.03, 0.01, 0.01]])
    expected = [[0.25, 0.5, 0.25], [0.6, 0.2, 0.2]]
    assert_allclose(np.exp(completions.log_p_given_rest(log_joint)), expected, rtol=1e-12)
    # Two images with a probability far below the smallest double.
    log_p = completions.log_p_given_rest(np.array([[-5001.0, -5000.0]]))
    assert_allclose(np.exp(log_p), [[1 / (1 + np.e), np.e / (1 + np.e)]], rtol=1e-12)


def test_score_fill_by_hand():
    # Four missing pixels: all right, two of them wrong, three of them wrong.
    fill, truth = np.array([0b0101, 0b1100, 0b0000]), np.array([0b0101, 0b1010, 0b0111])
    table = completions.score_fill(fill, truth, 4)
    expected = {
        "fill_accuracy": 1 / 3,
        **{f"fill_{end}": scores.share(1, 3)[end] for end in ("low", "high")},
        # 1, 1/2 and 1/4, of mean 7/12; squared deviations 25/144 + 1/144 + 16/144.
        "pixel_accuracy": 7 / 12,
        "pixel_accuracy_se": np.sqrt(42 / 144 / 2 / 3),
    }
    assert table == pytest.approx(expected, rel=1e-12)


def test_score_posterior_by_hand(rng):
    p = np.array([[0.1, 0.6, 0.1, 0.2], [0.7, 0.1, 0.2, 0.0]])
    with np.errstate(divide="ignore"):
        table = completions.score_posterior(np.log(p), np.array([1, 2]), 2, rng)
    first, second = 0.01 + 0.16 + 0.01 + 0.04, 0.49 + 0.01 + 0.64
    expected = {
        # The standard error of a mean of two is half their distance.
        "nats": -np.log(0.6 * 0.2) / 2,
        "nats_se": np.log(0.6 / 0.2) / 2,
        "brier": (first + second) / 2,
        "brier_se": (second - first) / 2,
        # Both forecasts in the upper of two bins: |mean of 0.6 and 0.7 - 1 / 2|.
        "ece": 0.65 - 0.5,
    }
    # Such a forecaster gets none, one or both right: |1.3 - 0, 1, 2| / 2, with 0.4 0.3, ...
    none, both = 0.4 * 0.3, 0.6 * 0.7
    null = 0.65 * none + 0.15 * (1 - none - both) + 0.35 * both
    # 200 draws: four standard errors of their means.
    assert table.pop("ece_calibrated") == pytest.approx(null, abs=0.05)
    assert table.pop("ece_p") == 1  # none is smaller
    assert table == pytest.approx(expected, rel=1e-12)
