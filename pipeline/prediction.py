"""What the network says about sequences: conditionals, likelihoods, and rollouts."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from jaxtyping import Float, UInt8

from pipeline import fused, network, scores
from pipeline.images import PIXELS

# Sequences that go through the network together. Measured: fewer leave more to the cost of
# single operations, more gain nothing. MNIST's sets are multiples of it, so that a forward
# pass is compiled for one size only.
ROWS = 1000


class Rollout(NamedTuple):
    """Continuations of N images by one network.

    pixels: their values.
    log_p: log probabilities of paper and ink at each step given the continuation's own
        past.
    """

    pixels: UInt8[np.ndarray, "N samples unknown"]
    log_p: Float[np.ndarray, "N samples unknown 2"]


def log_p_next(
    model: keras.Model, symbols: UInt8[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T K"]:
    """Log probability of each possible symbol at t given the symbols before t.

    The same form as the exact `dirichlet.posterior_predictive`.

    Args:
        model: from `network.build`, or one loaded from a file.
        symbols: values 0 .. K-1.

    Returns:
        float32, natural logarithms; K = 2 for a network with one logit.
    """
    if not len(symbols):  # Keras' LSTM would not take them
        return np.empty((*symbols.shape, max(2, model.output_shape[-1])), np.float32)
    logits, rows = _logits(model), _rows(model, symbols.shape[1])
    chunks = (symbols[start : start + rows] for start in range(0, len(symbols), rows))
    return np.concatenate(
        network.side_by_side(
            lambda chunk: scores.log_p_from_logits(logits(tf.constant(chunk)).numpy()),
            chunks,
        )
    )


def _rows(model: keras.Model, steps: int) -> int:
    """How many sequences go through a model together.

    Fewer of those that are longer than images, and of stock layers, which hold what they
    compute of all steps.
    """
    most = ROWS // 4 if fused.obstacle(model) else ROWS
    return max(1, min(most, most * PIXELS // steps))


@functools.lru_cache(network.COMPILED)
def _logits(model: keras.Model):
    # AutoGraph would look for loops and branches, and there are none for it.
    return tf.function(
        functools.partial(fused.logits, model), autograph=False, reduce_retracing=True
    )


def hidden_states(
    model: keras.Model, symbols: UInt8[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T units"]:
    """What the last recurrent layer holds when it predicts the symbol at t."""
    *_, layer = (layer for layer in model.layers if isinstance(layer, keras.layers.RNN))
    states = keras.Model(model.inputs, layer.output)
    elements = network.encode(symbols, model.input_shape[-1])
    return states.predict(network.shift(elements), batch_size=512, verbose=0)


def rollout(
    models: Sequence[keras.Model],
    known: UInt8[np.ndarray, "N first"],
    uniform: Float[np.ndarray, "N samples unknown"],
) -> list[Rollout]:
    """Continue binary sequences, each network fed with its own predictions.

    The pixel at t is one where p(x_t = 1 | what came before) > u_t. With u uniform on
    [0, 1) this draws from the network; with u = 1/2 everywhere it takes the likelier
    value (argmax). The known prefix is read once and the state carried on; all networks
    go through one compiled loop.

    Args:
        models: networks with one logit.
        known: the pixels that all continuations of an image start from, at least one.
        uniform: the numbers u, one row for each continuation of each image; every network
            gets the same.

    Returns:
        The continuations by each network.
    """
    samples, unknown = uniform.shape[1:]
    images = max(1, ROWS // samples)
    go_on = _go_on(tuple(models))

    def of_chunk(start: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rows = slice(start, start + images)
        thresholds = tf.constant(uniform[rows].reshape(-1, unknown), tf.float32)
        results = go_on(tf.constant(known[rows]), thresholds)
        return [
            (
                pixels.numpy().reshape(-1, samples, unknown),
                scores.log_p_from_logits(logits.numpy().reshape(-1, samples, unknown, 1)),
            )
            for pixels, logits in results
        ]

    chunks = network.side_by_side(of_chunk, range(0, len(known), images))
    return [Rollout(*map(np.concatenate, zip(*parts))) for parts in zip(*chunks)]


@functools.lru_cache(network.COMPILED)
def _go_on(models: tuple[keras.Model, ...]):
    """Compiled: read what is known, repeat the state for every continuation, go on."""

    @tf.function(reduce_retracing=True)
    def go_on(known, thresholds):
        steppers = [fused.stepper(model) for model in models]
        elements = network.shift(network.encode(known, 1))
        images, rows = tf.shape(known)[0], tf.shape(thresholds)[0]
        states = [network.initial_state(model, images) for model in models]
        for t in tf.range(tf.shape(known)[1]):
            states = [
                step(elements[:, t], state)[1] for step, state in zip(steppers, states)
            ]
        states, last = tf.nest.map_structure(
            lambda values: tf.repeat(values, rows // images, axis=0),
            (states, network.encode(known[:, -1], 1)),
        )
        lasts, count = [last for _ in models], tf.shape(thresholds)[1]
        # On the scale of logits the comparison p > u is logit > log u - log(1 - u).
        bounds = tf.transpose(tf.math.log(thresholds) - tf.math.log1p(-thresholds))
        drawn = [tf.TensorArray(tf.float32, count) for _ in models]
        predicted = [tf.TensorArray(tf.float32, count) for _ in models]
        for t in tf.range(count):
            after = [
                step(last, state) for step, last, state in zip(steppers, lasts, states)
            ]
            states = [state for _, state in after]
            lasts = [
                tf.cast(logit > bounds[t, :, tf.newaxis], tf.float32) for logit, _ in after
            ]
            drawn = [array.write(t, last[:, 0]) for array, last in zip(drawn, lasts)]
            predicted = [
                array.write(t, logit[:, 0]) for array, (logit, _) in zip(predicted, after)
            ]
        return [
            (tf.cast(tf.transpose(pixels.stack()), tf.uint8), tf.transpose(logits.stack()))
            for pixels, logits in zip(drawn, predicted)
        ]

    return go_on
