"""All completions of an image's missing pixels, and the posterior over them.

Completion c of C = 2^M gives missing pixel b, counted in raster order from 0, the value
of bit b of c. A fill is the one completion that a method chooses.
"""

import numpy as np
from jaxtyping import Float, Int, Integer, UInt8
from scipy.special import logsumexp

from pipeline.core import scores


def values(missing: int) -> UInt8[np.ndarray, "C missing"]:
    """The values (C, M) that each of the 2^M completions gives to M missing pixels."""
    completion = np.arange(2**missing)[:, None]
    return (completion >> np.arange(missing) & 1).astype(np.uint8)


def complete(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> UInt8[np.ndarray, "N C pixels"]:
    """Every image with each of its completions."""
    every = values(missing.shape[1])
    completed = np.repeat(images[:, None], len(every), axis=1)
    np.put_along_axis(completed, missing[:, None], every, axis=2)
    return completed


def fill(
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
    completion: Int[np.ndarray, "N"],
) -> UInt8[np.ndarray, "N pixels"]:
    """The images, each with one chosen completion."""
    filled = images.copy()
    np.put_along_axis(filled, missing, values(missing.shape[1])[completion], axis=1)
    return filled


def number(bits: UInt8[np.ndarray, "*batch missing"]) -> Int[np.ndarray, "*batch"]:
    """The completion c that gives these values to the missing pixels."""
    return np.asarray(bits.astype(np.int64) @ (1 << np.arange(bits.shape[-1])))


def completion_of(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> Int[np.ndarray, "N"]:
    """The completion that each image is itself."""
    return number(np.take_along_axis(images, missing, axis=1))


def log_p_given_rest(log_joint: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
    """Posterior log p(completion | all other pixels) from the joint log p(X) of each.

    log p(c | rest) = log p(X_c) - log sum_c' p(X_c'), by log-sum-exp.
    """
    return log_joint - logsumexp(log_joint, axis=-1, keepdims=True)


def score_fill(
    fill: Integer[np.ndarray, "N"], truth: Integer[np.ndarray, "N"], missing: int
) -> dict[str, float]:
    """How often a chosen completion is right; M pixels are missing in each image.

    Returns:
        fill_accuracy: share of images with all missing pixels right, with its 95 % interval
        fill_low to fill_high; pixel_accuracy: share of the missing pixels that are right, with
        its standard error over images.
    """
    wrong = np.bitwise_count(fill ^ truth)
    whole = scores.share(int((wrong == 0).sum()), len(truth))
    row = {"fill_accuracy": whole["share"], "fill_low": whole["low"], "fill_high": whole["high"]}
    return row | scores.estimates({"pixel_accuracy": 1 - wrong / missing})


def score_posterior(
    log_p: Float[np.ndarray, "N C"],
    truth: Integer[np.ndarray, "N"],
    bins: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """How good a distribution over completions is.

    Returns:
        nats: -log p(truth); brier: Brier score; standard errors over images as name_se; ece:
        expected calibration error in that many bins of confidence; ece_calibrated: its mean
        for a forecaster that is calibrated (see `scores.calibrated_errors`); ece_p: how often
        such a one has an error as large as this.
    """
    ece = scores.expected_calibration_error(scores.by_confidence(log_p, truth, bins))
    calibrated = scores.calibrated_errors(log_p, bins, rng)
    means = {"nats": scores.nats(log_p, truth), "brier": scores.brier(log_p, truth)}
    judged = {"ece_calibrated": calibrated.mean(), "ece_p": (calibrated >= ece).mean()}
    return scores.estimates(means) | {"ece": ece} | judged
