"""Dirichlet-categorical sequences with periodic resets, and exact Bayes on them.

Character 0 is the reset, characters 1 .. K-1 are the symbols. A reset comes at t = 0,
`reset_every`, 2 `reset_every`, ...; the symbols after it are independent draws from one
Categorical(p), and each period has its own p ~ Dirichlet(alpha).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np
from jaxtyping import Float, Integer, UInt8
from scipy.stats import dirichlet_multinomial

# Log p(x_t = k | x_<t), shape (N, T, K), of characters x (N, T): learned and exact alike.
Predictor = Callable[[np.ndarray], np.ndarray]

# Upper limit on count vectors; takes seconds.
MOST_COUNT_VECTORS = 100_000


@dataclass(frozen=True)
class Source:
    """Sequences with a new p ~ Dirichlet(alpha) in each period, and their exact predictor.

    `alpha` is of the symbols 1 .. K-1; a period has `reset_every` characters, the reset
    included.
    """

    alpha: tuple[float, ...]
    reset_every: int

    @property
    def symbols(self) -> int:
        """Number of symbols, K - 1."""
        return len(self.alpha)

    def draw(
        self, rng: np.random.Generator, sequences: int, steps: int
    ) -> tuple[UInt8[np.ndarray, "N T"], Float[np.ndarray, "N periods symbols"]]:
        """Sequences, and the p of each of their periods."""
        p = rng.dirichlet(self.alpha, size=(sequences, -(-steps // self.reset_every)))
        return KnownP(p, self.reset_every).draw(rng, sequences, steps)

    def batches(
        self, seed: np.random.SeedSequence, batch_size: int, steps: int
    ) -> Iterator[UInt8[np.ndarray, "batch T"]]:
        """Batches of fresh sequences without end; the same ones for the same seed."""
        rng = np.random.default_rng(seed)
        while True:
            yield self.draw(rng, batch_size, steps)[0]

    def first_sequences(
        self, sequences: int, seed: np.random.SeedSequence, batch_size: int, steps: int
    ) -> UInt8[np.ndarray, "N T"]:
        """The first sequences of `batches`."""
        some = islice(self.batches(seed, batch_size, steps), -(-sequences // batch_size))
        return np.concatenate(list(some))[:sequences]

    def log_p_next(self, characters: UInt8[np.ndarray, "N T"]) -> Float[np.ndarray, "N T K"]:
        """Exact log predictive probability of each character given its own period so far.

        p(x_t = k | x_<t) = (alpha_k + N_k) / (sum alpha + sum N), N counting the symbols
        since the last reset before t; at a reset the reset itself has probability one.

        Raises:
            ValueError: if the resets are not where `reset_every` says.

        Source: conjugacy of Dirichlet and categorical, Gelman et al., Bayesian Data
        Analysis (3rd ed.), section 3.4.
        """
        is_reset = np.arange(characters.shape[1]) % self.reset_every == 0
        if not np.array_equal(characters == 0, np.broadcast_to(is_reset, characters.shape)):
            raise ValueError(
                f"characters: expected 0 at every {self.reset_every}th step from the first "
                "and nowhere else; got another pattern of resets; pass sequences drawn "
                "with the same reset_every"
            )
        return with_resets(self.log_p_symbol(characters), self.reset_every)

    def log_p_symbol(
        self, characters: UInt8[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N T symbols"]:
        """Exact log predictive probability of each symbol, given that a symbol comes.

        Forgets at t = 0, `reset_every`, ..., whatever comes there, and counts no resets
        elsewhere: it is sure of `reset_every`, also where resets come at other times.
        """
        return log_predictive(self.count(characters), self.alpha)

    def count(self, characters: UInt8[np.ndarray, "N T"]) -> Integer[np.ndarray, "N T symbols"]:
        """How often each symbol 1 .. K-1 came before each character in its period."""
        seen = characters[..., None] == np.arange(1, self.symbols + 1)
        seen[:, :: self.reset_every] = False
        before = np.cumsum(seen, axis=1) - seen
        # Forget what came before the last reset: nothing is counted at it, so the running
        # total there is that of all earlier periods.
        time = np.arange(characters.shape[1])
        return before - before[:, time // self.reset_every * self.reset_every]


@dataclass(frozen=True, eq=False)
class KnownP:
    """Sequences with a given p, and the predictor that knows it.

    p holds the probabilities of the symbols 1 .. K-1: one vector for all sequences and
    periods, or one for each.
    """

    p: Float[np.ndarray, "*batch symbols"]
    reset_every: int

    def draw(
        self, rng: np.random.Generator, sequences: int, steps: int
    ) -> tuple[UInt8[np.ndarray, "N T"], Float[np.ndarray, "N periods symbols"]]:
        """Sequences, and the p of each of their periods."""
        time = np.arange(steps)
        shape = (sequences, -(-steps // self.reset_every), self.p.shape[-1])
        p = np.broadcast_to(self.p, shape)
        cumulative = np.cumsum(p, axis=-1)
        uniform = rng.random((sequences, steps))
        characters = np.ones(uniform.shape, np.uint8)
        # Inverse CDF: a symbol for each threshold passed. The last threshold is 1 up to
        # rounding and is left out, so that no draw can pass all of them.
        for symbol in range(shape[-1] - 1):
            characters += uniform >= cumulative[:, time // self.reset_every, symbol]
        characters[:, :: self.reset_every] = 0
        return characters, p

    def log_p_next(self, characters: UInt8[np.ndarray, "N T"]) -> Float[np.ndarray, "N T K"]:
        """Log p of each character, -inf where it is zero; the reset is certain."""
        return with_resets(self.log_p_symbol(characters), self.reset_every)

    def log_p_symbol(
        self, characters: UInt8[np.ndarray, "N T"]
    ) -> Float[np.ndarray, "N T symbols"]:
        """Log p of each symbol, given that a symbol comes."""
        sequences, steps = characters.shape
        period = np.arange(steps) // self.reset_every
        p = np.broadcast_to(self.p, (sequences, period[-1] + 1, self.p.shape[-1]))
        with np.errstate(divide="ignore"):  # the logarithm of no chance is -inf
            return np.log(p[:, period])


def with_resets(
    log_p: Float[np.ndarray, "N T symbols"], reset_every: int
) -> Float[np.ndarray, "N T K"]:
    """Log p with the reset as character 0: certain where it is due, else impossible."""
    full = np.pad(log_p, ((0, 0), (0, 0), (1, 0)), constant_values=-np.inf)
    full[:, ::reset_every, 1:] = -np.inf
    full[:, ::reset_every, 0] = 0.0
    return full


def log_predictive(
    counts: Integer[np.ndarray, "*batch symbols"], alpha: tuple[float, ...]
) -> Float[np.ndarray, "*batch symbols"]:
    """Log of (alpha_k + N_k) / (sum alpha + sum N)."""
    weights = np.asarray(alpha) + counts
    return np.log(weights) - np.log(weights.sum(axis=-1, keepdims=True))


def count_vectors(total: int, symbols: int) -> Integer[np.ndarray, "vectors symbols"]:
    """All vectors N of counts with sum N = `total`, each once.

    Raises:
        ValueError: if there are more than MOST_COUNT_VECTORS.
    """
    places = total + symbols - 1
    ways = comb(places, total)
    if ways > MOST_COUNT_VECTORS:
        raise ValueError(
            f"counts: {symbols} symbols can be counted to {total} in {ways:,} ways; "
            f"allowed: up to {MOST_COUNT_VECTORS:,}; choose fewer symbols or a shorter period"
        )
    # Stars and bars: the bars' places among stars and bars divide the stars.
    bars = np.array(list(combinations(range(places), symbols - 1)))
    return np.diff(bars, axis=1, prepend=-1, append=places) - 1


def log_p_counts(
    counts: Integer[np.ndarray, "vectors symbols"], alpha: tuple[float, ...]
) -> Float[np.ndarray, "vectors"]:
    """Log probability of counts N after sum N symbols of a period.

    p(N) = n! / (alpha_0)_n prod_k (alpha_k)_{N_k} / N_k!, where alpha_0 = sum alpha,
    n = sum N and (a)_n = a (a + 1) ... (a + n - 1): the Dirichlet-multinomial
    distribution.

    Source: Mosimann 1962, On the compound multinomial distribution, Biometrika 49.
    """
    return dirichlet_multinomial.logpmf(counts, alpha, counts.sum(axis=1))
