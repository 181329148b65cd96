from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose

from pipeline import prediction, scores

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
def test_size_of_a_forward_pass_does_not_change_the_result(
    any_network, rng, rows, monkeypatch
):
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


def test_of_no_sequences_there_are_no_predictions(any_network, rng):
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


@pytest.mark.parametrize("first", [1, 4])
@pytest.mark.parametrize("strategy", ["argmax", "drawn"])
def test_rollout_matches_running_the_whole_prefix_again(
    pixel_network, rng, first, strategy
):
    known = draw(pixel_network, rng, 3, first)
    uniform = rng.random((3, 2, 5), np.float32)
    if strategy == "argmax":
        uniform = np.full_like(uniform, 0.5)
    [(pixels, log_p)] = prediction.rollout([pixel_network], known, uniform)
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, atol=1e-6)
    for image in range(3):
        for sample in range(2):
            expected, expected_log_p = reference.rollout(
                pixel_network, known[image].tolist(), uniform[image, sample].tolist()
            )
            np.testing.assert_array_equal(pixels[image, sample], expected)
            chosen = log_p[image, sample, np.arange(5), expected]
            assert_allclose(chosen, expected_log_p, **FLOAT32)


def test_networks_that_go_through_one_loop_do_not_disturb_each_other(
    make_network, rng, monkeypatch
):
    # Chunks of one image, so that the loop also runs several times.
    monkeypatch.setattr(prediction, "ROWS", 2)
    models = [make_network(kind) for kind in ("gru", "lstm", "stack")]
    known, uniform = draw(models[0], rng, 5, 4), rng.random((5, 2, 6), np.float32)
    together = prediction.rollout(models, known, uniform)
    for model, (pixels, log_p) in zip(models, together):
        for image in range(5):
            [alone] = prediction.rollout([model], known[[image]], uniform[[image]])
            np.testing.assert_array_equal(pixels[[image]], alone.pixels)
            assert_allclose(log_p[[image]], alone.log_p, **FLOAT32)


def test_rollout_of_its_own_continuation_is_teacher_forcing(pixel_network, rng):
    known = draw(pixel_network, rng, 2, 3)
    [(pixels, log_p)] = prediction.rollout(
        [pixel_network], known, rng.random((2, 1, 6), np.float32)
    )
    whole = np.concatenate([known, pixels[:, 0]], axis=1)
    forced = prediction.log_p_next(pixel_network, whole)
    assert_allclose(log_p[:, 0], forced[:, 3:], **FLOAT32)


def test_samples_of_one_image_have_the_frequency_that_the_network_says(make_network):
    model = make_network("gru")
    samples = 2000
    known = np.array([[1, 0]], np.uint8)
    uniform = np.random.default_rng(0).random((1, samples, 1), np.float32)
    [(pixels, log_p)] = prediction.rollout([model], known, uniform)
    p = np.exp(log_p[0, 0, 0, 1])
    assert 0.05 < p < 0.95
    # Five standard errors of a frequency.
    assert_allclose(pixels.mean(), p, atol=5 * np.sqrt(p * (1 - p) / samples))


def test_extreme_numbers_u(pixel_network, rng):
    known = draw(pixel_network, rng, 2, 3)
    just_below_one = np.nextafter(np.float32(1), np.float32(0))
    uniform = np.stack([np.zeros((2, 4)), np.full((2, 4), just_below_one)], axis=1)
    [(pixels, log_p)] = prediction.rollout([pixel_network], known, uniform)
    # p > 0 always, and p > 1 - 2^-24 never for these networks.
    np.testing.assert_array_equal(pixels[:, 0], 1)
    np.testing.assert_array_equal(pixels[:, 1], 0)
    assert np.isfinite(log_p).all()


def test_of_two_equally_likely_values_argmax_takes_paper(make_network):
    model = make_network("gru")
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    known = np.ones((1, 1), np.uint8)
    [(pixels, _)] = prediction.rollout([model], known, np.full((1, 1, 9), 0.5))
    np.testing.assert_array_equal(pixels, 0)
