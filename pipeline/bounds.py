"""What the best possible predictors of Dirichlet sequences reach, without sampling."""

import numpy as np
from jaxtyping import Float
from scipy.integrate import quad
from scipy.special import gammainc, psi

from pipeline import dirichlet


def bounds(alpha: tuple[float, ...], reset_every: int) -> list[dict[str, str | float]]:
    """Expected cross-entropy and accuracy of three predictors, per symbol.

    `exact` knows alpha and the period: at position n + 1 of a period it has counted n
    symbols, and each of the vectors of counts is weighted by its probability. `known_p` is
    told the p of the period as well; `prior_only` knows alpha and ignores the counts.

    Args:
        alpha: Dirichlet concentration, all positive.
        reset_every: T, characters in a period, the reset included.

    Returns:
        Records of predictor, position (1 to T - 1, and "mean" over these), cross_entropy
        in nats and accuracy, both per symbol with resets left out.
    """
    share = np.asarray(alpha) / np.sum(alpha)
    known = expected_entropy(alpha), expected_maximum(alpha)
    prior = float(-np.sum(share * np.log(share))), float(share.max())
    exact = [_exact(alpha, seen) for seen in range(reset_every - 1)]
    by_position = {
        "exact": exact,
        "known_p": [known] * len(exact),
        "prior_only": [prior] * len(exact),
    }
    table: list[dict[str, str | float]] = []
    for predictor, values in by_position.items():
        positions = [*map(str, range(1, reset_every)), "mean"]
        mean = np.mean(values, axis=0).tolist()
        table += [
            {
                "predictor": predictor,
                "position": position,
                "cross_entropy": cross_entropy,
                "accuracy": accuracy,
            }
            for position, (cross_entropy, accuracy) in zip(positions, [*values, mean])
        ]
    return table


def expected_entropy(alpha: tuple[float, ...]) -> float:
    """Entropy of p in nats, averaged over p ~ Dirichlet(alpha).

    sum_k alpha_k / alpha_0 (psi(alpha_0 + 1) - psi(alpha_k + 1)), alpha_0 = sum alpha and
    psi the digamma function.

    Source: Wolpert and Wolf 1995, Estimating functions of probability distributions from a
    finite set of samples, Physical Review E 52.
    """
    values = np.asarray(alpha)
    total = values.sum()
    return float(np.sum(values / total * (psi(total + 1) - psi(values + 1))))


def expected_maximum(alpha: tuple[float, ...]) -> float:
    """The largest p_k, averaged over p ~ Dirichlet(alpha).

    p is G / sum G of independent G_k ~ Gamma(alpha_k), and independent of sum G; so
    E[max p] = E[max G] / alpha_0, and E[max G] is the integral of P(max G > g) over g > 0.
    """
    values = np.asarray(alpha)

    def exceeds(g: float) -> float:
        return 1 - float(np.prod(gammainc(values, g)))

    # In two parts, so that quadrature over the infinite one does not miss the drop.
    middle = values.max()
    parts = (quad(exceeds, 0, middle)[0], quad(exceeds, middle, np.inf)[0])
    return sum(parts) / float(values.sum())


def per_character(
    by_position: Float[np.ndarray, "positions"], steps: int, at_reset: float
) -> float:
    """The mean over the characters of a sequence from the values of its positions.

    Args:
        by_position: at positions 1 to T - 1 of a period.
        steps: characters in a sequence; its last period may be cut short.
        at_reset: the value at a reset: 0 nats, or accuracy 1.
    """
    period = np.concatenate([[at_reset], by_position])
    return float(np.resize(period, steps).mean())


def _exact(alpha: tuple[float, ...], seen: int) -> tuple[float, float]:
    """Cross-entropy and accuracy of the exact predictor after `seen` symbols."""
    counts = dirichlet.count_vectors(seen, len(alpha))
    weight = np.exp(dirichlet.log_p_of_counts(counts, alpha))
    log_p = dirichlet.log_predictive(counts, alpha)
    p = np.exp(log_p)
    return float(-weight @ (p * log_p).sum(axis=1)), float(weight @ p.max(axis=1))
