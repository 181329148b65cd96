import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import network, scores, training
from tests import reference
from tests.conftest import KINDS

pytestmark = pytest.mark.usefixtures("threads")


def build(kind: str, **changes) -> keras.Model:
    settings = KINDS[kind] | changes
    return network.build(**settings, seed=np.random.SeedSequence(3), name="tiny")


def flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([array.ravel() for array in arrays])


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
    for number, gradient in enumerate(descended):
        for place in np.ndindex(gradient.shape):
            ends = []
            for step in (5e-4, -5e-4):
                moved = [weights.copy() for weights in before]
                moved[number][place] += step
                model.set_weights(moved)
                ends.append((float(moved[number][place]), reference.loss(model, symbols)))
            (right, above), (left, below) = ends
            # The reference is double precision, but the weights, of order one, are float32.
            assert_allclose(gradient[place], (above - below) / (right - left), atol=2e-6)


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
def test_the_loss_of_a_simple_pattern_falls(kind, changes):
    model = build(kind, **changes)
    # Alternating sequences with either phase: only the first element is uncertain, so
    # the least possible loss is log(2) / 8 = 0.087 nats per element.
    batch = np.tile(np.array([[0, 1], [1, 0]], np.uint8), (8, 4))
    trainer = training.Trainer(model, 0.02)
    initial = reference.loss(model, batch[:2])
    list(trainer.steps([batch] * 150, 150, "toy"))
    final = reference.loss(model, batch[:2])
    assert initial > 0.5
    assert np.log(2) / 8 - 1e-3 < final < 0.2


def rates(kind: str, peak: float, batches: int) -> np.ndarray:
    """The learning rate of each mini-batch, and the one that would follow the last."""
    rate = training.schedule(kind, peak, batches)
    return np.array([float(rate(t)) if callable(rate) else rate for t in range(batches + 1)])


@pytest.mark.parametrize(("batches", "warm_up"), [(20, 1), (100, 5), (1000, 50)])
def test_the_cosine_schedule_rises_for_a_twentieth_and_falls_to_zero(batches, warm_up):
    found = rates("cosine", 0.02, batches)
    t = np.arange(batches + 1)
    # Loshchilov and Hutter 2017, eq. 5: half of (1 + cos(pi times the share that is done)).
    done = (t - warm_up) / (batches - warm_up)
    expected = np.where(t < warm_up, t / warm_up, (1 + np.cos(np.pi * done)) / 2)
    # In float32.
    assert_allclose(found, 0.02 * expected, atol=0.02 * 1e-6)


def test_other_schedules_by_hand():
    assert_allclose(rates("constant", 0.003, 40), 0.003, rtol=0)
    # A twentieth of three mini-batches is none; (1 + cos(pi / 3)) / 2 = 3/4.
    assert_allclose(rates("cosine", 0.02, 3), [0.02, 0.015, 0.005, 0], atol=1e-8)


@pytest.mark.parametrize(
    ("kind", "peak", "moves"),
    # With a schedule the first batch is trained with a rate of zero.
    [("constant", 0.001, [0.001]), ("constant", 0.02, [0.02]), ("cosine", 0.02, [0, 0.02])],
)
def test_weights_move_by_the_learning_rate(rng, kind, peak, moves):
    symbols = rng.integers(0, 2, (4, 6), dtype=np.uint8)
    model = build("gru")
    trainer = training.Trainer(model, training.schedule(kind, peak, 20))
    before = flat(model.get_weights())
    for expected, _ in zip(moves, trainer.steps([symbols] * 2, 2, "some")):
        after = flat(model.get_weights())
        # Kingma and Ba 2015, algorithm 1 at t = 1: rate * g / (|g| + 1e-7), which is the rate
        # where g is largest. On the same batch the direction stays nearly the same.
        assert_allclose(np.abs(after - before).max(), expected, rtol=1e-2)
        before = after


def test_longer_gradients_are_cut_to_the_norm(make_network, rng):
    symbols = rng.integers(0, 4, (4, 6), dtype=np.uint8)

    def gradient(clip_norm: float | None) -> np.ndarray:
        """As Adam gets it, over all weights."""
        trainer = training.Trainer(make_network("softmax"), 0.01, clip_norm)
        list(trainer.steps([symbols], 1, "one"))
        # Kingma and Ba 2015, algorithm 1: the momentum of the first step is 0.1 g.
        variables = trainer.optimizer.variables
        return flat([own.numpy() for own in variables if "momentum" in own.path]) / 0.1

    whole = gradient(None)
    length = float(np.linalg.norm(whole))
    assert length > 0.5
    # Of float32 numbers.
    assert_allclose(gradient(0.05), whole * 0.05 / length, rtol=1e-5, atol=1e-8)
    assert_allclose(gradient(2 * length), whole, rtol=1e-5, atol=1e-8)


def test_training_is_a_function_of_weights_and_batches(rng):
    batches = [rng.integers(0, 2, (4, 6), dtype=np.uint8) for _ in range(3)]

    def train(batches: list[np.ndarray]) -> np.ndarray:
        model = build("stack")
        list(training.Trainer(model, 0.01).steps(batches, len(batches), "some"))
        return flat(model.get_weights())

    one, same, other = train(batches), train(batches), train(batches[::-1])
    assert_array_equal(one, same)
    assert np.any(one != other)


def test_a_loss_that_is_not_finite_names_label_and_batch(rng):
    model = build("gru")
    batches = [rng.integers(0, 2, (4, 6), dtype=np.uint8) for _ in range(3)]
    # The first step is taken with good weights and makes all of them nan.
    trainer = training.Trainer(model, float("nan"))
    with pytest.raises(ValueError, match=r"epoch 7, batch 2: the loss is nan"):
        list(trainer.steps(batches, 3, "epoch 7"))


def test_in_batches_covers_every_row_once_in_order(rng):
    symbols = np.arange(20, dtype=np.uint8).reshape(10, 2)
    order = rng.permutation(10)
    batches = list(training.in_batches(symbols, order, 4))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert_array_equal(np.concatenate(batches), symbols[order])
