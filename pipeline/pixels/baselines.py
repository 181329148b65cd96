"""Continuations of a masked image without a network, which a rollout has to beat.

Each guesses all pixels from `first` on, from the pixels before `first` alone. The functions
take and return values in {0, 1}; `log_p_of_guess` attaches probabilities.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.pixels.images import SIDE


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
    log_p = np.empty((*guess.shape, 2))
    for value in (0, 1):
        same = train_guess == value
        count = same.sum(axis=0)
        ink = (same & (train_truth == 1)).sum(axis=0)
        on = np.broadcast_to((ink + 1) / (count + 2), guess.shape)
        chosen = guess == value
        log_p[chosen, 0] = np.log1p(-on[chosen])
        log_p[chosen, 1] = np.log(on[chosen])
    return log_p


def predict(
    train: UInt8[np.ndarray, "train pixels"],
    images: UInt8[np.ndarray, "N pixels"],
    first: int,
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
