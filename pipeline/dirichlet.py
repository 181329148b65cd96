"""Dirichlet-categorical sequences with periodic resets, and exact Bayes on them.

Character 0 is the reset, characters 1 .. K-1 are the symbols. A reset stands at t = 0,
`reset_every`, 2 `reset_every`, ...; the symbols after it are independent draws from one
Categorical(p), and each period has its own p ~ Dirichlet(alpha).
"""

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Float, Integer, UInt8

# So many can be enumerated in seconds.
MOST_COUNT_VECTORS = 100_000


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
    log_p = np.full((sequences, steps, len(alpha) + 1), -np.inf)
    log_p[:, is_reset, 0] = 0.0
    log_p[:, ~is_reset, 1:] = symbol_predictive(characters, alpha, reset_every)[
        :, ~is_reset
    ]
    return log_p


def symbol_predictive(
    characters: UInt8[np.ndarray, "N steps"], alpha: tuple[float, ...], reset_every: int
) -> Float[np.ndarray, "N steps symbols"]:
    """Exact log predictive probability of each symbol, given that a symbol comes.

    Forgets at t = 0, `reset_every`, ..., whatever stands there, and counts no resets
    elsewhere: what one expects who is sure of `reset_every`, also of sequences in which
    the resets come at other times.
    """
    return log_predictive(period_counts(characters, len(alpha), reset_every), alpha)


def period_counts(
    characters: UInt8[np.ndarray, "N steps"], symbols: int, reset_every: int
) -> Integer[np.ndarray, "N steps symbols"]:
    """How often each symbol 1 .. K-1 came before each character in its period."""
    seen = characters[..., None] == np.arange(1, symbols + 1)
    seen[:, ::reset_every] = False
    before = np.cumsum(seen, axis=1) - seen
    # Forget what came before the last reset: nothing is counted at it, so the running
    # total there is that of all earlier periods.
    last_reset = np.arange(characters.shape[1]) // reset_every * reset_every
    return before - before[:, last_reset]


def log_predictive(
    counts: Integer[np.ndarray, "*batch symbols"], alpha: tuple[float, ...]
) -> Float[np.ndarray, "*batch symbols"]:
    """Log of (alpha_k + N_k) / (sum alpha + sum N)."""
    weights = np.asarray(alpha) + counts
    return np.log(weights) - np.log(weights.sum(axis=-1, keepdims=True))


def log_known(
    probabilities: Float[np.ndarray, "N periods symbols"], steps: int, reset_every: int
) -> Float[np.ndarray, "N steps K"]:
    """The predictor that is told the p of each period: log p, the reset certain."""
    time = np.arange(steps)
    with np.errstate(divide="ignore"):  # the logarithm of no chance is -inf
        symbols = np.log(probabilities[:, time // reset_every])
    log_p = np.concatenate([np.full((*symbols.shape[:2], 1), -np.inf), symbols], axis=-1)
    log_p[:, ::reset_every] = -np.inf
    log_p[:, ::reset_every, 0] = 0.0
    return log_p


def count_vectors(total: int, symbols: int) -> Integer[np.ndarray, "C symbols"]:
    """All vectors N of counts with sum N = `total`, each once.

    Raises:
        ValueError: there are more than MOST_COUNT_VECTORS.
    """
    # Stars and bars: the bars' places among stars and bars divide the stars.
    places = total + symbols - 1
    if comb(places, symbols - 1) > MOST_COUNT_VECTORS:
        raise ValueError(
            f"counts: {symbols} symbols can be counted to {total} in "
            f"{comb(places, symbols - 1):,} ways; allowed: up to {MOST_COUNT_VECTORS:,}; "
            "choose fewer symbols or a shorter period"
        )
    bars = np.array(list(combinations(range(places), symbols - 1)), dtype=np.int64)
    edges = np.pad(bars.reshape(-1, symbols - 1), ((0, 0), (1, 1)), constant_values=-1)
    edges[:, -1] = places
    return np.diff(edges, axis=1) - 1


def log_p_of_counts(
    counts: Integer[np.ndarray, "C symbols"], alpha: tuple[float, ...]
) -> Float[np.ndarray, "C"]:
    """Log probability of counts N after sum N symbols of a period.

    p(N) = n! / (alpha_0)_n prod_k (alpha_k)_{N_k} / N_k!, where alpha_0 = sum alpha,
    n = sum N and (a)_n = a (a + 1) ... (a + n - 1): the Dirichlet-multinomial
    distribution.

    Source: Mosimann 1962, On the compound multinomial distribution, Biometrika 49.
    """
    total = counts.sum(axis=1)
    log_p = _log_rising(1.0, total) - _log_rising(float(np.sum(alpha)), total)
    for number, concentration in zip(counts.T, alpha):
        log_p += _log_rising(concentration, number) - _log_rising(1.0, number)
    return log_p


def _log_rising(start: float, factors: Integer[np.ndarray, "C"]) -> Float[np.ndarray, "C"]:
    """Log of the rising factorial start (start + 1) ... (start + factors - 1)."""
    logs = np.log(start + np.arange(factors.max(initial=0)))
    return np.concatenate([[0.0], np.cumsum(logs)])[factors]
