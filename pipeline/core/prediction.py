"""What the network says about sequences: conditionals, states, and what it generates."""

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from jaxtyping import Bool, Float, Float32, UInt8

from pipeline.core import fused, network, parallel, scores

# Sequences that are computed together. Measured: with fewer, single operations cost more
# than what they compute; more gain nothing. MNIST's sets are multiples of it, so that a
# forward pass is compiled for one size only.
ROWS = 1000
# Elements of one forward pass: ROWS images of 784 pixels.
ELEMENTS = 784_000


def log_p_next(model: keras.Model, symbols: UInt8[np.ndarray, "N T"]) -> Float[np.ndarray, "N T K"]:
    """Log probability of each possible symbol at t given the symbols before t.

    The same form as that of an exact predictor. One logit gives K = 2, in double precision.
    """
    if not len(symbols):  # Keras' LSTM would not take them
        dtype = np.float64 if model.output_shape[-1] == 1 else np.float32
        return np.empty((*symbols.shape, max(2, model.output_shape[-1])), dtype)
    logits, rows = _logits(model), _rows(model, symbols.shape[1])

    def predict(start: int) -> np.ndarray:
        found = logits(tf.constant(symbols[start : start + rows])).numpy()
        if found.shape[-1] == 1:
            # In single precision a small logit's two log probabilities tie at log 1/2.
            found = found.astype(np.float64)
        return scores.log_p_from_logits(found)

    return np.concatenate(parallel.side_by_side(predict, range(0, len(symbols), rows)))


def _rows(model: keras.Model, steps: int) -> int:
    """How many sequences go through a model together.

    Fewer if they are long, and a quarter through stock layers, which hold what they compute
    for all steps.
    """
    share = 4 if fused.unsupported_reason(model) else 1
    return max(1, min(ROWS // share, ELEMENTS // share // steps))


@functools.lru_cache(parallel.COMPILED)
def _logits(model: keras.Model):
    # AutoGraph would look for loops and branches, and there are none for it.
    logits = functools.partial(fused.logits, model)
    return tf.function(logits, autograph=False, reduce_retracing=True)


def hidden_states(
    model: keras.Model, symbols: UInt8[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T units"]:
    """What the last recurrent layer holds when it predicts the symbol at t."""
    *_, layer = (layer for layer in model.layers if isinstance(layer, keras.layers.RNN))
    states = keras.Model(model.inputs, layer.output)
    elements = network.encode(symbols, model.input_shape[-1])
    return states.predict(network.shift(elements), batch_size=512, verbose=0)


class Generated(NamedTuple):
    """The result of `generate`.

    values: the values that were read or generated.
    nats: -log p of the sequence's own value at each step, given the values that were read
        and generated before it.
    """

    values: UInt8[np.ndarray, "N samples T"]
    nats: Float32[np.ndarray, "N samples T"]


def generate(
    model: keras.Model,
    sequences: UInt8[np.ndarray, "N samples T"],
    free: Bool[np.ndarray, "N samples T"],
    uniform: Float[np.ndarray, "N samples T"],
) -> Generated:
    """Read known binary values, generate free ones, and score the sequence's own values.

    A free value is one if p(x_t = 1 | values read and generated before) > u_t, else zero.
    With u uniform on [0, 1) this draws from the network; with u = 1/2 it takes the more
    probable value, and zero in a tie (argmax). In a rollout, everything is free from some
    step on. `sequences` are read where nothing is free, and scored everywhere.
    """
    run, (_, samples, steps) = _generate(model), sequences.shape
    values = np.empty(sequences.shape, np.uint8)
    nats = np.empty(sequences.shape, np.float32)
    # Before this step all samples of a sequence are the same, and computed once.
    differs = (free | (sequences != sequences[:, :1])).any(axis=1)
    first = np.where(differs.any(axis=1), differs.argmax(axis=1), steps)
    # Sequences whose samples diverge at about the same step have the most in common.
    order = np.argsort(first, kind="stable")

    def run_chunk(start: int) -> None:
        rows = order[start : start + chunk]
        arrays = sequences[rows], free[rows], uniform[rows].astype(np.float32)
        found = run(*map(tf.constant, (*arrays, int(first[rows].min()))))
        values[rows], logits = (part.numpy().reshape(-1, samples, steps) for part in found)
        nats[rows] = scores.bit_nats(logits, sequences[rows])

    chunk = max(1, ROWS // samples)
    parallel.side_by_side(run_chunk, range(0, len(order), chunk))
    return Generated(values, nats)


def rollout(
    model: keras.Model,
    sequences: UInt8[np.ndarray, "N T"],
    uniform: Float[np.ndarray, "N samples unknown"],
) -> Generated:
    """Continue binary sequences, whose last `unknown` values are free; see `generate`.

    The result has the unknown steps only, (N, samples, unknown).
    """
    first = sequences.shape[1] - uniform.shape[2]
    uniform = np.pad(uniform, ((0, 0), (0, 0), (first, 0)))
    own = np.broadcast_to(sequences[:, None], uniform.shape)
    free = np.broadcast_to(np.arange(uniform.shape[2]) >= first, uniform.shape)
    found = generate(model, own, free, uniform)
    return Generated(found.values[..., first:], found.nats[..., first:])


@functools.lru_cache(parallel.COMPILED)
def _generate(model: keras.Model):
    """Compiled: before `start` one state for each sequence, then one for each sample."""

    @tf.function(reduce_retracing=True)
    def run(sequences, free, uniform, start):
        count, samples, steps = tf.unstack(tf.shape(sequences))
        # On the scale of logits the comparison p > u is logit > log u - log(1 - u).
        bound = tf.math.log(uniform) - tf.math.log1p(-uniform)
        own, free, bound = (
            tf.transpose(tf.reshape(array, [-1, steps]))
            for array in (tf.cast(sequences, tf.float32), free, bound)
        )
        common = tf.transpose(tf.cast(sequences[:, 0], tf.float32))
        step, state = fused.stepper(model), network.initial_state(model, count)
        element = tf.zeros((count, 1))
        values = tf.TensorArray(tf.uint8, steps)
        logits = tf.TensorArray(tf.float32, steps)
        for t in tf.range(start):
            logit, state = step(element, state)
            logits = logits.write(t, tf.repeat(logit[:, 0], samples))
            element = common[t][:, tf.newaxis]
            values = values.write(t, tf.cast(own[t], tf.uint8))
        state, element = tf.nest.map_structure(
            lambda rows: tf.repeat(rows, samples, axis=0), (state, element)
        )
        for t in tf.range(start, steps):
            logit, state = step(element, state)
            logits = logits.write(t, logit[:, 0])
            drawn = tf.cast(logit[:, 0] > bound[t], tf.float32)
            element = tf.where(free[t], drawn, own[t])[:, tf.newaxis]
            values = values.write(t, tf.cast(element[:, 0], tf.uint8))
        return tf.transpose(values.stack()), tf.transpose(logits.stack())

    return run


def draw(model: keras.Model, uniform: Float[np.ndarray, "N T"]) -> UInt8[np.ndarray, "N T"]:
    """Sequences that a network with several logits draws from itself.

    x_t is the first symbol whose cumulative probability, given the symbols drawn before it,
    is above u_t: with u uniform on [0, 1) a draw from the network.
    """
    run, rows = _draw(model), _rows(model, uniform.shape[1])

    def draw_rows(start: int) -> np.ndarray:
        return run(tf.constant(uniform[start : start + rows], tf.float32)).numpy()

    return np.concatenate(parallel.side_by_side(draw_rows, range(0, len(uniform), rows)))


@functools.lru_cache(parallel.COMPILED)
def _draw(model: keras.Model):
    @tf.function(reduce_retracing=True)
    def run(uniform):
        count, steps = tf.unstack(tf.shape(uniform))
        by_time, channels = tf.transpose(uniform), model.input_shape[-1]
        step, state = fused.stepper(model), network.initial_state(model, count)
        element, symbols = tf.zeros((count, channels)), tf.TensorArray(tf.uint8, steps)
        for t in tf.range(steps):
            logits, state = step(element, state)
            # The last one is 1 up to rounding, and is left out, so that no draw can pass it.
            cumulative = tf.cumsum(tf.nn.softmax(logits), axis=-1)[..., :-1]
            passed = by_time[t][:, tf.newaxis] >= cumulative
            symbol = tf.reduce_sum(tf.cast(passed, tf.uint8), axis=-1)
            symbols = symbols.write(t, symbol)
            element = network.encode(symbol, channels)
        return tf.transpose(symbols.stack())

    return run
