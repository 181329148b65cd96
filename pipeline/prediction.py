"""What the network says about sequences: conditionals, likelihoods, and rollouts."""

import functools

import keras
import numpy as np
import tensorflow as tf
from jaxtyping import Float, UInt8

from pipeline import fused, network, scores


def log_p_next(
    model: keras.Model, symbols: UInt8[np.ndarray, "N T"], batch_size: int = 512
) -> Float[np.ndarray, "N T K"]:
    """Log probability of each possible symbol at t given the symbols before t.

    The same form as the exact `dirichlet.posterior_predictive`.

    Args:
        model: from `network.build`, or one loaded from a file.
        symbols: values 0 .. K-1.
        batch_size: sequences in one forward pass; changes memory, not the result.

    Returns:
        float32, natural logarithms; K = 2 for a network with one logit.
    """
    logits = [
        part.numpy()
        for start in range(0, len(symbols), batch_size)
        for part in _logits(model)(tf.constant(symbols[start : start + batch_size]))
    ]
    return scores.log_p_from_logits(np.concatenate(logits))


@functools.cache
def _logits(model: keras.Model):
    """Logits of a batch of sequences, its parts side by side."""

    @tf.function(reduce_retracing=True)
    def compute(symbols):
        return [fused.logits(model, part) for part in fused.in_parts(symbols)]

    return compute


def hidden_states(
    model: keras.Model, symbols: UInt8[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T units"]:
    """What the last recurrent layer holds when it predicts the symbol at t."""
    *_, layer = (layer for layer in model.layers if isinstance(layer, keras.layers.RNN))
    states = keras.Model(model.inputs, layer.output)
    elements = network.encode(symbols, model.input_shape[-1])
    return states.predict(network.shift(elements), batch_size=512, verbose=0)


def rollout(
    model: keras.Model,
    known: UInt8[np.ndarray, "N first"],
    uniform: Float[np.ndarray, "N samples unknown"],
) -> tuple[
    UInt8[np.ndarray, "N samples unknown"], Float[np.ndarray, "N samples unknown 2"]
]:
    """Continue binary sequences, the network fed with its own predictions.

    The pixel at t is one where p(x_t = 1 | what came before) > u_t. With u uniform on
    [0, 1) this draws from the network; with u = 1/2 everywhere it takes the likelier
    value (argmax). The known prefix is read once and the state carried on.

    Args:
        model: a network with one logit.
        known: the pixels that all continuations of an image start from, at least one.
        uniform: the numbers u, one row for each continuation of each image.

    Returns:
        The continuations, and the log probabilities of paper and ink at each of their steps
        given the continuation's own past.
    """
    samples = uniform.shape[1]
    state, last = _read(model)(tf.constant(known))
    state, last = tf.nest.map_structure(
        lambda values: tf.repeat(values, samples, axis=0), (state, last)
    )
    thresholds = tf.constant(uniform.reshape(-1, uniform.shape[2]), tf.float32)
    pixels, logits = _continue(model)(state, last, thresholds)
    return (
        pixels.numpy().reshape(uniform.shape),
        scores.log_p_from_logits(logits.numpy().reshape(*uniform.shape, 1)),
    )


@functools.cache
def _read(model: keras.Model):
    """The state after all but the last known pixel, and that last pixel (N, 1)."""

    @tf.function(reduce_retracing=True)
    def read(known):
        elements = network.encode(known, 1)
        state = network.initial_state(model, tf.shape(known)[0])
        first = tf.zeros_like(elements[:, 0])
        _, state = network.step(model, first, state)
        for t in tf.range(tf.shape(known)[1] - 1):
            _, state = network.step(model, elements[:, t], state)
        return state, elements[:, -1]

    return read


@functools.cache
def _continue(model: keras.Model):
    """Step from the last known pixel through all unknown ones."""

    @tf.function(reduce_retracing=True)
    def go_on(state, last, thresholds):
        steps = tf.shape(thresholds)[1]
        # On the scale of logits the comparison p > u is logit > log u - log(1 - u).
        bounds = tf.math.log(thresholds) - tf.math.log1p(-thresholds)
        pixels = tf.TensorArray(tf.float32, steps)
        logits = tf.TensorArray(tf.float32, steps)
        for t in tf.range(steps):
            logit, state = network.step(model, last, state)
            last = tf.cast(logit > bounds[:, t, tf.newaxis], tf.float32)
            pixels = pixels.write(t, last[:, 0])
            logits = logits.write(t, logit[:, 0])
        by_row = tf.transpose(pixels.stack()), tf.transpose(logits.stack())
        return tf.cast(by_row[0], tf.uint8), by_row[1]

    return go_on
