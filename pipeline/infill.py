"""The network on images with missing pixels: exact scores, and the write-up's plans.

Completions of one image agree up to its first missing pixel, so they share the network's
state there. From then on a state splits in two at each missing pixel, and only there:
between two missing pixels there are 1, 2, 4, ... states, and 2^M after the last. The
result is that of one full pass for each completion, up to rounding.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from jaxtyping import Float, Float64, Int, UInt8

from pipeline import completions, fused, network

# States that are advanced together: enough to keep the processor busy, few enough to stay
# in its cache.
ROWS = 2048


class CompletionScores(NamedTuple):
    """Log probabilities, in nats, of each of the C = 2^M completions of N images.

    log_joint: log p(X), the sum over all pixels.
    log_given_past: the sum over the missing pixels alone, log of the product of
        p(x_m | x_<m), earlier missing pixels as in the completion. It is normalised over
        completions, but blind to what comes after each missing pixel.
    """

    log_joint: Float64[np.ndarray, "N C"]
    log_given_past: Float64[np.ndarray, "N C"]


def score_completions(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> CompletionScores:
    """Score every completion of every image, sharing all that they have in common.

    Args:
        model: a network with one logit.
        images: binary, raster order; the values at missing pixels are not looked at.
        missing: raster indices of M missing pixels of each image, ascending.
    """
    shape = len(images), 2 ** missing.shape[1]
    scores = CompletionScores(np.empty(shape), np.empty(shape))
    follow = _follow(model)

    def of_chunk(chunk: np.ndarray) -> None:
        tree = _grow(images[chunk], missing[chunk])
        totals = follow(
            len(chunk), tree.value, tree.start, tree.born, tree.birth, tree.is_missing
        )
        for total, target in zip(totals, scores):
            target[chunk[tree.image], tree.completion] = total.numpy()

    # Images that split at about the same time keep the number of states even.
    order = np.argsort(missing[:, 0]) if missing.shape[1] else np.arange(len(images))
    network.side_by_side(of_chunk, _chunks(order, ROWS >> missing.shape[1]))
    return scores


class _Tree(NamedTuple):
    """The states that a batch of images needs, pixel by pixel.

    A state keeps its row for ever. Where it splits, it goes on with the value 0, and a
    new row, appended, with the value 1.

    value, is_missing: what each row reads at each pixel, and whether it was missing; rows
        of pixel t are start[t] to start[t + 1].
    born: the parents of the rows that are appended at pixel t, birth[t] to birth[t + 1].
    image, completion: what the rows after the last pixel belong to.
    """

    value: UInt8[np.ndarray, "reads"]
    is_missing: UInt8[np.ndarray, "reads"]
    start: Int[np.ndarray, "starts"]
    born: Int[np.ndarray, "births"]
    birth: Int[np.ndarray, "starts"]
    image: Int[np.ndarray, "rows"]
    completion: Int[np.ndarray, "rows"]


def _grow(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> _Tree:
    is_missing = np.zeros(images.shape, np.uint8)
    np.put_along_axis(is_missing, missing, 1, axis=1)
    # What the value 1 at a missing pixel adds to the number of a completion.
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


@functools.lru_cache(network.COMPILED)
def _follow(model: keras.Model):
    """Compiled: advance all states of a tree; both totals of each row at the end."""

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


def greedy_fill(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> Int[np.ndarray, "N"]:
    """The write-up's first plan: the completion whose argmax continuation fits best.

    After the last missing pixel the network goes on from each completion by argmax; the
    completion is chosen for which the known future pixels have the lowest cross-entropy
    along that continuation. Of equals the first: without any future, all paper.

    Returns:
        The number c of the chosen completion of each image.
    """
    filled = completions.complete(images, missing)
    future = np.arange(images.shape[1]) > missing[:, -1:]
    free = np.broadcast_to(future[:, None], filled.shape)
    half = np.full(filled.shape, 0.5, np.float32)
    _, nats = generate(model, filled, free, half)
    return (nats * future[:, None]).sum(axis=2, dtype=np.float64).argmin(axis=1)


def sampled_fill(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
    uniform: Float[np.ndarray, "N samples pixels"],
) -> Int[np.ndarray, "N"]:
    """The write-up's second plan: the completion whose drawn continuations fit best.

    The missing pixels and everything after the last are drawn from the network. The
    continuations are split by the values that they drew for the missing pixels, and the
    values are chosen whose continuations have the lowest mean cross-entropy against the
    known future pixels. Values that were never drawn cannot be chosen.

    Args:
        model: a network with one logit.
        images: binary, raster order; the values at missing pixels are not looked at.
        missing: raster indices, ascending.
        uniform: a number for each pixel of each continuation, from [0, 1).

    Returns:
        The number c of the chosen completion of each image.
    """
    future = np.arange(images.shape[1]) > missing[:, -1:]
    free = future.copy()
    np.put_along_axis(free, missing, True, axis=1)
    repeated = np.repeat(images[:, None], uniform.shape[1], axis=1)
    values, nats = generate(
        model, repeated, np.broadcast_to(free[:, None], repeated.shape), uniform
    )
    cost = (nats * future[:, None]).sum(axis=2, dtype=np.float64)
    drawn = completions.number(np.take_along_axis(values, missing[:, None], axis=2))
    which = drawn[:, :, None] == np.arange(2 ** missing.shape[1])
    count = which.sum(axis=1)
    total = (cost[:, :, None] * which).sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return mean.argmin(axis=1)


def generate(
    model: keras.Model,
    images: UInt8[np.ndarray, "N samples pixels"],
    free: np.ndarray,
    uniform: Float[np.ndarray, "N samples pixels"],
) -> tuple[UInt8[np.ndarray, "N samples pixels"], Float[np.ndarray, "N samples pixels"]]:
    """Read known pixels, generate free ones, and score the image's own values throughout.

    Up to where the first of the images that go together has continuations that part, an
    image's are computed as one.

    Args:
        model: a network with one logit.
        images: binary, raster order.
        free: (N, samples, pixels) whether the network generates this pixel: one where
            p(x_t = 1 | what it has read and generated) > u_t. Otherwise it reads it.
        uniform: the numbers u.

    Returns:
        What was read or generated; and -log p in nats of the image's own value at each
        pixel, given what was read and generated before it.
    """
    run, pixels = _generate(model), images.shape[-1]
    values, nats = np.empty_like(images), np.empty(images.shape, np.float32)
    # From the first such pixel on the continuations of an image may differ.
    apart = (free | (images != images[:, :1])).any(axis=1)
    first = np.where(apart.any(axis=1), apart.argmax(axis=1), pixels)

    def of_chunk(chunk: np.ndarray) -> None:
        arrays = images[chunk], free[chunk], uniform[chunk].astype(np.float32)
        found = run(*map(tf.constant, (*arrays, int(first[chunk].min()))))
        for part, target in zip(found, (values, nats)):
            target[chunk] = part.numpy().reshape(-1, *images.shape[1:])

    # Images that part at about the same time have much to share.
    network.side_by_side(of_chunk, _chunks(np.argsort(first), ROWS // images.shape[1]))
    return values, nats


@functools.lru_cache(network.COMPILED)
def _generate(model: keras.Model):
    """Compiled: before `start` a state for each image, then one for each continuation."""

    @tf.function(reduce_retracing=True)
    def run(images, free, uniform, start):
        count, samples, steps = tf.unstack(tf.shape(images))
        # On the scale of logits the comparison p > u is logit > log u - log(1 - u).
        bound = tf.math.log(uniform) - tf.math.log1p(-uniform)
        own, free, bound = (
            tf.transpose(tf.reshape(array, [-1, steps]))
            for array in (tf.cast(images, tf.float32), free, bound)
        )
        common = tf.transpose(tf.cast(images[:, 0], tf.float32))
        step, state = fused.stepper(model), network.initial_state(model, count)
        element = tf.zeros((count, 1))
        values = tf.TensorArray(tf.uint8, steps)
        nats = tf.TensorArray(tf.float32, steps)
        for t in tf.range(start):
            logit, state = step(element, state)
            cost = tf.nn.sigmoid_cross_entropy_with_logits(common[t], logit[:, 0])
            nats = nats.write(t, tf.repeat(cost, samples))
            element = common[t][:, tf.newaxis]
            values = values.write(t, tf.cast(own[t], tf.uint8))
        state, element = tf.nest.map_structure(
            lambda rows: tf.repeat(rows, samples, axis=0), (state, element)
        )
        for t in tf.range(start, steps):
            logit, state = step(element, state)
            logit = logit[:, 0]
            nats = nats.write(t, tf.nn.sigmoid_cross_entropy_with_logits(own[t], logit))
            drawn = tf.cast(logit > bound[t], tf.float32)
            element = tf.where(free[t], drawn, own[t])[:, tf.newaxis]
            values = values.write(t, tf.cast(element[:, 0], tf.uint8))
        return tf.transpose(values.stack()), tf.transpose(nats.stack())

    return run


def _chunks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Runs of at most `size` rows, and no fewer runs than there are threads."""
    size = max(1, min(size, -(-len(rows) // network.threads())))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
