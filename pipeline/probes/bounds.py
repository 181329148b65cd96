"""What the best possible predictors of Dirichlet sequences reach, without sampling."""

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.special import gammainc, psi

from pipeline.meta.source import Source, count_vectors, log_p_counts, log_predictive


def expected_scores(source: Source) -> pd.DataFrame:
    """Expected cross-entropy and accuracy of three predictors, per symbol.

    `exact` knows alpha and the period: at position n + 1 of a period it has counted n
    symbols, and each vector of counts is weighted by its probability. `known_p` also knows
    the p of the period; `prior_only` knows alpha and ignores the counts.

    Returns:
        Columns predictor, position ("1" to that before the next reset, and "mean" over
        these), cross_entropy in nats and accuracy, both per symbol with resets left out.
    """
    share = np.asarray(source.alpha) / np.sum(source.alpha)
    known = expected_entropy(source.alpha), expected_maximum(source.alpha)
    prior = float(-np.sum(share * np.log(share))), float(share.max())
    # Before anything is counted, exact Bayes knows no more than the prior.
    later = range(1, source.reset_every - 1)
    exact = [prior, *(_exact(source.alpha, seen) for seen in later)]
    n = len(exact)
    by_predictor = {"exact": exact, "known_p": [known] * n, "prior_only": [prior] * n}
    positions = [*map(str, range(1, source.reset_every)), "mean"]
    rows = [
        (predictor, position, *scores)
        for predictor, values in by_predictor.items()
        for position, scores in zip(positions, [*values, np.mean(values, axis=0).tolist()])
    ]
    return pd.DataFrame(rows, columns=["predictor", "position", "cross_entropy", "accuracy"])


def attainable(expected: pd.DataFrame, steps: int) -> pd.DataFrame:
    """The same per character over a sequence, with the resets, which all of them know.

    `expected` is from `expected_scores`; the last period of the `steps` may be cut short.
    Columns predictor, cross_entropy in nats, accuracy.
    """
    rows = []
    by_position = expected[expected.position != "mean"]
    for predictor, own in by_position.groupby("predictor", sort=False):
        nats = np.resize([0.0, *own.cross_entropy], steps)
        right = np.resize([1.0, *own.accuracy], steps)
        rows.append((predictor, nats.mean(), right.mean()))
    return pd.DataFrame(rows, columns=["predictor", "cross_entropy", "accuracy"])


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


def _exact(alpha: tuple[float, ...], seen: int) -> tuple[float, float]:
    """Cross-entropy and accuracy of the exact predictor after `seen` symbols."""
    counts = count_vectors(seen, len(alpha))
    weight = np.exp(log_p_counts(counts, alpha))
    log_p = log_predictive(counts, alpha)
    p = np.exp(log_p)
    return float(-weight @ (p * log_p).sum(axis=1)), float(weight @ p.max(axis=1))
