"""Scores of probabilistic predictions, the same for learned and exact predictors.

All logarithms are natural. `log_p` has the symbols on its last axis.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer, Num
from scipy.stats import binomtest


class Estimate(NamedTuple):
    """A mean over independent images or sequences, and its standard error."""

    mean: float
    standard_error: float


def estimate(values: Num[np.ndarray, "N"] | Bool[np.ndarray, "N"]) -> Estimate:
    """Mean of N independent values and its standard error, s / sqrt(N) with N - 1 in s.

    The standard error of a single value is unknown: nan.
    """
    if len(values) == 1:
        return Estimate(float(values[0]), float("nan"))
    return Estimate(
        float(np.mean(values, dtype=np.float64)),
        float(np.std(values, ddof=1, dtype=np.float64) / np.sqrt(len(values))),
    )


def estimates(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """A row of a table: the mean of each quantity, and its standard error as name_se."""
    row: dict[str, float] = {}
    for name, own in values.items():
        row[name], row[f"{name}_se"] = estimate(own)
    return row


def share(count: int, total: int) -> dict[str, float]:
    """A share, and the 95 % interval `low` to `high` of what it estimates.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    Unlike s / sqrt(N) it neither leaves [0, 1] nor vanishes at a share of 0 or 1.
    """
    low, high = binomtest(count, total).proportion_ci(method="wilson")
    return {"share": count / total, "low": float(low), "high": float(high)}


class Evaluation(NamedTuple):
    """How well a predictor does: nats and share of right guesses per symbol."""

    cross_entropy: Estimate
    accuracy: Estimate


def evaluate(log_p: Float[np.ndarray, "N T K"], symbols: Integer[np.ndarray, "N T"]) -> Evaluation:
    """The evaluator of every predictor of sequences, learned or exact."""
    return Evaluation(
        estimate(nats(log_p, symbols).mean(axis=1, dtype=np.float64)),
        estimate(correct(log_p, symbols).mean(axis=1)),
    )


def log_p_from_logits(logits: Float[np.ndarray, "*batch L"]) -> Float[np.ndarray, "*batch K"]:
    """Normalised log probabilities of a network's outputs.

    One logit is the log-odds of symbol 1 of two: log p(1) = -log(1 + exp(-logit)), which
    is min(logit, 0) - log(1 + exp(-|logit|)), where nothing can overflow. Several are a
    softmax over as many symbols.
    """
    if logits.shape[-1] == 1:
        odds = np.concatenate([-logits, logits], axis=-1)
        return np.minimum(odds, 0) - np.log1p(np.exp(-np.abs(logits)))
    # The peak first: in single precision it would swallow what the sum adds to it.
    logits = logits - _over_symbols(np.maximum, logits)
    return logits - np.log(_over_symbols(np.add, np.exp(logits)))


def _over_symbols(
    combine: np.ufunc, values: Float[np.ndarray, "*batch K"]
) -> Float[np.ndarray, "*batch 1"]:
    """A reduction over the last axis, kept.

    NumPy's own, and with them SciPy's `logsumexp`, take six times as long where there is
    only a handful of symbols.
    """
    return functools.reduce(combine, np.moveaxis(values, -1, 0))[..., np.newaxis]


def bit_nats(
    logits: Float[np.ndarray, "*batch"], bits: Integer[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """Cross-entropy -log p(bit) in nats, from the log-odds of a one.

    The same as `nats` of `log_p_from_logits`, without the value that is not asked for.
    """
    own = np.where(bits, logits, -logits)
    return np.log1p(np.exp(-np.abs(logits))) - np.minimum(own, 0)


def nats(
    log_p: Float[np.ndarray, "*batch K"], symbols: Integer[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """Cross-entropy -log p(symbol) of each symbol, in nats."""
    picked = np.take_along_axis(log_p, symbols[..., None].astype(np.int64), axis=-1)
    return -picked[..., 0]


def correct(
    log_p: Float[np.ndarray, "*batch K"], symbols: Integer[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """1 where the most probable symbol is the one that came, and 0 elsewhere.

    In a tie of k symbols 1/k, what a guess among them gets in the mean: a rule for ties would
    favour the predictor whose ties it happens to break well.
    """
    peak = log_p.max(axis=-1, keepdims=True)
    own = np.take_along_axis(log_p, symbols[..., None].astype(np.int64), axis=-1)
    return (own == peak)[..., 0] / (log_p == peak).sum(axis=-1)


def kl(
    log_p: Float[np.ndarray, "*batch K"], log_q: Float[np.ndarray, "*batch K"]
) -> Float[np.ndarray, "*batch"]:
    """KL(p || q) = sum_k p_k (log p_k - log q_k) in nats; a term with p_k = 0 is zero."""
    p = np.exp(log_p)
    difference = np.subtract(log_p, log_q, where=p > 0, out=np.zeros_like(p))
    return (p * difference).sum(axis=-1)


def brier(
    log_p: Float[np.ndarray, "N K"], truth: Integer[np.ndarray, "N"]
) -> Float[np.ndarray, "N"]:
    """Brier score of each forecast, sum_k (p_k - [k = truth])^2: 0 is best, 2 is worst.

    Source: Brier 1950, Verification of forecasts expressed in terms of probability, eq. 2.
    """
    return ((np.exp(log_p) - np.eye(log_p.shape[1])[truth]) ** 2).sum(axis=1)


class Reliability(NamedTuple):
    """Forecasts in bins of their probability; a bin without forecasts is left out.

    probability is the mean of a bin; share is how many of its forecasts came true, with its
    95 % interval `low` to `high` (see the function `share`).
    """

    forecasts: Integer[np.ndarray, "bins"]
    probability: Float[np.ndarray, "bins"]
    share: Float[np.ndarray, "bins"]
    low: Float[np.ndarray, "bins"]
    high: Float[np.ndarray, "bins"]


def reliability(
    p: Float[np.ndarray, "forecasts"],
    came: Float[np.ndarray, "forecasts"],
    edges: Float[np.ndarray, "edges"],
) -> Reliability:
    """How often what was forecast came, by the probability that it was given.

    Source: Guo et al. 2017, On calibration of modern neural networks, section 2.
    """
    which = _bin(p, edges)
    count = np.bincount(which)
    filled = np.flatnonzero(count)
    n, probability, right = (np.bincount(which, each)[filled] for each in (None, p, came))
    limits = [share(round(k), int(total)) for k, total in zip(right, n)]
    low, high = (np.array([each[end] for each in limits]) for end in ("low", "high"))
    return Reliability(n, probability / n, right / n, low, high)


def by_confidence(
    log_p: Float[np.ndarray, "N K"], truth: Integer[np.ndarray, "N"], bins: int
) -> Reliability:
    """The reliability of the most probable outcome alone, in equal bins within [0, 1]."""
    edges = np.linspace(0, 1, bins + 1)
    return reliability(np.exp(log_p.max(axis=1)), correct(log_p, truth), edges)


def _bin(p: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each probability, from its lower edge to below its upper one."""
    return np.searchsorted(edges[1:-1], p, side="right")


def calibrated_errors(
    log_p: Float[np.ndarray, "N K"], bins: int, rng: np.random.Generator, draws: int = 200
) -> Float[np.ndarray, "draws"]:
    """Expected calibration errors of a forecaster that gives these forecasts and is right.

    Its outcomes are drawn from its own probabilities, again and again. The error is a mean of
    distances, so it is above zero even then: an observed one is no miscalibration as long as
    it is among these.
    """
    confidence = np.exp(log_p.max(axis=1))
    which = _bin(confidence, np.linspace(0, 1, bins + 1))
    expected = np.bincount(which, confidence, bins)
    return np.array(
        [
            np.abs(np.bincount(which, rng.random(len(which)) < confidence, bins) - expected).sum()
            / len(which)
            for _ in range(draws)
        ]
    )


def expected_calibration_error(table: Reliability) -> float:
    """Mean distance of confidence and accuracy, weighted by the share of forecasts.

    Source: Guo et al. 2017, eq. 3.
    """
    gap = np.abs(table.probability - table.share)
    return float((table.forecasts * gap).sum() / table.forecasts.sum())
