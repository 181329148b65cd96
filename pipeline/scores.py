"""Scores of probabilistic predictions, the same for learned and exact predictors.

All logarithms are natural. `log_p` has the symbols on its last axis.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer


class Estimate(NamedTuple):
    """A mean over independent images or sequences, and its standard error."""

    mean: float
    standard_error: float


def estimate(values: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"]) -> Estimate:
    """Mean of N independent values and its standard error, s / sqrt(N) with N - 1 in s.

    The standard error of a single value is unknown: nan.
    """
    if len(values) == 1:
        return Estimate(float(values[0]), float("nan"))
    return Estimate(
        float(np.mean(values, dtype=np.float64)),
        float(np.std(values, ddof=1, dtype=np.float64) / np.sqrt(len(values))),
    )


class Evaluation(NamedTuple):
    """How well a predictor does: nats and share of right guesses per symbol."""

    cross_entropy: Estimate
    accuracy: Estimate


def evaluate(
    log_p: Float[np.ndarray, "N T K"], symbols: Integer[np.ndarray, "N T"]
) -> Evaluation:
    """The evaluator of every predictor of sequences, learned or exact."""
    return Evaluation(
        estimate(nats(log_p, symbols).mean(axis=1, dtype=np.float64)),
        estimate(correct(log_p, symbols).mean(axis=1)),
    )


def log_sum_exp(values: Float[np.ndarray, "*batch K"]) -> Float[np.ndarray, "*batch 1"]:
    """Log sum exp over the last axis, kept; finite for any finite values."""
    peak = values.max(axis=-1, keepdims=True)
    return peak + np.log(np.exp(values - peak).sum(axis=-1, keepdims=True))


def log_p_from_logits(
    logits: Float[np.ndarray, "*batch L"],
) -> Float[np.ndarray, "*batch K"]:
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

    NumPy's own take six times as long where that has a handful of symbols. `log_sum_exp`
    keeps them, for it is given up to thousands of completions.
    """
    return functools.reduce(combine, np.moveaxis(values, -1, 0))[..., np.newaxis]


def nats(
    log_p: Float[np.ndarray, "*batch K"], symbols: Integer[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """Cross-entropy -log p(symbol) of each symbol, in nats."""
    picked = np.take_along_axis(log_p, symbols[..., None].astype(np.int64), axis=-1)
    return -picked[..., 0]


def correct(
    log_p: Float[np.ndarray, "*batch K"], symbols: Integer[np.ndarray, "*batch"]
) -> Bool[np.ndarray, "*batch"]:
    """Whether the likeliest symbol (of equals the first) is the one that came."""
    return log_p.argmax(axis=-1) == symbols


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
    """Confidence and accuracy of forecasts in equal bins of confidence within [0, 1].

    Confidence is the probability of the likeliest outcome. Both means are nan in a bin
    without forecasts.
    """

    forecasts: Integer[np.ndarray, "bins"]
    confidence: Float[np.ndarray, "bins"]
    accuracy: Float[np.ndarray, "bins"]


def reliability(
    log_p: Float[np.ndarray, "N K"], truth: Integer[np.ndarray, "N"], bins: int
) -> Reliability:
    """How often the likeliest outcome came, by how probable it was said to be.

    Source: Guo et al. 2017, On calibration of modern neural networks, section 2.
    """
    confidence = np.exp(log_p.max(axis=1))
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin is the nan that is meant
        return Reliability(
            count,
            np.bincount(which, confidence, bins) / count,
            np.bincount(which, correct(log_p, truth), bins) / count,
        )


def expected_calibration_error(table: Reliability) -> float:
    """Mean distance of confidence and accuracy, each bin with its share of the forecasts.

    Source: Guo et al. 2017, eq. 3.
    """
    gap = np.abs(table.confidence - table.accuracy)
    return float(np.nansum(table.forecasts * gap) / table.forecasts.sum())


def of_continuations(
    pixels: Integer[np.ndarray, "N samples T"],
    log_p: Float[np.ndarray, "N samples T K"],
    truth: Integer[np.ndarray, "N T"],
) -> tuple[Float[np.ndarray, "N T"], Float[np.ndarray, "N T"]]:
    """At each pixel: share of continuations that are right, mean -log p(truth) in nats."""
    everywhere = np.broadcast_to(truth[:, None], pixels.shape)
    return (pixels == everywhere).mean(axis=1), nats(log_p, everywhere).mean(axis=1)
