"""The fast path of training against the stock layers and against finite differences."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.core import fused, network, parallel, scores, training
from pipeline.files import formats, models
from tests import reference

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / paths.PIXEL_MODELS).glob("*.keras"))

pytestmark = pytest.mark.usefixtures("threads")


def build(logits: int = 1, dense: tuple[int, ...] = (6, 5), **changes) -> keras.Model:
    settings: dict[str, Any] = {"channels": logits, "logits": logits, "dense": dense}
    settings |= {"cell": "gru", "units": (7,), "seed": np.random.SeedSequence(4), "name": "tiny"}
    return network.build(**settings | changes)


def randomise(model: keras.Model, scale: float = 0.4) -> keras.Model:
    """Weights, biases included, away from where training starts."""
    rng = np.random.default_rng(8)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, scale, variable.shape))
    return model


def symbols(logits: int, rows: int = 10, time: int = 23) -> tf.Tensor:
    rng = np.random.default_rng(3)
    return tf.constant(rng.integers(0, max(logits, 2), (rows, time), np.uint8))


def gradients(compute, model: keras.Model, sequences: tf.Tensor) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(training.nats(compute(model, sequences), sequences))
    return [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]


def assert_same_as_stock_layers(model: keras.Model, sequences: tf.Tensor) -> None:
    """Logits and gradients; both paths round to float32, each in its own order."""
    fast, stock = fused.logits(model, sequences), network.logits(model, sequences)
    assert fast.shape == (*sequences.shape, model.output_shape[-1])
    assert_allclose(fast, stock, atol=2e-6)
    ours, theirs = (gradients(path, model, sequences) for path in (fused.logits, network.logits))
    for one, other in zip(ours, theirs):
        # With one element alone the state before it is zero, and so are gradients.
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other) + 1e-9


@pytest.mark.parametrize(
    ("logits", "dense", "time"),
    [
        (1, (6, 5), 23),
        (1, (6,), 23),
        (4, (), 23),
        (4, (6, 5, 3), 23),
        # Any length fills its blocks, a short one a single block.
        (1, (6, 5), 2),
        *((4, (6, 5), time) for time in (1, 2, fused.BLOCK, fused.BLOCK + 1, 2 * fused.BLOCK)),
    ],
)
def test_it_is_the_same_function_as_the_stock_layers(logits, dense, time):
    model = randomise(build(logits, dense))
    assert_same_as_stock_layers(model, symbols(logits, time=time))


@pytest.mark.parametrize(
    ("time", "steps"), [(784, 20), (100, 20), (20, 20), (21, 11), (101, 17), (2, 2), (None, 20)]
)
def test_blocks_are_as_long_as_the_sequence_fills(time, steps):
    assert fused._block(time) == steps


def alike() -> tf.Tensor:
    """Images that diverge early, within a block, at its end, in the last pixel, never."""
    rng = np.random.default_rng(6)
    images = np.zeros((8, 2 * fused.BLOCK + 3), np.uint8)
    images[:4] = rng.integers(0, 2, images[:4].shape)
    # Each row is a copy of row 3 up to the pixel from which on it differs.
    for row, own in zip((4, 5, 6), (fused.BLOCK // 2, fused.BLOCK, images.shape[1] - 1)):
        images[row] = images[3]
        images[row, own:] ^= 1
    images[7] = images[3]
    return tf.constant(images)


def test_states_that_images_have_in_common_change_nothing():
    assert_same_as_stock_layers(randomise(build()), alike())


def test_the_network_runs_once_for_images_that_are_alike(monkeypatch):
    rows, gru = [], fused._gru

    def counted(elements, *more):
        rows.append(elements.shape[1])
        return gru(elements, *more)

    monkeypatch.setattr(fused, "_gru", counted)
    fused.logits(randomise(build()), alike())
    shifted = np.pad(alike().numpy()[:, :-1], ((0, 0), (1, 0)))
    block = fused._block(shifted.shape[1])
    ends = range(block, shifted.shape[1] + block, block)
    assert rows == [len(np.unique(shifted[:, :end], axis=0)) for end in ends]
    assert rows[0] < len(shifted)


@pytest.mark.parametrize(
    "changes",
    [{}, {"logits": 4, "dense": ()}, {"cell": "lstm"}, {"units": (7, 3)}, {"form": "keras"}],
)
def test_a_step_is_that_of_the_stock_layers(changes):
    model = randomise(build(**changes))
    sequences = symbols(changes.get("logits", 1))
    elements = network.shift(network.encode(sequences, model.input_shape[-1]))
    step = fused.stepper(model)
    ours = theirs = network.initial_state(model, len(sequences))
    for t in range(sequences.shape[1]):
        fast, ours = step(elements[:, t], ours)
        stock, theirs = network.step(model, elements[:, t], theirs)
        assert_allclose(fast, stock, atol=2e-6)
        tf.nest.assert_same_structure(ours, theirs)


@pytest.mark.parametrize("form", ["tf1", "keras"])
def test_gradients_are_finite_differences(form):
    model = randomise(build(logits=4, form=form))
    sequences = symbols(4, rows=4, time=fused.BLOCK + 3)
    rng = np.random.default_rng(5)
    computed = gradients(fused.logits, model, sequences)
    for variable, gradient in zip(model.trainable_variables, computed):
        value, losses = variable.numpy(), []
        direction = rng.normal(size=value.shape)
        direction *= 0.01 / np.linalg.norm(direction)
        for moved in (value + direction, value - direction):
            variable.assign(moved)
            log_p = scores.log_p_from_logits(np.asarray(fused.logits(model, sequences), float))
            losses.append(scores.nats(log_p, sequences.numpy()).mean())
        variable.assign(value)
        # Differences of losses near one are rounded to 1e-7; a step of 0.01 bends by 1 %.
        slope = (gradient * direction).sum()
        assert_allclose((losses[0] - losses[1]) / 2, slope, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_are_the_batch(monkeypatch, threads):
    monkeypatch.setattr(parallel, "threads", lambda: threads)
    rows = np.arange(10)[:, None]
    parts = [part.numpy() for part in fused.in_parts(tf.constant(rows))]
    assert_array_equal(np.concatenate(parts), rows)
    assert len(parts) == threads
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_gradients_of_kerass_form_are_those_of_its_own_layer():
    model, sequences = randomise(build(form="keras")), symbols(1)
    inputs = keras.Input((None, 1))
    hidden = layers.GRU(7, return_sequences=True)(inputs)
    for width in (6, 5):
        hidden = layers.Dense(width)(layers.ReLU()(hidden))
    stock = keras.Model(inputs, layers.Dense(1)(hidden))
    stock.set_weights(model.get_weights())
    ours, theirs = (
        gradients(fused.logits, model, sequences),
        gradients(
            lambda own, batch: own(network.shift(network.encode(batch, 1))), stock, sequences
        ),
    )
    for one, other in zip(ours, theirs, strict=True):
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


def test_a_step_does_not_depend_on_the_number_of_parts(monkeypatch):
    after = []
    for threads in (1, 3):
        monkeypatch.setattr(parallel, "threads", lambda n=threads: n)
        model = build()
        list(training.Trainer(model, 0.01).steps([symbols(1).numpy()] * 3, 3, "steps"))
        after.append(model.get_weights())
    for one, other in zip(*after):
        assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "rows"), [("gru", 1), ("gru", 2), ("gru", 4), ("lstm", 2), ("softmax", 1)]
)
def test_fewer_rows_than_threads(monkeypatch, make_network, kind, rows):
    monkeypatch.setattr(parallel, "threads", lambda: 3)
    model = make_network(kind)
    trainer = training.Trainer(model, 0.01)
    batch = symbols(model.output_shape[-1], rows=8).numpy()
    # The second batch has the other number of rows.
    assert list(trainer.steps([batch, batch[:rows]], 2, "steps")) == [1, 2]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cell": "lstm"}, "not a GRU"),
        ({"units": (7, 7)}, "stacked"),
        ({"form": "keras"}, "reset before"),
    ],
)
def test_other_networks_run_as_stock_layers(changes, reason):
    model = build(**changes)
    assert reason in str(fused.unsupported_reason(model))
    sequences = symbols(1)
    assert_array_equal(fused.logits(model, sequences), network.logits(model, sequences))


@pytest.mark.parametrize(
    ("gru", "then", "reason"),
    [
        ({"activation": "relu"}, [], "not one that network.build makes"),
        ({"recurrent_activation": "tanh"}, [], "not one that network.build makes"),
        ({"use_bias": False}, [], "not one that network.build makes"),
        ({"go_backwards": True}, [], "not one that network.build makes"),
        ({}, [layers.Dense(1, activation="tanh")], "not one that network.build makes"),
        ({}, [layers.Dense(1, use_bias=False)], "not one that network.build makes"),
        ({}, [layers.ReLU(max_value=6.0)], "not one that network.build makes"),
        ({}, [layers.ReLU(negative_slope=0.1)], "not one that network.build makes"),
        ({}, [layers.ReLU(threshold=0.1)], "not one that network.build makes"),
        ({}, [layers.Softmax()], "not one that network.build makes"),
        # Keras' default is another function.
        ({"reset_after": True}, [], "reset before"),
    ],
)
def test_layers_that_differ_from_ours_run_as_stock_layers(gru, then, reason):
    inputs = keras.Input((None, 1))
    options = {"reset_after": False, "return_sequences": True} | gru
    hidden = layers.GRU(3, **options)(inputs)
    for layer in [*then, layers.Dense(1)]:
        hidden = layer(hidden)
    assert reason in str(fused.unsupported_reason(keras.Model(inputs, hidden)))


def test_a_gpu_gets_the_stock_layers(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert "GPU" in str(fused.unsupported_reason(build()))
    assert len(fused.in_parts(symbols(1))) == 1


def test_it_is_as_near_to_double_precision_as_the_stock_layers():
    """Over many steps rounding adds up; neither path is the better one."""
    model = randomise(build(dense=()), scale=1.0)
    sequences = symbols(1, rows=8, time=300)
    exact = [reference.logits(model, row) for row in sequences.numpy().tolist()]
    both = fused.logits, network.logits
    errors = [np.abs(compute(model, sequences) - exact).max() for compute in both]
    assert max(errors) < 1e-4
    assert errors[0] < 4 * errors[1] + 1e-6


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_saved_networks_say_the_same_by_stock_layers(path):
    """Within 1e-5 in probability; over 784 steps rounding adds up to more in a logit."""
    model = models.read(path)
    sequences = tf.constant(formats.read_arrays(ROOT / paths.EXAMPLES)["binary"])
    fast, stock = fused.logits(model, sequences), network.logits(model, sequences)
    assert_allclose(fast, stock, atol=5e-5)
    assert_allclose(tf.sigmoid(fast), tf.sigmoid(stock), atol=1e-5)
