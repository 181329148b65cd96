"""A predictor of meta-task characters beside the exact one, on the same sequences."""

import numpy as np
from jaxtyping import Float, Integer

from pipeline import scores


def against_exact(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    characters: Integer[np.ndarray, "N T"],
) -> dict[str, float]:
    """A predictor beside the exact one on the same sequences, per predicted character.

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
    right = scores.correct(log_p, characters)
    means = {
        "cross_entropy": own,
        "exact_cross_entropy": best,
        "excess": excess,
        "symbol_excess": np.where(is_reset, 0, excess),
        "reset_excess": np.where(is_reset, excess, 0),
        "kl": scores.kl(exact, log_p),
        "accuracy": right,
        "exact_accuracy": scores.correct(exact, characters),
    }
    table: dict[str, float] = {"reset_accuracy": float(right[is_reset].mean())}
    for name, values in means.items():
        mean, standard_error = scores.estimate(values.mean(axis=1))
        table |= {name: mean, f"{name}_se": standard_error}
    return table


def excess_per_symbol(
    log_p: Float[np.ndarray, "N T K"], exact: Float[np.ndarray, "N T K"]
) -> scores.Estimate:
    """Expected cross-entropy of a predictor above the exact one's, resets left out.

    E[-log q(x_t)] - E[-log p(x_t)] = E[KL(p || q)] over what can come next, p being exact;
    so the draw of x_t adds no noise, and only that of the past is left. Nats per symbol,
    with the standard error over sequences.
    """
    is_symbol = np.isneginf(exact[0, :, 0])
    return scores.estimate(scores.kl(exact, log_p)[:, is_symbol].mean(axis=1))


def regret(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    known: Float[np.ndarray, "N T K"],
) -> list[dict[str, int | float]]:
    """How far a predictor and the exact one are, at each step, from knowing p.

    The regret of q is KL(p || q) with the p that the period was drawn from, in nats: what
    not knowing p costs at this step. `difference` is the predictor's less the exact one's,
    `cumulated` the sum of the differences up to and including this step. `_se` is the
    standard error over sequences.

    Cf. Genewein et al. 2023, Memory-based meta-learning on non-stationary distributions;
    here the expectation over what comes takes the place of what came.
    """
    own, best = scores.kl(known, log_p), scores.kl(known, exact)
    columns = {
        "network": own,
        "exact": best,
        "difference": own - best,
        "cumulated": np.cumsum(own - best, axis=1),
    }
    table = []
    for t in range(log_p.shape[1]):
        row: dict[str, int | float] = {"step": t}
        for name, values in columns.items():
            row[name], row[f"{name}_se"] = scores.estimate(values[:, t])
        table.append(row)
    return table


def bias_by_symbol(
    log_p: Float[np.ndarray, "N T K"],
    exact: Float[np.ndarray, "N T K"],
    characters: Integer[np.ndarray, "N T"],
) -> list[dict[str, int | float]]:
    """Mean probability of each symbol 1 .. K-1 where no reset is due, and the exact one.

    `difference` is positive where the predictor over-estimates the symbol.
    """
    is_symbol = characters != 0
    table = []
    for symbol in range(1, log_p.shape[-1]):
        share = [
            np.mean(np.exp(p[..., symbol]), axis=1, where=is_symbol) for p in (log_p, exact)
        ]
        mean, standard_error = scores.estimate(share[0] - share[1])
        table.append(
            {
                "symbol": symbol,
                "network": float(share[0].mean()),
                "exact": float(share[1].mean()),
                "difference": mean,
                "difference_se": standard_error,
            }
        )
    return table
