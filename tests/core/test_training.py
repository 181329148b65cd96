import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose

from pipeline.core import network, scores, training
from tests import reference
from tests.conftest import KINDS

pytestmark = pytest.mark.usefixtures("threads")


def build(kind: str, **changes) -> keras.Model:
    settings = KINDS[kind] | changes
    return network.build(**settings, seed=np.random.SeedSequence(3), name="tiny")


@pytest.mark.parametrize("logits", [1, 4])
def test_nats_are_those_of_the_scores(rng, logits):
    values = rng.normal(0, 5, (3, 6, logits)).astype(np.float32)
    symbols = rng.integers(0, max(2, logits), (3, 6), dtype=np.uint8)
    expected = scores.nats(scores.log_p_from_logits(values), symbols)
    # A few roundings of numbers up to about 20.
    assert_allclose(training.nats(tf.constant(values), tf.constant(symbols)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["stack", "softmax"])
def test_gradient_matches_finite_differences(make_network, rng, kind):
    model = make_network(kind)
    symbols = rng.integers(0, max(2, KINDS[kind]["logits"]), (2, 5), dtype=np.uint8)
    before = model.get_weights()
    trainer = training.Trainer(model, 0.1)
    # Plain descent at rate one subtracts the gradient itself.
    trainer.optimizer = keras.optimizers.SGD(1.0)
    trainer.optimizer.build(model.trainable_variables)
    assert list(trainer.steps([symbols], 1, "one")) == [1]
    descended = [old - new for old, new in zip(before, model.get_weights())]

    class Perturbed:
        """The same layers, but weights in double precision."""

        input_shape = model.input_shape

        def __init__(self, weights: list[np.ndarray]):
            left = iter(weights)
            self.layers = [
                type(type(layer).__name__, (), {"get_weights": lambda self, w=own: w})()
                for layer in model.layers
                for own in [[next(left) for _ in layer.weights]]
            ]

    exact = [weights.astype(np.float64) for weights in before]
    width = 1e-5
    for matrix, gradient in zip(exact, descended):
        for place in np.ndindex(matrix.shape):
            value = matrix[place]
            matrix[place] = value + width
            above = reference.loss(Perturbed(exact), symbols)
            matrix[place] = value - width
            below = reference.loss(Perturbed(exact), symbols)
            matrix[place] = value
            # The reference is double precision; what is left is that the weights, of
            # order one, and so the differences of them, are float32.
            assert_allclose(gradient[place], (above - below) / (2 * width), atol=2e-6)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gru", {"units": (8,)}),
        ("lstm", {"units": (8,)}),
        ("gru", {"units": (8, 8)}),
        ("gru", {"units": (8,), "dense": (8, 8)}),
        ("softmax", {"units": (8,)}),
    ],
)
def test_loss_falls_on_a_pattern_that_can_be_learned(kind, changes):
    model = build(kind, **changes)
    # Alternating sequences with either phase: only the first element is uncertain, so
    # the least possible loss is log(2) / 8 = 0.087 nats per element.
    batch = np.tile(np.array([[0, 1], [1, 0]], np.uint8), (8, 4))
    trainer = training.Trainer(model, 0.02)
    initial = reference.loss(model, batch[:2])
    for _ in trainer.steps([batch] * 150, 150, "toy"):
        pass
    final = reference.loss(model, batch[:2])
    assert initial > 0.5
    assert np.log(2) / 8 - 1e-3 < final < 0.2


def test_the_first_step_of_adam_moves_by_the_learning_rate(rng):
    symbols = rng.integers(0, 2, (4, 6), dtype=np.uint8)
    for rate in (0.001, 0.02):
        model = build("gru")
        before = np.concatenate([w.ravel() for w in model.get_weights()])
        list(training.Trainer(model, rate).steps([symbols], 1, "one"))
        after = np.concatenate([w.ravel() for w in model.get_weights()])
        # Kingma and Ba 2015, algorithm 1 at t = 1: rate * g / (|g| + 1e-7), which is
        # the rate where the gradient is largest; weights of order one are float32.
        assert_allclose(np.abs(after - before).max(), rate, rtol=1e-3)


def rates(kind: str, peak: float, batches: int) -> np.ndarray:
    """The learning rate of each mini-batch, and the one that would follow the last."""
    rate = training.schedule(kind, peak, batches)
    return np.array([float(rate(t)) if callable(rate) else rate for t in range(batches + 1)])


def test_the_constant_schedule_is_constant():
    assert_allclose(rates("constant", 0.003, 40), 0.003, rtol=0)


@pytest.mark.parametrize(("batches", "warm_up"), [(20, 1), (100, 5), (1000, 50)])
def test_the_cosine_schedule_rises_for_a_twentieth_and_falls_to_zero(batches, warm_up):
    found = rates("cosine", 0.02, batches)
    t = np.arange(batches + 1)
    # Loshchilov and Hutter 2017, eq. 5: half of (1 + cos(pi times the share that is done)).
    done = (t - warm_up) / (batches - warm_up)
    expected = np.where(t < warm_up, t / warm_up, (1 + np.cos(np.pi * done)) / 2)
    # In float32.
    assert_allclose(found, 0.02 * expected, atol=0.02 * 1e-6)
    assert found[0] == 0
    assert found.argmax() == warm_up
    assert_allclose(found[warm_up], 0.02, rtol=1e-6)
    assert_allclose(found[-1], 0, atol=1e-9)
    assert (found[1:-1] > 0).all()


def test_a_cosine_too_short_to_rise_begins_at_the_peak():
    found = rates("cosine", 0.02, 3)
    # A twentieth of three mini-batches is none; (1 + cos(pi / 3)) / 2 = 3/4.
    assert_allclose(found, [0.02, 0.015, 0.005, 0], atol=1e-8)


def test_training_follows_the_schedule(rng):
    """Batches enough for the rate to rise: the first is trained with a rate of zero."""
    symbols = rng.integers(0, 2, (4, 6), dtype=np.uint8)
    model = build("gru")
    trainer = training.Trainer(model, training.schedule("cosine", 0.02, 20))
    moved = []
    before = np.concatenate([w.ravel() for w in model.get_weights()])
    for _ in trainer.steps([symbols] * 3, 3, "some"):
        after = np.concatenate([w.ravel() for w in model.get_weights()])
        moved.append(np.abs(after - before).max())
        before = after
    assert moved[0] == 0
    # On the same batch Adam's direction stays nearly the same; weights of order one are
    # float32.
    assert_allclose(moved[1], 0.02, rtol=1e-2)
    assert moved[2] > 0.01


def test_longer_gradients_are_cut_to_the_norm(make_network, rng):
    symbols = rng.integers(0, 4, (4, 6), dtype=np.uint8)

    def gradient(clip_norm: float | None) -> np.ndarray:
        """As Adam gets it, over all weights."""
        trainer = training.Trainer(make_network("softmax"), 0.01, clip_norm)
        list(trainer.steps([symbols], 1, "one"))
        # Kingma and Ba 2015, algorithm 1: the first step leaves a momentum of 0.1 times
        # the gradient.
        momenta = [
            variable.numpy().ravel()
            for variable in trainer.optimizer.variables
            if "momentum" in variable.path
        ]
        return np.concatenate(momenta) / 0.1

    whole = gradient(None)
    length = float(np.linalg.norm(whole))
    assert length > 0.5
    # Of float32 numbers.
    assert_allclose(gradient(0.05), whole * 0.05 / length, rtol=1e-5, atol=1e-8)
    assert_allclose(gradient(2 * length), whole, rtol=1e-5, atol=1e-8)


def test_training_is_a_function_of_weights_and_batches(rng):
    batches = [rng.integers(0, 2, (4, 6), dtype=np.uint8) for _ in range(3)]

    def train(batches: list[np.ndarray]) -> list[np.ndarray]:
        model = build("stack")
        list(training.Trainer(model, 0.01).steps(batches, len(batches), "some"))
        return model.get_weights()

    one, same, other = train(batches), train(batches), train(batches[::-1])
    for left, right in zip(one, same):
        np.testing.assert_array_equal(left, right)
    assert any(np.any(left != right) for left, right in zip(one, other))


def test_a_loss_that_is_not_finite_names_label_and_batch(rng):
    model = build("gru")
    batches = [rng.integers(0, 2, (4, 6), dtype=np.uint8) for _ in range(3)]
    # The first step is taken with good weights and makes all of them nan.
    trainer = training.Trainer(model, float("nan"))
    done: list[int] = []
    with pytest.raises(ValueError, match=r"epoch 7, batch 2: the loss is nan"):
        done.extend(trainer.steps(batches, 3, "epoch 7"))


@pytest.mark.parametrize(
    ("kind", "operations"),
    [("gru", "fused operations"), ("stack", "stock layers, because recurrent layers are")],
)
def test_a_trainer_says_which_operations_it_uses(make_network, kind, operations):
    line = training.Trainer(make_network(kind), 0.01).describe()
    assert line.startswith(f"tiny: trained with {operations}")


def test_in_batches_covers_every_row_once_in_order(rng):
    symbols = np.arange(20, dtype=np.uint8).reshape(10, 2)
    order = rng.permutation(10)
    batches = list(training.in_batches(symbols, order, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(batches), symbols[order])
