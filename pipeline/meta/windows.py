"""Windows of sequences: all that a network sees that is unrolled for a few steps.

A window is a character and the `length` characters after it; each of these is predicted from
those before it in the window, and the first one is given. A window begins anywhere in a
period, so that its place says nothing about the next reset.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

from pipeline.core import scores
from pipeline.meta.source import Source, with_resets

# Stands for characters before a window; it is neither the reset nor a symbol.
UNSEEN = 255


def draw(
    source: Source, rng: np.random.Generator, sequences: int, steps: int
) -> tuple[UInt8[np.ndarray, "N T"], Float[np.ndarray, "N T K"]]:
    """Sequences that begin anywhere in a period, each place with the same probability.

    Returns:
        The characters, one more than `steps`, and log p of each given all characters of its
        period before it, also those before the sequence: the exact predictor's.
    """
    longer, _ = source.draw(rng, sequences, source.reset_every + steps)
    phase = rng.integers(source.reset_every, size=sequences)
    places = phase[:, None] + np.arange(steps + 1)
    characters = np.take_along_axis(longer, places, axis=1)
    return characters, np.take_along_axis(source.log_p_next(longer), places[..., None], axis=1)


def cut(values: np.ndarray, length: int) -> np.ndarray:
    """Sequences (N, steps + 1, ...) as windows (N * (steps // length), length + 1, ...).

    The last character of a window is the first of the next one. What is left at the end is
    dropped.
    """
    rolled = np.lib.stride_tricks.sliding_window_view(values, length + 1, axis=1)
    windows = np.moveaxis(rolled[:, ::length], -1, 2)
    return windows.reshape(-1, *windows.shape[2:])


def log_p_in_window(
    source: Source, characters: UInt8[np.ndarray, "N T"]
) -> Float[np.ndarray, "N T K"]:
    """Exact log predictive probability of each character given those before it in a window.

    p(x_t | x_<t) = sum_f p(f | x_<t) p(x_t | x_<t, f) over the places f in a period at which
    the window may begin, all equally probable before it is read; given f, resets are certain
    and symbols are counted since the last reset or the beginning of the window. No predictor
    that sees no more than the window does better in expectation.
    """
    log_p = np.full((*characters.shape, source.symbols + 1), -np.inf)
    evidence = np.full(characters.shape, -np.inf)
    for phase in range(source.reset_every):
        padded = np.pad(characters, ((0, 0), (phase, 0)), constant_values=UNSEEN)
        own = with_resets(source.log_p_symbol(padded), source.reset_every)[:, phase:]
        # A character that a phase rules out makes it impossible from there on.
        seen = np.cumsum(-scores.nats(own, characters), axis=1)
        before = np.pad(seen, ((0, 0), (1, 0)))[:, : characters.shape[1]]
        evidence = np.logaddexp(evidence, before)
        log_p = np.logaddexp(log_p, own + before[..., None])
    return log_p - evidence[..., None]


def batches(
    source: Source, seed: np.random.SeedSequence, sequences: int, steps: int, length: int
) -> Iterator[UInt8[np.ndarray, "windows T"]]:
    """Mini-batches of windows without end, each of fresh sequences of `steps` characters.

    So every length has as many predicted characters in a mini-batch.
    """
    rng = np.random.default_rng(seed)
    while True:
        yield cut(draw(source, rng, sequences, steps)[0], length)


def mean_of_predicted(
    values: Float[np.ndarray, "windows T"], sequences: int
) -> Float[np.ndarray, "N"]:
    """Mean over the characters of each sequence's windows, without the first of a window."""
    return values[..., 1:].reshape(sequences, -1).mean(axis=1)
