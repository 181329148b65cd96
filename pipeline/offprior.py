"""Predictors on sequences that their own prior did not make."""

import numpy as np
from jaxtyping import Float, UInt8

from pipeline import dirichlet, scores


def given_a_symbol(log_p: Float[np.ndarray, "N T K"]) -> Float[np.ndarray, "N T symbols"]:
    """Log probability of each symbol given that no reset comes."""
    symbols = log_p[..., 1:]
    return symbols - scores.log_sum_exp(symbols)


def against_own_and_matched(
    log_q: Float[np.ndarray, "N T symbols"],
    characters: UInt8[np.ndarray, "N T"],
    own: tuple[tuple[float, ...], int],
    matched: Float[np.ndarray, "N T symbols"],
) -> dict[str, float]:
    """A predictor beside two exact ones where symbols came, in nats per symbol.

    All are given that a symbol comes: an exact predictor with another period would have
    called what it sees impossible.

    Args:
        log_q: the predictor.
        characters: the sequences.
        own: alpha and reset_every that the predictor was trained on; the exact predictor
            `own` is sure of both.
        matched: the exact predictor of what made the sequences.

    Returns:
        Mean cross-entropies network, own and matched; network_less_own and
        network_less_matched, paired by sequence; kl_own = KL(own || network). With `_se`.
    """
    is_symbol = characters != 0
    alpha, reset_every = own
    log_own = dirichlet.symbol_predictive(characters, alpha, reset_every)
    came = np.maximum(characters, 1) - 1
    nats = {
        name: scores.nats(log_p, came)
        for name, log_p in (("network", log_q), ("own", log_own), ("matched", matched))
    }
    values = nats | {
        "network_less_own": nats["network"] - nats["own"],
        "network_less_matched": nats["network"] - nats["matched"],
        "kl_own": scores.kl(log_own, log_q),
    }
    row: dict[str, float] = {}
    for name, value in values.items():
        by_sequence = np.mean(value, axis=1, where=is_symbol)
        row[name], row[f"{name}_se"] = scores.estimate(by_sequence)
    return row


def simplex_grid(symbols: int, steps: int) -> Float[np.ndarray, "points symbols"]:
    """Probability vectors whose entries are multiples of 1 / steps, corners included."""
    return dirichlet.count_vectors(steps, symbols) / steps
