"""Predictors out of distribution: on sequences that are not from their own prior."""

import numpy as np
from jaxtyping import Float, UInt8
from scipy.special import logsumexp

from pipeline.core import scores
from pipeline.meta.source import KnownP, Source, count_vectors


def log_p_symbol(log_p: Float[np.ndarray, "N T K"]) -> Float[np.ndarray, "N T symbols"]:
    """Log probability of each symbol given that no reset comes."""
    symbols = log_p[..., 1:]
    return symbols - logsumexp(symbols, axis=-1, keepdims=True)


def compare(
    log_q: Float[np.ndarray, "N T symbols"],
    characters: UInt8[np.ndarray, "N T"],
    own: Source,
    matched: Source | KnownP,
) -> dict[str, float]:
    """A predictor and two exact ones where symbols came, in nats per symbol.

    All are given that a symbol comes: an exact predictor with another period would assign
    it probability zero. The exact predictor `own` is sure of the alpha and the period that
    the predictor was trained on; `matched` knows the source of the sequences.

    Returns:
        Mean cross-entropies network, own and matched; network_less_own and
        network_less_matched, paired by sequence; kl_own = KL(own || network). With `_se`.
    """
    is_symbol = characters != 0
    log_own = own.log_p_symbol(characters)
    predictors = log_q, log_own, matched.log_p_symbol(characters)
    came = np.maximum(characters, 1) - 1
    network, by_own, by_matched = (scores.nats(log_p, came) for log_p in predictors)
    values = {
        "network": network,
        "own": by_own,
        "matched": by_matched,
        "network_less_own": network - by_own,
        "network_less_matched": network - by_matched,
        "kl_own": scores.kl(log_own, log_q),
    }
    return scores.estimates(
        {name: np.mean(value, axis=1, where=is_symbol) for name, value in values.items()}
    )


def simplex_grid(symbols: int, steps: int) -> Float[np.ndarray, "points symbols"]:
    """Probability vectors whose entries are multiples of 1 / steps, corners included."""
    return count_vectors(steps, symbols) / steps
