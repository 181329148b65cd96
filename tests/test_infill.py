from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import completions, infill, prediction, scores

PIXELS = 8

# Sums of up to eight float32 log probabilities of order one.
FLOAT32: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}

# Slow loops; the network does not change between examples.
few = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])

# By number of missing pixels: four images each, the first pixel, the last, adjacent and
# scattered ones; all different within a call.
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


def masks(most: int) -> st.SearchStrategy[list[int]]:
    return st.sets(st.integers(0, PIXELS - 1), min_size=1, max_size=most).map(sorted)


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
def test_scores_do_not_depend_on_how_many_states_go_together(
    make_network, rng, monkeypatch, rows
):
    model = make_network("stack")
    images, missing = draw(rng, 4), places(2)
    together = infill.score_completions(model, images, missing)
    free, uniform = rng.random((4, 2, PIXELS)) < 0.5, rng.random((4, 2, PIXELS), np.float32)
    generated = infill.generate(model, np.stack([images] * 2, 1), free, uniform)
    monkeypatch.setattr(infill, "ROWS", rows)
    apart = infill.score_completions(model, images, missing)
    assert_allclose(apart.log_joint, together.log_joint, **FLOAT32)
    assert_allclose(apart.log_given_past, together.log_given_past, **FLOAT32)
    values, nats = infill.generate(model, np.stack([images] * 2, 1), free, uniform)
    assert_array_equal(values, generated[0])
    assert_allclose(nats, generated[1], **FLOAT32)


def test_values_at_missing_pixels_are_not_looked_at(pixel_network, rng):
    images, missing = draw(rng, 4), places(3)
    other = completions.fill(images, missing, 7 - completions.of_images(images, missing))
    assert (np.take_along_axis(images != other, missing, 1)).all()
    for one, two in zip(
        infill.score_completions(pixel_network, images, missing),
        infill.score_completions(pixel_network, other, missing),
    ):
        assert_array_equal(one, two)
    uniform = rng.random((4, 5, PIXELS), np.float32)
    assert_array_equal(
        infill.greedy_fill(pixel_network, images, missing),
        infill.greedy_fill(pixel_network, other, missing),
    )
    assert_array_equal(
        infill.sampled_fill(pixel_network, images, missing, uniform),
        infill.sampled_fill(pixel_network, other, missing, uniform),
    )


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


def test_nothing_follows_the_last_pixel(pixel_network, rng):
    last = np.full((3, 1), PIXELS - 1)
    found = infill.score_completions(pixel_network, draw(rng, 3), last)
    # What sees the past only then sees all.
    posterior = completions.log_p_given_rest(found.log_joint)
    assert_allclose(posterior, found.log_given_past, **FLOAT32)


@few
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.2, 0.5, 0.8]))
def test_generate_is_what_a_loop_does(pixel_network, seed, share):
    rng = np.random.default_rng(seed)
    images, free = draw(rng, 2, 2), rng.random((2, 2, PIXELS)) < share
    uniform = rng.random((2, 2, PIXELS), np.float32)
    values, nats = infill.generate(pixel_network, images, free, uniform)
    for where in np.ndindex(2, 2):
        expected, expected_nats = reference.generate(
            pixel_network, *(array[where].tolist() for array in (images, free, uniform))
        )
        assert_array_equal(values[where], expected)
        assert_allclose(nats[where], expected_nats, **FLOAT32)


def test_what_continuations_have_in_common_is_read_once(pixel_network, rng, monkeypatch):
    begun, compiled = [], infill._generate(pixel_network)

    def counted(images, free, uniform, start):
        begun.append(int(start))
        return compiled(images, free, uniform, start)

    monkeypatch.setattr(infill, "_generate", lambda model: counted)
    images = np.repeat(draw(rng, 2, 1), 3, axis=1)
    free = np.zeros(images.shape, bool)
    images[0, 2, 3] ^= 1
    free[1, 1, 5] = True
    infill.generate(pixel_network, images, free, np.full(images.shape, 0.5, np.float32))
    # Of two images each of two threads has one.
    assert sorted(begun) == [3, 5]


def test_generating_nothing_is_teacher_forcing(pixel_network, rng):
    images = draw(rng, 3, 2)
    nowhere = np.zeros(images.shape, bool)
    uniform = np.zeros(images.shape, np.float32)  # would make every free pixel ink
    values, nats = infill.generate(pixel_network, images, nowhere, uniform)
    assert_array_equal(values, images)
    flat = images.reshape(-1, PIXELS)
    expected = scores.nats(prediction.log_p_next(pixel_network, flat), flat)
    assert_allclose(nats, expected.reshape(images.shape), **FLOAT32)


def test_generating_everything_at_one_half_is_the_argmax_rollout(pixel_network, rng):
    images = draw(rng, 3, 1)
    everywhere = np.ones(images.shape, bool)
    half = np.full(images.shape, 0.5, np.float32)
    values, _ = infill.generate(pixel_network, images, everywhere, half)
    assert (values == values[:1]).all()  # nothing of the images is read
    first = reference.logits(pixel_network, [0])[0, 0] > 0
    assert values[0, 0, 0] == first
    [(pixels, _)] = prediction.rollout([pixel_network], values[:, 0, :1], half[..., 1:])
    assert_array_equal(values[..., 1:], pixels)


@few
@given(seed=st.integers(0, 1000), missing=masks(3))
def test_greedy_fill_is_what_a_loop_finds(pixel_network, seed, missing):
    images = draw(np.random.default_rng(seed), 3)
    found = infill.greedy_fill(pixel_network, images, np.tile(missing, (3, 1)))
    expected = [
        reference.greedy_fill(pixel_network, row, missing) for row in images.tolist()
    ]
    assert_array_equal(found, expected)


@few
@given(seed=st.integers(0, 1000), missing=masks(2))
def test_sampled_fill_is_what_a_loop_finds(pixel_network, seed, missing):
    rng = np.random.default_rng(seed)
    images, uniform = draw(rng, 2), rng.random((2, 6, PIXELS), np.float32)
    places = np.tile(missing, (2, 1))
    found = infill.sampled_fill(pixel_network, images, places, uniform)
    expected = [
        reference.sampled_fill(pixel_network, image, missing, rows)
        for image, rows in zip(images.tolist(), uniform)
    ]
    assert_array_equal(found, expected)


def test_fills_of_images_with_different_missing_pixels(make_network, rng):
    model = make_network("lstm", seed=3)
    images, missing = draw(rng, 4), places(2)
    uniform = rng.random((4, 6, PIXELS), np.float32)
    rows = list(zip(images.tolist(), missing.tolist(), uniform))
    assert_array_equal(
        infill.greedy_fill(model, images, missing),
        [reference.greedy_fill(model, image, pixels) for image, pixels, _ in rows],
    )
    assert_array_equal(
        infill.sampled_fill(model, images, missing, uniform),
        [reference.sampled_fill(model, *row) for row in rows],
    )


def test_without_a_future_greedy_chooses_paper(pixel_network, rng):
    missing = np.tile([2, PIXELS - 1], (5, 1))
    assert_array_equal(infill.greedy_fill(pixel_network, draw(rng, 5), missing), [0] * 5)


def test_values_that_are_never_drawn_cannot_be_chosen(pixel_network, rng):
    images, missing = draw(rng, 4), places(3)
    uniform = rng.random((4, 6, PIXELS), np.float32)
    # p > 0 always, p > 1 never: only ink is drawn, then only paper, then one of each.
    for numbers, only in (((0, 0, 0), 0b111), ((1, 1, 1), 0b000), ((1, 0, 1), 0b010)):
        threshold = np.array(numbers, np.float32)
        np.put_along_axis(
            uniform, missing[:, None], np.broadcast_to(threshold, (4, 6, 3)), 2
        )
        found = infill.sampled_fill(pixel_network, images, missing, uniform)
        assert_array_equal(found, [only] * 4)
