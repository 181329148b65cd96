"""The fast path of training against the stock layers and against finite differences."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import fused, network, training


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
    sequences = symbols(4, rows=4, time=9)

    def loss() -> float:
        logits = np.asarray(fused.logits(model, sequences), np.float64)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return -np.take_along_axis(
            log_p, sequences.numpy()[..., None].astype(int), -1
        ).mean()

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
    monkeypatch.setattr(
        tf.config.threading, "get_inter_op_parallelism_threads", lambda: threads
    )
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
    ("changes", "reason"),
    [({"cell": "lstm"}, "not a GRU"), ({"units": (7, 7)}, "stacked")],
)
def test_other_networks_run_as_stock_layers(changes, reason):
    model = build(**changes)
    assert reason in str(fused.obstacle(model))
    sequences = symbols(1)
    np.testing.assert_array_equal(
        fused.logits(model, sequences), network.logits(model, sequences)
    )


def test_a_gpu_gets_the_stock_layers(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert "GPU" in str(fused.obstacle(build()))


def test_keras_default_gru_is_another_function():
    inputs = keras.Input((None, 1))
    hidden = keras.layers.GRU(3, return_sequences=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    assert "reset before" in str(fused.obstacle(model))


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
        candidate = np.tanh(
            at_input[:, 2 * units :] + (reset * h) @ recurrent[:, 2 * units :]
        )
        h = update * h + (1 - update) * candidate
        logits.append(h @ output + output_bias)
    return np.stack(logits, axis=1)
