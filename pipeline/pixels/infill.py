"""Exact scores of all completions of images with missing pixels.

The completions of an image agree up to its first missing pixel, so they share the network's
state there. After that, a state splits in two at each missing pixel, and only there:
between two missing pixels there are 1, 2, 4, ... states, and 2^M after the last. The
result is that of one full pass for each completion, up to rounding.
"""

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from jaxtyping import Float64, Int, UInt8

from pipeline.core import fused, network, parallel

# States that are advanced together: enough to keep the processor busy, few enough to stay
# in its cache.
ROWS = 2048


class CompletionScores(NamedTuple):
    """Log probabilities, in nats, of each of the C = 2^M completions of N images.

    log_joint: log p(X), the sum over all pixels.
    log_given_past: the sum over the missing pixels alone, log of the product of
        p(x_m | x_<m), earlier missing pixels as in the completion. It is normalised over
        completions, but ignores the pixels after each missing pixel.
    """

    log_joint: Float64[np.ndarray, "N C"]
    log_given_past: Float64[np.ndarray, "N C"]


def score_completions(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> CompletionScores:
    """Score every completion of every image; states in common are computed once.

    Args:
        model: a network with one logit.
        images: binary, raster order; the values at missing pixels are ignored.
        missing: raster indices of M missing pixels of each image, ascending.
    """
    shape = len(images), 2 ** missing.shape[1]
    scores = CompletionScores(np.empty(shape), np.empty(shape))
    follow = _follow(model)

    def score_chunk(rows: np.ndarray) -> None:
        tree = _grow(images[rows], missing[rows])
        totals = follow(len(rows), tree.value, tree.start, tree.born, tree.birth, tree.is_missing)
        for total, target in zip(totals, scores):
            target[rows[tree.image], tree.completion] = total.numpy()

    # Images that split at about the same time keep the number of states even.
    order = np.argsort(missing[:, 0]) if missing.shape[1] else np.arange(len(images))
    # No fewer chunks than there are threads.
    chunk = max(1, min(ROWS >> missing.shape[1], -(-len(images) // parallel.threads())))
    parallel.side_by_side(
        score_chunk, (order[start : start + chunk] for start in range(0, len(order), chunk))
    )
    return scores


class _Tree(NamedTuple):
    """The states that a batch of images needs, pixel by pixel.

    A state keeps its row permanently. Where it splits, it continues with the value 0, and a
    new row, appended, with the value 1.

    value, is_missing: the value that each row reads at each pixel, and whether it was
        missing; rows of pixel t are start[t] to start[t + 1].
    born: the parents of the rows that are appended at pixel t, birth[t] to birth[t + 1].
    image, completion: the owners of the rows after the last pixel.
    """

    value: UInt8[np.ndarray, "reads"]
    is_missing: UInt8[np.ndarray, "reads"]
    start: Int[np.ndarray, "starts"]
    born: Int[np.ndarray, "births"]
    birth: Int[np.ndarray, "starts"]
    image: Int[np.ndarray, "rows"]
    completion: Int[np.ndarray, "rows"]


def _grow(images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]) -> _Tree:
    is_missing = np.zeros(images.shape, np.uint8)
    np.put_along_axis(is_missing, missing, 1, axis=1)
    # The value 1 at a missing pixel adds this to the number of a completion.
    bit = np.zeros(images.shape, np.int64)
    np.put_along_axis(
        bit, missing, np.broadcast_to(1 << np.arange(missing.shape[1]), missing.shape), 1
    )
    image = np.arange(len(images))
    completion = np.zeros(len(images), np.int64)
    values, flags, births = [], [], []
    for t in range(images.shape[1]):
        born = np.flatnonzero(is_missing[image, t])
        value = images[image, t]
        value[born] = 0
        values.append(np.concatenate([value, np.ones(len(born), np.uint8)]))
        completion = np.concatenate([completion, completion[born] + bit[image[born], t]])
        image = np.concatenate([image, image[born]])
        flags.append(is_missing[image, t])
        births.append(born)
    return _Tree(
        np.concatenate(values),
        np.concatenate(flags),
        _offsets(values),
        np.concatenate(births),
        _offsets(births),
        image,
        completion,
    )


def _offsets(parts: list[np.ndarray]) -> Int[np.ndarray, "starts"]:
    return np.cumsum([0, *map(len, parts)])


@functools.lru_cache(parallel.COMPILED)
def _follow(model: keras.Model):
    """Compiled: advance all states of a tree; both totals of each row at the end.

    `prediction.generate` could do this with a row for every completion from the first
    missing pixel on. It takes a third longer, so trees have a loop of their own.
    """

    @tf.function(reduce_retracing=True)
    def follow(count, value, start, born, birth, is_missing):
        step, state = fused.stepper(model), network.initial_state(model, count)
        element = tf.zeros((count, 1))
        # Double precision: a posterior is a small difference of large sums.
        joint, past = tf.zeros(count, tf.float64), tf.zeros(count, tf.float64)
        for t in tf.range(tf.shape(start)[0] - 1):
            logit, state = step(element, state)
            parents = born[birth[t] : birth[t + 1]]
            logit, state, joint, past = tf.nest.map_structure(
                lambda rows: tf.concat([rows, tf.gather(rows, parents)], 0),  # noqa: B023
                (logit, state, joint, past),
            )
            rows = slice(start[t], start[t + 1])
            element = tf.cast(value[rows], tf.float32)[:, tf.newaxis]
            nats = tf.nn.sigmoid_cross_entropy_with_logits(element, logit)[:, 0]
            log_p = -tf.cast(nats, tf.float64)
            joint += log_p
            past += log_p * tf.cast(is_missing[rows], tf.float64)
        return joint, past

    return lambda count, *arrays: follow(tf.constant(count), *map(tf.constant, arrays))
