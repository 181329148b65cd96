import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.core import network, parallel
from pipeline.files import models
from pipeline.params import loading
from pipeline.stages import train_pixels
from tests import reference
from tests.tiny import ROOT

# float32 has 24 bits; logits are sums of ten terms of order one, through 12 steps at most.
FLOAT32: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


def draw(model: Any, rng: np.random.Generator, sequences: int, steps: int) -> np.ndarray:
    symbols = max(2, model.output_shape[-1])
    return rng.integers(0, symbols, (sequences, steps), dtype=np.uint8)


def build(units: tuple[int, ...], dense: tuple[int, ...] = (), **changes) -> keras.Model:
    seed = np.random.SeedSequence(changes.pop("seed", 0))
    settings: dict[str, Any] = {"channels": 1, "logits": 1, "cell": "gru", "name": "tiny"}
    return network.build(units=units, dense=dense, seed=seed, **settings | changes)


def test_gru_with_constant_weights_by_hand(threads):
    model = build((1,))
    model.set_weights([np.full(w.shape, 0.5) for w in model.get_weights()])
    # All weights and biases 1/2. Input 0 and state 0: gates sigmoid(1/2), candidate
    # tanh(1/2). Then input 1, the first pixel; the reset gate acts before the product.
    gate = 1 / (1 + math.exp(-0.5))
    first = (1 - gate) * math.tanh(0.5)
    gate = 1 / (1 + math.exp(-(1 + first / 2)))
    second = gate * first + (1 - gate) * math.tanh(1 + gate * first / 2)
    logits = network.logits(model, tf.constant([[1, 0]], tf.uint8))
    assert_allclose(logits[0, :, 0], [0.5 + first / 2, 0.5 + second / 2], **FLOAT32)
    # The same as decimals, which no formula of ours can move.
    assert_allclose(logits[0, :, 0], [0.587234, 0.664539], atol=1e-6)


def test_logits_match_the_loop_over_steps(any_network, rng):
    symbols = draw(any_network, rng, 3, 12)
    logits = network.logits(any_network, tf.constant(symbols))
    expected = [reference.logits(any_network, row.tolist()) for row in symbols]
    assert_allclose(logits, expected, **FLOAT32)


@settings(max_examples=15)  # of each kind; a Keras layer run eagerly is slow
@given(element=st.integers(0, 9), seed=st.integers(0, 2**32 - 1))
def test_an_element_changes_later_logits_only(any_network, element, seed):
    symbols = draw(any_network, np.random.default_rng(seed), 1, 10)
    changed = symbols.copy()
    changed[0, element] = 1 - min(symbols[0, element], 1)
    before = network.logits(any_network, tf.constant(symbols)).numpy()
    after = network.logits(any_network, tf.constant(changed)).numpy()
    # Not close but equal: the element is no operand of what came before it.
    assert_array_equal(before[0, : element + 1], after[0, : element + 1])
    if element < 9:
        assert np.any(before[0, element + 1 :] != after[0, element + 1 :])


def test_step_carries_the_state_of_the_whole_layer(any_network, rng):
    elements = rng.normal(size=(2, 8, any_network.input_shape[-1])).astype(np.float32)
    state = network.initial_state(any_network, 2)
    logits = []
    for t in range(8):
        logit, state = network.step(any_network, tf.constant(elements[:, t]), state)
        logits.append(logit)
    assert_allclose(np.stack(logits, axis=1), any_network(elements), **FLOAT32)


def test_shift_begins_with_zeros():
    elements = tf.reshape(tf.range(1.0, 13.0), (2, 3, 2))
    expected = [[[0, 0], [1, 2], [3, 4]], [[0, 0], [7, 8], [9, 10]]]
    assert_array_equal(network.shift(elements), expected)


@pytest.mark.parametrize(
    ("cell", "units", "dense", "layers"),
    [
        # The write-up's network: no activation between the last FC and the output.
        ("gru", (32,), (64, 64), ["GRU 32", "ReLU", "Dense 64", "ReLU", "Dense 64"]),
        ("lstm", (5,), (), ["LSTM 5"]),
        ("gru", (4, 3, 2), (7,), ["GRU 4", "GRU 3", "GRU 2", "ReLU", "Dense 7"]),
    ],
)
def test_build_follows_its_arguments(cell, units, dense, layers):
    model = build(units, dense, cell=cell, channels=2, logits=3, name="named")
    built = [
        f"{type(layer).__name__} {getattr(layer, 'units', '')}".strip()
        for layer in model.layers[1:]
    ]
    assert built == [*layers, "Dense 3"]
    assert model.input_shape == (None, None, 2)
    assert model.output_shape == (None, None, 3)
    assert model.name == "named"


def test_weights_are_a_function_of_the_seed():
    one, same, other = (build((4, 4), (4, 4), seed=n).get_weights() for n in (1, 1, 2))
    drawn = [number for number, matrix in enumerate(one) if matrix.ndim > 1]
    assert len(drawn) == 2 * 2 + 3  # all but the biases
    for number in drawn:
        assert_array_equal(one[number], same[number])
        assert not np.array_equal(one[number], other[number])
    # Matrices of the same shape are not copies of each other either.
    assert not np.array_equal(one[drawn[1]], one[drawn[3]])
    assert not np.array_equal(one[drawn[4]], one[drawn[5]])


def test_gates_of_the_gru_begin_open():
    model = build((2, 1), (3,))
    biases = [weights.tolist() for weights in model.get_weights() if weights.ndim == 1]
    # Update, reset, candidate of each layer; fully connected; logits.
    assert biases == [[1, 1, 1, 1, 0, 0], [1, 1, 0], [0, 0, 0], [0]]


def test_the_network_of_the_graph_began_as_committed():
    """What `form` and `gate_bias` are by default is what they were before they could be given."""
    params = loading.load(ROOT / loading.FILE)
    built = train_pixels.build(params.seed, params.pixels, "pixels").get_weights()
    committed = models.read(ROOT / paths.pixel_model("untrained")).get_weights()
    for one, other in zip(built, committed, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("form", ["tf1", "keras"])
@pytest.mark.parametrize("gate_bias", [0.0, 1.5])
def test_forms_of_the_gru(form, gate_bias):
    usual = build((4,), (3,)).get_weights()
    own = build((4,), (3,), form=form, gate_bias=gate_bias).get_weights()
    bias = [gate_bias] * 8 + [0.0] * 4
    assert own[2].tolist() == (bias if form == "tf1" else [bias, [0.0] * 12])
    # All matrices but the recurrent one are the same for each form.
    for place in (0, *range(3, len(own))):
        assert_array_equal(own[place], usual[place])
    if form == "tf1":
        assert_array_equal(own[1], usual[1])
    else:
        assert_allclose(own[1] @ own[1].T, np.eye(4), atol=1e-6)


def test_keras_own_gru(rng):
    """Keras' form without bias is its GRU as it is without a word."""
    model = build((4,), form="keras", gate_bias=0.0)
    inputs = keras.Input((None, 1))
    hidden = keras.layers.GRU(4, return_sequences=True)(inputs)
    stock = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    stock.set_weights(model.get_weights())
    elements = rng.normal(size=(2, 8, 1)).astype(np.float32)
    assert_allclose(model(elements), stock(elements), **FLOAT32)


def test_a_saved_model_needs_keras_only(any_network, tmp_path: Path, rng):
    path = tmp_path / "model.keras"
    any_network.save(path)
    loaded = keras.saving.load_model(path)
    for layer in loaded.layers:
        assert type(layer).__module__.startswith("keras."), layer
    symbols = tf.constant(draw(any_network, rng, 2, 6))
    assert_array_equal(network.logits(loaded, symbols), network.logits(any_network, symbols))


def test_side_by_side_keeps_the_order_and_passes_mistakes_on(threads):
    def compute(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number**2

    assert parallel.threads() == threads
    assert parallel.side_by_side(compute, range(6)) == [0, 1, 4, 9, 16, 25]
    assert parallel.side_by_side(compute, []) == []
    with pytest.raises(ValueError, match="seven"):
        parallel.side_by_side(compute, range(9))
