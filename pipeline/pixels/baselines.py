"""Continuations of a masked image without a network, which a rollout has to beat.

Each guesses all pixels from `first` on, from the pixels before `first` alone. The functions
take and return values in {0, 1}; `log_p_of_guess` attaches probabilities.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.pixels.images import SIDE

# Training images that `nearest` averages, and test images that it compares with them at once.
NEAREST, CHUNK = 20, 250


def all_zero(images: UInt8[np.ndarray, "N pixels"], first: int) -> UInt8[np.ndarray, "N unknown"]:
    """Paper everywhere."""
    return np.zeros_like(images[:, first:])


def copy_left(images: UInt8[np.ndarray, "N pixels"], first: int) -> UInt8[np.ndarray, "N unknown"]:
    """Each pixel as the one before it in raster order: the last known pixel, repeated."""
    return np.repeat(images[:, first - 1 : first], images.shape[1] - first, axis=1)


def copy_above(images: UInt8[np.ndarray, "N pixels"], first: int) -> UInt8[np.ndarray, "N unknown"]:
    """Each pixel as the one above it: the last SIDE known pixels, repeated."""
    unknown = np.arange(images.shape[1] - first)
    return images[:, first - SIDE + unknown % SIDE]


def majority(
    train: UInt8[np.ndarray, "train pixels"], first: int, count: int
) -> UInt8[np.ndarray, "count unknown"]:
    """Each pixel as in most training images; paper in a tie."""
    guess = (train[:, first:].mean(axis=0) > 0.5).astype(np.uint8)
    return np.tile(guess, (count, 1))


def log_p_of_guess(
    train_guess: UInt8[np.ndarray, "train unknown"],
    train_truth: UInt8[np.ndarray, "train unknown"],
    guess: UInt8[np.ndarray, "N unknown"],
) -> Float[np.ndarray, "N unknown 2"]:
    """Log probabilities of paper and ink, given a baseline's guess at a position.

    p(x_t = 1 | guess) = (n_1 + 1) / (n + 2), where n counts the training images on which
    the baseline guesses the same at t, and n_1 those of them with ink there.

    Source: Laplace's rule of succession, Jaynes, Probability Theory, section 6.11.
    """
    same = train_guess == np.arange(2)[:, None, None]
    ink = (same & (train_truth == 1)).sum(axis=1)
    on = (ink + 1) / (same.sum(axis=1) + 2)
    log_p = np.stack([np.log1p(-on), np.log(on)], axis=-1)
    return log_p[guess, np.arange(guess.shape[1])]


def nearest(
    train: UInt8[np.ndarray, "train pixels"], images: UInt8[np.ndarray, "N pixels"], first: int
) -> Float[np.ndarray, "N unknown 2"]:
    """Log probabilities by the NEAREST training images, those with most known pixels equal.

    p(x_t = 1) = (n_1 + q_t) / (NEAREST + 1), where n_1 of them have ink at t, and q_t is the
    share of all training images with ink there, by Laplace's rule. Of images that are equally
    near, the first ones count.
    """
    known, unknown = train[:, :first].astype(np.float32), train[:, first:]
    # |a - b|^2 = |a|^2 - 2 a b + |b|^2, and |a| is the same for all training images.
    length, number = known.sum(axis=1), np.arange(len(train))
    ink = np.empty((len(images), unknown.shape[1]))
    for start in range(0, len(images), CHUNK):
        own = images[start : start + CHUNK, :first].astype(np.float32)
        distance = (length - 2 * own @ known.T).astype(np.int64)
        ranked = np.argpartition(distance * len(train) + number, NEAREST - 1, axis=1)
        ink[start : start + CHUNK] = unknown[ranked[:, :NEAREST]].sum(axis=1)
    share = (unknown.sum(axis=0) + 1) / (len(train) + 2)
    on = (ink + share) / (NEAREST + 1)
    return np.stack([np.log1p(-on), np.log(on)], axis=-1)


def predict(
    train: UInt8[np.ndarray, "train pixels"], images: UInt8[np.ndarray, "N pixels"], first: int
) -> Iterator[tuple[str, UInt8[np.ndarray, "N unknown"], Float[np.ndarray, "N unknown 2"]]]:
    """Every baseline: its name, its guess, and its log probabilities of paper and ink."""
    rules = {
        "all_zero": all_zero,
        "copy_left": copy_left,
        "copy_above": copy_above,
        "training_majority": lambda own, first: majority(train, first, len(own)),
    }
    for name, rule in rules.items():
        guess = rule(images, first)
        yield name, guess, log_p_of_guess(rule(train, first), train[:, first:], guess)
    log_p = nearest(train, images, first)
    yield "nearest", log_p.argmax(axis=-1).astype(np.uint8), log_p
