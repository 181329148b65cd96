"""Dirichlet-categorical sequences with periodic resets, and exact Bayes on them.

Character 0 is the reset, characters 1 .. K-1 are the symbols. A reset stands at t = 0,
`reset_every`, 2 `reset_every`, ...; the symbols after it are independent draws from one
Categorical(p), and each period has its own p ~ Dirichlet(alpha).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8


def periods(steps: int, reset_every: int) -> int:
    """How many periods, the last perhaps cut short, `steps` characters touch."""
    return -(-steps // reset_every)


def draw_probabilities(
    rng: np.random.Generator,
    alpha: tuple[float, ...],
    sequences: int,
    steps: int,
    reset_every: int,
) -> Float[np.ndarray, "N periods symbols"]:
    """The p of each period: independent draws from Dirichlet(alpha)."""
    return rng.dirichlet(alpha, size=(sequences, periods(steps, reset_every)))


def draw_sequences(
    rng: np.random.Generator,
    probabilities: Float[np.ndarray, "N periods symbols"],
    steps: int,
    reset_every: int,
) -> UInt8[np.ndarray, "N steps"]:
    """Characters drawn given the p of each period.

    Args:
        rng: source of randomness.
        probabilities: p of the symbols 1 .. K-1 in each period.
        steps: T, characters in a sequence.
        reset_every: characters in a period, the reset included.

    Returns:
        (N, T) characters: 0 at each reset, 1 .. K-1 elsewhere.
    """
    cumulative = np.cumsum(probabilities, axis=-1)
    time = np.arange(steps)
    uniform = rng.random((len(probabilities), steps))
    characters = np.ones(uniform.shape, np.uint8)
    # Inverse CDF: a symbol for each threshold passed. The last threshold is 1 up to
    # rounding and is left out, so that no draw can pass all of them.
    for symbol in range(cumulative.shape[-1] - 1):
        characters += uniform >= cumulative[:, time // reset_every, symbol]
    characters[:, ::reset_every] = 0
    return characters


def draw_batches(
    seed: np.random.SeedSequence,
    alpha: tuple[float, ...],
    batch_size: int,
    steps: int,
    reset_every: int,
) -> Iterator[UInt8[np.ndarray, "batch steps"]]:
    """Batches of fresh sequences without end; the same ones each time for the same seed."""
    rng = np.random.default_rng(seed)
    while True:
        p = draw_probabilities(rng, alpha, batch_size, steps, reset_every)
        yield draw_sequences(rng, p, steps, reset_every)


def posterior_predictive(
    characters: UInt8[np.ndarray, "N steps"], alpha: tuple[float, ...], reset_every: int
) -> Float[np.ndarray, "N steps K"]:
    """Exact log predictive probability of each character given its own period so far.

    p(x_t = k | x_<t) = (alpha_k + N_k) / (sum alpha + sum N), N counting the symbols
    since the last reset before t; at a reset the reset itself has probability one.

    Args:
        characters: 0 at each reset, 1 .. K-1 elsewhere.
        alpha: Dirichlet concentration of the symbols 1 .. K-1, all positive.
        reset_every: characters in a period, the reset included.

    Returns:
        Natural logarithms, -inf where the probability is zero.

    Raises:
        ValueError: the resets do not stand where `reset_every` says.

    Source: conjugacy of Dirichlet and categorical, Gelman et al., Bayesian Data
    Analysis (3rd ed.), section 3.4.
    """
    sequences, steps = characters.shape
    is_reset = np.arange(steps) % reset_every == 0
    if not np.array_equal(characters == 0, np.broadcast_to(is_reset, characters.shape)):
        raise ValueError(
            f"characters: expected 0 at every {reset_every}th step from the first and "
            "nowhere else; got another pattern of resets; pass sequences drawn with the "
            "same reset_every"
        )
    seen = np.asarray(characters)[..., None] == np.arange(1, len(alpha) + 1)
    before = np.cumsum(seen, axis=1) - seen
    # Forget what came before the last reset: at a reset nothing is counted, so the
    # running total there is that of all earlier periods.
    last_reset = np.arange(steps) // reset_every * reset_every
    counts = before - before[:, last_reset]
    log_p = np.full((sequences, steps, len(alpha) + 1), -np.inf)
    log_p[:, is_reset, 0] = 0.0
    log_p[:, ~is_reset, 1:] = np.log(
        (np.asarray(alpha) + counts[:, ~is_reset])
        / (np.sum(alpha) + counts[:, ~is_reset].sum(-1, keepdims=True))
    )
    return log_p
