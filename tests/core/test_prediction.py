from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import prediction, scores
from tests import reference

# Log probabilities from float32 logits of order one: see test_network.
FLOAT32: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


def draw(model, rng, sequences, steps):
    symbols = max(2, model.output_shape[-1])
    return rng.integers(0, symbols, (sequences, steps), dtype=np.uint8)


def test_log_p_next_matches_the_reference(any_network, rng):
    symbols = draw(any_network, rng, 3, 12)
    log_p = prediction.log_p_next(any_network, symbols)
    expected = [reference.log_p_next(any_network, row.tolist()) for row in symbols]
    assert_allclose(log_p, expected, **FLOAT32)
    # One rounding of each of at most four terms.
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5, 7])
def test_size_of_a_forward_pass_does_not_change_the_result(any_network, rng, rows, monkeypatch):
    symbols = draw(any_network, rng, 5, 8)
    whole = prediction.log_p_next(any_network, symbols)
    monkeypatch.setattr(prediction, "ROWS", rows)
    # Matrix products of other sizes may sum in another order.
    assert_allclose(prediction.log_p_next(any_network, symbols), whole, **FLOAT32)


def test_long_sequences_and_stock_layers_take_smaller_passes(make_network):
    fast, stock = make_network("gru"), make_network("lstm")
    assert prediction._rows(fast, 100) == prediction._rows(fast, 784) == prediction.ROWS
    assert prediction._rows(fast, 7840) == prediction.ROWS // 10
    assert prediction._rows(stock, 784) == prediction.ROWS // 4
    assert prediction._rows(stock, 10**6) == 1


def test_no_sequences_have_no_predictions(any_network, rng):
    none = prediction.log_p_next(any_network, draw(any_network, rng, 0, 12))
    assert none.shape == (0, 12, max(2, any_network.output_shape[-1]))


def test_what_is_predicted_sums_to_the_log_likelihood(any_network, rng):
    symbols = draw(any_network, rng, 3, 12)
    log_p = -scores.nats(prediction.log_p_next(any_network, symbols), symbols).sum(axis=1)
    expected = [reference.log_p(any_network, row.tolist()) for row in symbols]
    assert_allclose(log_p, expected, **FLOAT32)


def test_sequences_of_other_lengths_are_predicted_by_the_same_network(any_network, rng):
    whole = draw(any_network, rng, 2, 9)
    log_p = prediction.log_p_next(any_network, whole)
    for steps in (1, 5):
        # What comes later does not change what was said before.
        shorter = prediction.log_p_next(any_network, whole[:, :steps])
        assert_allclose(shorter, log_p[:, :steps], **FLOAT32)


def test_new_weights_change_what_is_predicted(make_network, rng):
    """The compiled computation is kept for each network; its weights must not be."""
    model = make_network("gru")
    symbols = draw(model, rng, 2, 6)
    prediction.log_p_next(model, symbols)
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    log_p = prediction.log_p_next(model, symbols)
    # Logits of zero: both values are equally likely.
    assert_allclose(log_p, np.log(0.5), **FLOAT32)


def test_hidden_states_are_those_of_the_last_recurrent_layer(any_network, rng):
    symbols = draw(any_network, rng, 3, 9)
    states = prediction.hidden_states(any_network, symbols)
    kinds = [type(layer).__name__ for layer in any_network.layers]
    last = max(place for place, kind in enumerate(kinds) if kind in ("GRU", "LSTM"))
    # To the reference a network that ends there.
    cut = SimpleNamespace(
        input_shape=any_network.input_shape, layers=any_network.layers[: last + 1]
    )
    expected = [reference.logits(cut, row.tolist()) for row in symbols]
    assert states.shape == (3, 9, any_network.layers[last].units)
    assert_allclose(states, expected, **FLOAT32)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.2, 0.5, 0.8]))
def test_generate_is_what_a_loop_does(pixel_network, seed, share):
    rng = np.random.default_rng(seed)
    images, free = draw(pixel_network, rng, 4, 8), rng.random((2, 2, 8)) < share
    images, uniform = images.reshape(2, 2, 8), rng.random((2, 2, 8), np.float32)
    values, nats = prediction.generate(pixel_network, images, free, uniform)
    for where in np.ndindex(2, 2):
        expected, expected_nats = reference.generate(
            pixel_network, *(array[where].tolist() for array in (images, free, uniform))
        )
        assert_array_equal(values[where], expected)
        assert_allclose(nats[where], expected_nats, **FLOAT32)


def test_what_samples_have_in_common_is_read_once(pixel_network, rng, monkeypatch):
    begun, compiled = [], prediction._generate(pixel_network)

    def counted(images, free, uniform, start):
        begun.append(int(start))
        return compiled(images, free, uniform, start)

    monkeypatch.setattr(prediction, "_generate", lambda model: counted)
    monkeypatch.setattr(prediction, "ROWS", 3)  # one image of three samples
    images = np.repeat(draw(pixel_network, rng, 2, 8)[:, None], 3, axis=1)
    free = np.zeros(images.shape, bool)
    images[0, 2, 3] ^= 1
    free[1, 1, 5] = True
    half = np.full(images.shape, 0.5, np.float32)
    prediction.generate(pixel_network, images, free, half)
    assert sorted(begun) == [3, 5]


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_values_do_not_depend_on_how_many_are_generated_together(
    make_network, rng, monkeypatch, rows
):
    model = make_network("stack")
    images = draw(model, rng, 8, 6).reshape(4, 2, 6)
    free, uniform = rng.random((4, 2, 6)) < 0.5, rng.random((4, 2, 6), np.float32)
    together = prediction.generate(model, images, free, uniform)
    monkeypatch.setattr(prediction, "ROWS", rows)
    apart = prediction.generate(model, images, free, uniform)
    assert_array_equal(apart.values, together.values)
    assert_allclose(apart.nats, together.nats, **FLOAT32)


def test_generating_nothing_is_teacher_forcing(pixel_network, rng):
    images = draw(pixel_network, rng, 6, 8)
    nowhere = np.zeros((3, 2, 8), bool)
    uniform = np.zeros((3, 2, 8), np.float32)  # would make every free pixel ink
    values, nats = prediction.generate(pixel_network, images.reshape(3, 2, 8), nowhere, uniform)
    assert_array_equal(values.reshape(6, 8), images)
    expected = scores.nats(prediction.log_p_next(pixel_network, images), images)
    assert_allclose(nats.reshape(6, 8), expected, **FLOAT32)


def test_generating_everything_reads_nothing(pixel_network, rng):
    images = draw(pixel_network, rng, 3, 8)[:, None]
    half = np.full(images.shape, 0.5, np.float32)
    values, _ = prediction.generate(pixel_network, images, half > 0, half)
    assert (values == values[:1]).all()
    assert values[0, 0, 0] == (reference.logits(pixel_network, [0])[0, 0] > 0)
    # From the second pixel on it is the argmax rollout.
    pixels, _ = prediction.rollout(pixel_network, values[:, 0], half[..., 1:])
    assert_array_equal(values[..., 1:], pixels)


@pytest.mark.parametrize("first", [1, 4])
@pytest.mark.parametrize("strategy", ["argmax", "drawn"])
def test_rollout_matches_running_the_whole_prefix_again(pixel_network, rng, first, strategy):
    images = draw(pixel_network, rng, 3, first + 5)
    uniform = rng.random((3, 2, 5), np.float32)
    if strategy == "argmax":
        uniform = np.full_like(uniform, 0.5)
    pixels, nats = prediction.rollout(pixel_network, images, uniform)
    for image, sample in np.ndindex(3, 2):
        known, truth = np.split(images[image], [first])
        expected, expected_nats = reference.rollout(
            pixel_network, known.tolist(), truth.tolist(), uniform[image, sample].tolist()
        )
        assert_array_equal(pixels[image, sample], expected)
        assert_allclose(nats[image, sample], expected_nats, **FLOAT32)


def test_rollout_of_its_own_continuation_is_teacher_forcing(pixel_network, rng):
    images, uniform = draw(pixel_network, rng, 2, 9), rng.random((2, 1, 6), np.float32)
    images[:, 3:] = prediction.rollout(pixel_network, images, uniform).values[:, 0]
    forced = scores.nats(prediction.log_p_next(pixel_network, images), images)
    _, nats = prediction.rollout(pixel_network, images, uniform)
    assert_allclose(nats[:, 0], forced[:, 3:], **FLOAT32)


def test_samples_of_one_image_have_the_frequency_that_the_network_says(make_network):
    model = make_network("gru")
    samples = 2000
    image = np.array([[1, 0, 1]], np.uint8)
    uniform = np.random.default_rng(0).random((1, samples, 1), np.float32)
    pixels, nats = prediction.rollout(model, image, uniform)
    p = np.exp(-nats[0, 0, 0])
    assert 0.05 < p < 0.95
    # Five standard errors of a frequency.
    assert_allclose(pixels.mean(), p, atol=5 * np.sqrt(p * (1 - p) / samples))


def test_extreme_numbers_u(pixel_network, rng):
    images = draw(pixel_network, rng, 2, 7)
    just_below_one = np.nextafter(np.float32(1), np.float32(0))
    uniform = np.stack([np.zeros((2, 4)), np.full((2, 4), just_below_one)], axis=1)
    pixels, nats = prediction.rollout(pixel_network, images, uniform)
    # p > 0 always, and p > 1 - 2^-24 never for these networks.
    assert_array_equal(pixels[:, 0], 1)
    assert_array_equal(pixels[:, 1], 0)
    assert np.isfinite(nats).all()


def test_in_a_tie_argmax_takes_paper(make_network):
    model = make_network("gru")
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    images = np.ones((1, 10), np.uint8)
    pixels, nats = prediction.rollout(model, images, np.full((1, 1, 9), 0.5))
    assert_array_equal(pixels, 0)
    assert_allclose(nats, np.log(2), **FLOAT32)


def test_new_weights_change_what_is_generated(make_network, rng):
    """The stages give one network the weights of several snapshots."""
    model = make_network("gru")
    images, uniform = draw(model, rng, 3, 9), rng.random((3, 2, 5), np.float32)
    first = prediction.rollout(model, images, uniform)
    other = make_network("gru", seed=1)
    expected = prediction.rollout(other, images, uniform)
    model.set_weights(other.get_weights())
    changed = prediction.rollout(model, images, uniform)
    assert_array_equal(changed.values, expected.values)
    assert_allclose(changed.nats, expected.nats, **FLOAT32)
    assert not np.allclose(changed.nats, first.nats)
