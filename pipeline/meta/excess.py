"""A predictor of Dirichlet sequences compared with the exact one, on the same sequences."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from pipeline.core import scores
from pipeline.meta.source import Predictor


def losses(
    predict: Predictor, sequences: Mapping[str, np.ndarray], prefix: str = ""
) -> dict[str, float]:
    """Cross-entropy in nats and accuracy of a predictor, per character.

    They are {prefix}{set}_loss and {prefix}{set}_accuracy of each set of characters (N, T).
    """
    row = {}
    for name, characters in sequences.items():
        found = scores.evaluate(predict(characters), characters)
        row[f"{prefix}{name}_loss"] = found.cross_entropy.mean
        row[f"{prefix}{name}_accuracy"] = found.accuracy.mean
    return row


def compare(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    characters: Integer[np.ndarray, "N T"],
) -> dict[str, float]:
    """A predictor and the exact one on the same sequences, per predicted character.

    Returns:
        cross_entropy, exact_cross_entropy, excess (their difference, paired by sequence),
        all in nats per character; symbol_excess, reset_excess: the part of the excess
        that symbols 1 .. K-1 and resets contribute (they add up to it); kl, the mean of
        KL(exact || predictor); accuracy, exact_accuracy; reset_accuracy, the predictor's
        where a reset came; `_se` behind a name is the standard error over sequences.
    """
    own, best = scores.nats(log_p, characters), scores.nats(exact, characters)
    excess = own - best
    is_reset = characters == 0
    values = {
        "cross_entropy": own,
        "exact_cross_entropy": best,
        "excess": excess,
        "symbol_excess": np.where(is_reset, 0, excess),
        "reset_excess": np.where(is_reset, excess, 0),
        "kl": scores.kl(exact, log_p),
        "accuracy": scores.correct(log_p, characters),
        "exact_accuracy": scores.correct(exact, characters),
    }
    return {"reset_accuracy": reset_accuracy(log_p, characters)} | scores.estimates(
        {name: by_character.mean(axis=1) for name, by_character in values.items()}
    )


def reset_accuracy(
    log_p: Float[np.ndarray, "N T K"], characters: Integer[np.ndarray, "N T"]
) -> float:
    """Share of the resets that a predictor guessed."""
    return float(scores.correct(log_p, characters)[characters == 0].mean())


def expected(
    log_p: Float[np.ndarray, "N T K"], exact: Float[np.ndarray, "N T K"]
) -> dict[str, float]:
    """Expected cross-entropy of a predictor above the exact one's, in nats.

    E[-log q(x_t)] - E[-log p(x_t)] = E[KL(p || q)] over the next character, p being exact;
    so the draw of x_t adds no noise, and only that of the past is left.

    Returns:
        excess, per symbol (resets left out), and excess_per_character; `_se` behind a name
        is the standard error over sequences.
    """
    kl = scores.kl(exact, log_p)
    is_symbol = np.isneginf(exact[0, :, 0])
    per_symbol, per_character = kl[:, is_symbol].mean(axis=1), kl.mean(axis=1)
    return scores.estimates({"excess": per_symbol, "excess_per_character": per_character})


def regret(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    known: Float[np.ndarray, "N T K"],
) -> pd.DataFrame:
    """How far a predictor and the exact one are, at each step, from knowing p.

    The regret of q is KL(p || q) with the p that the period was drawn from, in nats: what
    not knowing p costs at this step. `known` is the predictor that knows p.

    Returns:
        For each step: regrets `network` and `exact`; `difference`, the predictor's less the
        exact one's; `cumulative`, the sum of the differences up to and including this step;
        `_se` behind a name is the standard error over sequences.

    Cf. Genewein et al. 2023, Memory-based meta-learning on non-stationary distributions;
    here we take the expectation over the next symbol instead of the symbol drawn.
    """
    own, best = scores.kl(known, log_p), scores.kl(known, exact)
    columns = {"network": own, "exact": best, "difference": own - best}
    columns |= {"cumulative": np.cumsum(own - best, axis=1)}
    return pd.DataFrame(
        {"step": step}
        | scores.estimates({name: values[:, step] for name, values in columns.items()})
        for step in range(log_p.shape[1])
    )


def p_symbol_1(predict: Predictor, reset_every: int, steps: int) -> Float[np.ndarray, "T"]:
    """A predictor's probability of symbol 1 at each step where no other symbol comes."""
    characters = np.minimum(np.arange(steps) % reset_every, 1).astype(np.uint8)
    return np.exp(predict(characters[None])[0, :, 1]).astype(np.float64)


def bias_by_symbol(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    characters: Integer[np.ndarray, "N T"],
) -> pd.DataFrame:
    """Mean probability of each symbol 1 .. K-1 where no reset is due, and the exact one.

    `difference` is positive where the predictor over-estimates the symbol; `difference_se`
    is its standard error over sequences.
    """
    is_symbol = characters != 0
    table = []
    for symbol in range(1, log_p.shape[-1]):
        network, best = (
            np.mean(np.exp(p[..., symbol]), axis=1, where=is_symbol) for p in (log_p, exact)
        )
        means = {"symbol": symbol, "network": network.mean(), "exact": best.mean()}
        table.append(means | scores.estimates({"difference": network - best}))
    return pd.DataFrame(table)
