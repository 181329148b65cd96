from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import completions, infill
from tests import reference

PIXELS = 8

# Sums of up to eight float32 log probabilities of order one.
FLOAT32: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}

# Of four images each: the first pixel, the last, adjacent and scattered ones.
MISSING = {
    0: [[], [], [], []],
    1: [[0], [7], [3], [4]],
    2: [[0, 7], [6, 7], [0, 1], [2, 5]],
    3: [[0, 1, 2], [5, 6, 7], [0, 3, 7], [1, 2, 6]],
    4: [[0, 1, 2, 3], [4, 5, 6, 7], [0, 2, 5, 7], [1, 3, 4, 6]],
}


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 2, (*shape, PIXELS), dtype=np.uint8)


def places(count: int) -> np.ndarray:
    return np.array(MISSING[count], int).reshape(4, count)


@pytest.mark.parametrize("count", MISSING)
def test_scores_are_those_of_a_full_pass_for_each_completion(pixel_network, rng, count):
    images, missing = draw(rng, 4), places(count)
    found = infill.score_completions(pixel_network, images, missing)
    for row, (image, pixels) in enumerate(zip(images.tolist(), missing.tolist())):
        joint, past = reference.completion_scores(pixel_network, image, pixels)
        assert_allclose(found.log_joint[row], joint, **FLOAT32)
        assert_allclose(found.log_given_past[row], past, **FLOAT32)
        posterior = completions.log_p_given_rest(found.log_joint[row : row + 1])[0]
        assert_allclose(np.exp(posterior), reference.posterior(joint), **FLOAT32)


@pytest.mark.parametrize("rows", [1, 3])
def test_scores_do_not_depend_on_how_many_states_go_together(make_network, rng, monkeypatch, rows):
    model = make_network("stack")
    images, missing = draw(rng, 4), places(2)
    together = infill.score_completions(model, images, missing)
    monkeypatch.setattr(infill, "ROWS", rows)
    assert_allclose(infill.score_completions(model, images, missing), together, **FLOAT32)


def test_values_at_missing_pixels_are_ignored(pixel_network, rng):
    images, missing = draw(rng, 4), places(3)
    other = completions.fill(images, missing, 7 - completions.completion_of(images, missing))
    assert (np.take_along_axis(images != other, missing, 1)).all()
    one, two = (infill.score_completions(pixel_network, each, missing) for each in (images, other))
    assert_array_equal(one, two)


def test_the_past_alone_is_normalised_and_the_whole_image_is_a_distribution(pixel_network):
    images = np.zeros((1, 6), np.uint8)
    everything = np.arange(6)[None]
    found = infill.score_completions(pixel_network, images, everything)
    # All 64 images of six pixels; without known pixels the past is all there is.
    assert_allclose(np.exp(found.log_joint).sum(), 1, **FLOAT32)
    assert_array_equal(found.log_joint, found.log_given_past)
    # The product of normalised conditionals is normalised whatever lies between them.
    some = infill.score_completions(pixel_network, images, np.array([[0, 2, 3]]))
    assert_allclose(np.exp(some.log_given_past).sum(), 1, **FLOAT32)
    assert np.exp(some.log_joint).sum() < 0.99
