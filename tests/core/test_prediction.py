from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import prediction
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


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_results_do_not_depend_on_how_many_go_together(pixel_network, rng, rows, monkeypatch):
    images, uniform = draw(pixel_network, rng, 8, 6), rng.random((4, 2, 6), np.float32)
    free = rng.random((4, 2, 6)) < 0.5

    def predict() -> tuple[np.ndarray, ...]:
        log_p = prediction.log_p_next(pixel_network, images)
        return log_p, *prediction.generate(pixel_network, images.reshape(4, 2, 6), free, uniform)

    together = predict()
    monkeypatch.setattr(prediction, "ROWS", rows)
    # Matrix products of other sizes may sum in another order.
    for apart, whole in zip(predict(), together):
        assert_allclose(apart, whole, **FLOAT32)


def test_long_sequences_and_stock_layers_take_smaller_passes(make_network):
    fast, stock = make_network("gru"), make_network("lstm")
    assert prediction._rows(fast, 100) == prediction._rows(fast, 784) == prediction.ROWS
    assert prediction._rows(fast, 7840) == prediction.ROWS // 10
    assert prediction._rows(stock, 784) == prediction.ROWS // 4
    assert prediction._rows(stock, 10**6) == 1


def test_no_sequences_have_no_predictions(any_network, rng):
    none = prediction.log_p_next(any_network, draw(any_network, rng, 0, 12))
    assert none.shape == (0, 12, max(2, any_network.output_shape[-1]))


def test_hidden_states_are_those_of_the_last_recurrent_layer(any_network, rng):
    symbols = draw(any_network, rng, 3, 9)
    states = prediction.hidden_states(any_network, symbols)
    kept = any_network.layers
    while not isinstance(kept[-1], keras.layers.RNN):
        kept = kept[:-1]
    # To the reference a network that ends there.
    cut = SimpleNamespace(input_shape=any_network.input_shape, layers=kept)
    expected = [reference.logits(cut, row.tolist()) for row in symbols]
    assert_allclose(states, expected, **FLOAT32)


# Where nothing is free it is teacher forcing.
@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.8])
def test_generate_is_what_a_loop_does(pixel_network, rng, share):
    images, free = draw(pixel_network, rng, 8, 8).reshape(4, 2, 8), rng.random((4, 2, 8)) < share
    uniform = rng.random((4, 2, 8), np.float32)
    values, nats = prediction.generate(pixel_network, images, free, uniform)
    for where in np.ndindex(4, 2):
        one = (array[where].tolist() for array in (images, free, uniform))
        expected, expected_nats = reference.generate(pixel_network, *one)
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


@pytest.mark.parametrize("first", [1, 4])
def test_rollout_matches_running_the_whole_prefix_again(pixel_network, rng, first):
    images = draw(pixel_network, rng, 3, first + 5)
    uniform = rng.random((3, 2, 5), np.float32)
    uniform[:, 0] = 0.5  # argmax
    pixels, nats = prediction.rollout(pixel_network, images, uniform)
    free = [False] * first + [True] * 5
    for image, sample in np.ndindex(3, 2):
        numbers = [0.0] * first + uniform[image, sample].tolist()
        expected, each = reference.generate(pixel_network, images[image].tolist(), free, numbers)
        assert_array_equal(pixels[image, sample], expected[first:])
        assert_allclose(nats[image, sample], each[first:], **FLOAT32)


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


def test_new_weights_change_predictions(make_network, rng):
    """Compiled functions are kept for each network; its weights must not be."""
    model, other = make_network("gru"), make_network("gru", seed=1)
    images, uniform = draw(model, rng, 3, 9), rng.random((3, 2, 5), np.float32)

    def predict(network) -> tuple[np.ndarray, ...]:
        log_p = prediction.log_p_next(network, images)
        return log_p, *prediction.rollout(network, images, uniform)

    first, expected = predict(model), predict(other)
    model.set_weights(other.get_weights())
    for before, found, array in zip(first, predict(model), expected):
        assert_allclose(found, array, **FLOAT32)
        assert not np.allclose(found, before)


def test_drawn_sequences_are_the_networks_own(make_network, rng):
    model, uniform = make_network("softmax"), rng.random((30, 9))
    drawn = prediction.draw(model, uniform)
    assert drawn.dtype == np.uint8
    # A cumulative probability in single precision within 1e-6 of u would be bad luck.
    assert drawn.tolist() == [reference.draw(model, row) for row in uniform.tolist()]
    assert set(drawn.ravel()) == {0, 1, 2, 3}


def test_no_draw_passes_the_last_symbol(make_network):
    drawn = prediction.draw(make_network("softmax"), np.full((2, 5), np.nextafter(1, 0)))
    assert drawn.max() <= 3
