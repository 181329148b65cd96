"""One independent stream of random numbers for each purpose; none is global."""

import numpy as np


def stream(seed: int, *purpose: str) -> np.random.SeedSequence:
    """The seed of a purpose, such as ("weights", "M1").

    It is independent of all other purposes, and of the order in which streams are made:
    the purpose itself is the spawn key.
    """
    return np.random.SeedSequence(seed, spawn_key=tuple("/".join(purpose).encode()))


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """A generator that starts at the beginning of a purpose's stream."""
    return np.random.default_rng(stream(seed, *purpose))


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order (count,) of an epoch's examples: a function of (seed, epoch) alone.

    It does not depend on earlier draws, so that an interrupted and resumed run sees the
    same order as one that was not interrupted.
    """
    return generator(seed, "order", str(epoch)).permutation(count)
