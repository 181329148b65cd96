"""The fast path of training against the stock layers and against finite differences."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import paths
from pipeline.core import fused, network, training
from pipeline.files import formats, models

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / paths.PIXEL_MODELS).glob("*.keras"))

pytestmark = pytest.mark.usefixtures("threads")


def build(logits: int = 1, dense: tuple[int, ...] = (6, 5), **changes) -> keras.Model:
    settings: dict[str, Any] = {
        "channels": logits,
        "logits": logits,
        "cell": "gru",
        "units": (7,),
        "dense": dense,
        "seed": np.random.SeedSequence(4),
        "name": "tested",
    }
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


NETWORKS = {
    "pixels": {"logits": 1, "dense": (6, 5)},
    "characters": {"logits": 4, "dense": ()},
    "one hidden layer": {"logits": 1, "dense": (6,)},
    "three hidden layers": {"logits": 4, "dense": (6, 5, 3)},
}
each_network = pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)


@each_network
def test_logits_are_those_of_the_stock_layers(settings):
    model = randomise(build(**settings))
    sequences = symbols(settings["logits"])
    fast = fused.logits(model, sequences)
    # Both round to single precision, each in its own order.
    np.testing.assert_allclose(fast, network.logits(model, sequences), atol=2e-6)
    assert fast.shape == (*sequences.shape, settings["logits"])


@pytest.mark.parametrize("time", [1, 2, fused.BLOCK, fused.BLOCK + 1, 2 * fused.BLOCK])
def test_any_length_fills_its_blocks(time):
    model = randomise(build(logits=4))
    sequences = symbols(4, time=time)
    fast, stock = fused.logits(model, sequences), network.logits(model, sequences)
    np.testing.assert_allclose(fast, stock, atol=2e-6)
    for one, other in zip(
        gradients(fused.logits, model, sequences),
        gradients(network.logits, model, sequences),
    ):
        # With one element alone the state before it is zero, and so are gradients.
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other) + 1e-9


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


def test_what_images_have_in_common_changes_nothing():
    model, images = randomise(build()), alike()
    fast, stock = fused.logits(model, images), network.logits(model, images)
    np.testing.assert_allclose(fast, stock, atol=2e-6)
    for one, other in zip(
        gradients(fused.logits, model, images), gradients(network.logits, model, images)
    ):
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


def test_the_network_runs_once_for_images_that_are_alike(monkeypatch):
    rows, gru = [], fused._gru

    def counted(elements, *more):
        rows.append(elements.shape[1])
        return gru(elements, *more)

    monkeypatch.setattr(fused, "_gru", counted)
    monkeypatch.setattr(tf, "while_loop", eager_while_loop)
    fused.logits(randomise(build()), alike())
    shifted = np.pad(alike().numpy()[:, :-1], ((0, 0), (1, 0)))
    ends = range(fused.BLOCK, shifted.shape[1] + fused.BLOCK, fused.BLOCK)
    assert rows == [len(np.unique(shifted[:, :end], axis=0)) for end in ends]
    assert rows[0] < len(shifted)


def eager_while_loop(condition, body, variables, **_: Any):
    while condition(*variables):
        variables = body(*variables)
    return variables


def test_rows_are_told_apart_by_their_past_and_by_their_block():
    block = np.zeros((fused.BLOCK, 5, 2), np.float32)
    block[-1, 1, 0] = block[0, 2, 0] = block[0, 4, 0] = 1
    block[..., 1] = 1  # the bias
    before = tf.constant([0, 0, 0, 1, 0])
    first, after = fused._distinct(tf.constant(block), before)
    np.testing.assert_array_equal(first, [0, 1, 2, 3])
    np.testing.assert_array_equal(after, [0, 1, 2, 3, 2])


@pytest.mark.parametrize(
    "changes", [{}, {"logits": 4, "dense": ()}, {"cell": "lstm"}, {"units": (7, 3)}]
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
        np.testing.assert_allclose(fast, stock, atol=2e-6)
        tf.nest.assert_same_structure(ours, theirs)


@pytest.mark.parametrize("logits", [1, 4])
def test_no_sequences_have_no_logits(logits):
    model = build(logits=logits)
    assert fused.logits(model, symbols(logits)[:0]).shape == (0, 23, logits)


@each_network
def test_gradients_are_those_of_the_stock_layers(settings):
    model = randomise(build(**settings))
    sequences = symbols(settings["logits"])
    fast = gradients(fused.logits, model, sequences)
    stock = gradients(network.logits, model, sequences)
    for one, other in zip(fast, stock):
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


def test_gradients_are_finite_differences():
    model = randomise(build(logits=4, dense=(6, 5)))
    sequences = symbols(4, rows=4, time=fused.BLOCK + 3)

    def loss() -> float:
        logits = np.asarray(fused.logits(model, sequences), np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return -np.take_along_axis(log_p, sequences.numpy()[..., None].astype(int), -1).mean()

    rng = np.random.default_rng(5)
    for variable, gradient in zip(
        model.trainable_variables, gradients(fused.logits, model, sequences)
    ):
        value = variable.numpy()
        direction = rng.normal(size=value.shape)
        direction *= 0.01 / np.linalg.norm(direction)
        variable.assign(value + direction)
        up = loss()
        variable.assign(value - direction)
        down = loss()
        variable.assign(value)
        # Differences of losses near one are rounded to 1e-7; a step of 0.01 bends by 1 %.
        np.testing.assert_allclose(
            (up - down) / 2, (gradient * direction).sum(), rtol=0.01, atol=1e-6
        )


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_are_the_batch(monkeypatch, threads):
    monkeypatch.setattr(tf.config.threading, "get_inter_op_parallelism_threads", lambda: threads)
    rows = np.arange(10)[:, None]
    parts = [part.numpy() for part in fused.in_parts(tf.constant(rows))]
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    assert len(parts) == threads
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_step_does_not_depend_on_the_number_of_parts(monkeypatch):
    after = []
    for threads in (1, 3):
        monkeypatch.setattr(
            tf.config.threading, "get_inter_op_parallelism_threads", lambda n=threads: n
        )
        model = build()
        for _ in training.Trainer(model, 0.01).steps([symbols(1).numpy()] * 3, 3, "steps"):
            pass
        after.append(model.get_weights())
    for one, other in zip(*after):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "rows"), [("gru", 1), ("gru", 2), ("gru", 4), ("lstm", 2), ("softmax", 1)]
)
def test_fewer_rows_than_threads(monkeypatch, make_network, kind, rows):
    monkeypatch.setattr(tf.config.threading, "get_inter_op_parallelism_threads", lambda: 3)
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
    ],
)
def test_other_networks_run_as_stock_layers(changes, reason):
    model = build(**changes)
    assert reason in str(fused.unsupported_reason(model))
    sequences = symbols(1)
    np.testing.assert_array_equal(fused.logits(model, sequences), network.logits(model, sequences))


@pytest.mark.parametrize(
    ("gru", "dense", "relu"),
    [
        ({"activation": "relu"}, {}, {}),
        ({"recurrent_activation": "tanh"}, {}, {}),
        ({"use_bias": False}, {}, {}),
        ({"go_backwards": True}, {}, {}),
        ({}, {"activation": "tanh"}, {}),
        ({}, {"use_bias": False}, {}),
        ({}, {}, {"max_value": 6.0}),
        ({}, {}, {"negative_slope": 0.1}),
        ({}, {}, {"threshold": 0.1}),
    ],
)
def test_layers_that_differ_from_ours_run_as_stock_layers(gru, dense, relu):
    inputs = keras.Input((None, 1))
    hidden = keras.layers.GRU(3, reset_after=False, return_sequences=True, **gru)(inputs)
    hidden = keras.layers.ReLU(**relu)(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, **dense)(hidden))
    assert fused.unsupported_reason(model) == "a layer is not one that network.build makes"


def test_a_layer_of_another_kind_runs_as_a_stock_layer():
    inputs = keras.Input((None, 1))
    hidden = keras.layers.GRU(3, reset_after=False, return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(hidden))
    assert fused.unsupported_reason(model) == "a layer is not one that network.build makes"


def test_a_gpu_gets_the_stock_layers(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert "GPU" in str(fused.unsupported_reason(build()))
    assert len(fused.in_parts(symbols(1))) == 1


def test_keras_default_gru_is_another_function():
    inputs = keras.Input((None, 1))
    hidden = keras.layers.GRU(3, return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    assert "reset before" in str(fused.unsupported_reason(model))


def test_it_is_as_near_to_double_precision_as_the_stock_layers():
    """Over many steps rounding adds up; neither path is the better one."""
    model = randomise(build(dense=()), scale=1.0)
    sequences = symbols(1, rows=8, time=300)
    exact = in_double_precision(model, sequences)
    errors = [
        np.abs(compute(model, sequences) - exact).max()
        for compute in (fused.logits, network.logits)
    ]
    assert max(errors) < 1e-4
    assert errors[0] < 4 * errors[1] + 1e-6


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_saved_networks_say_the_same_by_stock_layers(path):
    """Within 1e-5 in probability; over 784 steps rounding adds up to more in a logit."""
    model = models.read(path)
    sequences = tf.constant(formats.read_arrays(ROOT / paths.EXAMPLES)["binary"])
    fast, stock = fused.logits(model, sequences), network.logits(model, sequences)
    np.testing.assert_allclose(fast, stock, atol=5e-5)
    np.testing.assert_allclose(tf.sigmoid(fast), tf.sigmoid(stock), atol=1e-5)


def in_double_precision(model: keras.Model, sequences: tf.Tensor) -> np.ndarray:
    """The GRU and its output layer written out in NumPy."""
    kernel, recurrent, bias, output, output_bias = (
        weights.astype(np.float64) for weights in model.get_weights()
    )
    shifted = np.pad(sequences.numpy()[:, :-1].astype(np.float64), ((0, 0), (1, 0)))
    units = len(recurrent)
    h, logits = np.zeros((len(sequences), units)), []
    for x in shifted.T:
        at_input = x[:, None] @ kernel + bias
        gates = at_input[:, : 2 * units] + h @ recurrent[:, : 2 * units]
        update, reset = np.split(1 / (1 + np.exp(-gates)), 2, axis=1)
        candidate = np.tanh(at_input[:, 2 * units :] + (reset * h) @ recurrent[:, 2 * units :])
        h = update * h + (1 - update) * candidate
        logits.append(h @ output + output_bias)
    return np.stack(logits, axis=1)
