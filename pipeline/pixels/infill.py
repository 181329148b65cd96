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

    The values of the images at missing pixels, which are listed in raster order, are ignored.
    """
    shape = len(images), 2 ** missing.shape[1]
    scores = CompletionScores(np.empty(shape), np.empty(shape))
    follow = _follow(model)

    def score_chunk(rows: np.ndarray) -> None:
        *tree, image, completion = _grow(images[rows], missing[rows])
        for total, target in zip(follow(len(rows), *tree), scores):
            target[rows[image], completion] = total.numpy()

    # Images that split at about the same time keep the number of states even.
    order = np.argsort(missing[:, 0]) if missing.shape[1] else np.arange(len(images))
    # No fewer chunks than there are threads.
    chunk = max(1, min(ROWS >> missing.shape[1], -(-len(images) // parallel.threads())))
    chunks = (order[start : start + chunk] for start in range(0, len(order), chunk))
    parallel.side_by_side(score_chunk, chunks)
    return scores


def _grow(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> tuple[np.ndarray, ...]:
    """The tree of the states that a batch of images needs, pixel by pixel.

    A state keeps its row permanently. Where it splits, it continues with the value 0, and a
    new row, appended, with the value 1.

    Returns:
        value, is_missing: the value that each row reads at each pixel, and whether it was
            missing; rows of pixel t are start[t] to start[t + 1].
        start, born, birth: the parents of the rows that are appended at pixel t are
            born[birth[t]] to born[birth[t + 1]].
        image, completion: the owners of the rows after the last pixel.
    """
    # What the value 1 at a missing pixel adds to the number of a completion.
    bit = np.zeros(images.shape, np.int64)
    np.put_along_axis(bit, missing, 1 << np.arange(missing.shape[1]), axis=1)
    image = np.arange(len(images))
    completion = np.zeros(len(images), np.int64)
    values, flags, births = [], [], []
    for t in range(images.shape[1]):
        born = np.flatnonzero(bit[image, t])
        value = images[image, t]
        value[born] = 0
        values.append(np.concatenate([value, np.ones(len(born), np.uint8)]))
        completion = np.concatenate([completion, completion[born] + bit[image[born], t]])
        image = np.concatenate([image, image[born]])
        flags.append(bit[image, t] > 0)
        births.append(born)
    value, is_missing, born = map(np.concatenate, (values, flags, births))
    start, birth = (np.cumsum([0, *map(len, parts)]) for parts in (values, births))
    return value, is_missing, start, born, birth, image, completion


@functools.lru_cache(parallel.COMPILED)
def _follow(model: keras.Model):
    """Compiled: advance all states of a tree; both totals of each row at the end.

    `prediction.generate` could do this with a row for every completion from the first
    missing pixel on. It takes a third longer, so trees have a loop of their own.
    """

    @tf.function(reduce_retracing=True)
    def follow(count, value, is_missing, start, born, birth):
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
