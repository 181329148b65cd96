"""All fillings of an image's missing pixels, and the posterior over them.

Completion c of C = 2^M gives missing pixel b, counted in raster order from 0, the value
of bit b of c.
"""

import numpy as np
from jaxtyping import Float, Int, Integer, UInt8

from pipeline import scores


def values(missing: int) -> UInt8[np.ndarray, "C missing"]:
    """The values (C, M) that each of the 2^M completions gives to M missing pixels."""
    completion = np.arange(2**missing)[:, None]
    return (completion >> np.arange(missing) & 1).astype(np.uint8)


def complete(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> UInt8[np.ndarray, "N C pixels"]:
    """Every image with its missing pixels filled in every way."""
    fillings = values(missing.shape[1])
    filled = np.repeat(images[:, None], len(fillings), axis=1)
    np.put_along_axis(
        filled,
        np.broadcast_to(missing[:, None], (len(images), *fillings.shape)),
        np.broadcast_to(fillings, (len(images), *fillings.shape)),
        axis=2,
    )
    return filled


def index(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> Int[np.ndarray, "N"]:
    """Which completion c each image is itself."""
    bits = np.take_along_axis(images, missing, axis=1).astype(np.int64)
    return bits @ (1 << np.arange(missing.shape[1]))


def log_p_given_rest(
    log_joint: Float[np.ndarray, "N C"],
) -> Float[np.ndarray, "N C"]:
    """Posterior log p(completion | all other pixels) from the joint log p(X) of each.

    log p(c | rest) = log p(X_c) - log sum_c' p(X_c'), by log-sum-exp.
    """
    return log_joint - scores.log_sum_exp(log_joint)


def log_p_given_past(
    log_p: Float[np.ndarray, "N C pixels"], missing: Int[np.ndarray, "N missing"]
) -> Float[np.ndarray, "N C"]:
    """Log probability of a completion that uses earlier pixels only.

    q(c) = product over missing pixels m of p(x_m = c_m | x_<m), where earlier missing
    pixels have their value in c. It sums to one over c, but is blind to every pixel
    after the missing ones and between them.

    Args:
        log_p: log probability of each pixel's value given those before it, for each
            completed image.
        missing: raster indices in raster order.
    """
    at = np.broadcast_to(missing[:, None], (*log_p.shape[:2], missing.shape[1]))
    return np.take_along_axis(log_p, at, axis=2).sum(axis=2)


def score(
    log_p: Float[np.ndarray, "N C"],
    log_joint: Float[np.ndarray, "N C"],
    truth: Integer[np.ndarray, "N"],
    missing: int,
) -> dict[str, float]:
    """Scores of a posterior over completions, each a mean over images.

    Args:
        log_p: log posterior of each completion by the method that is judged.
        log_joint: log p(X) of each completed image under the network.
        truth: which completion is the image itself.
        missing: missing pixels of an image; bit b of a completion is the value of pixel b.

    Returns:
        fill_accuracy: share of images whose most probable completion is right in all
            missing pixels; pixel_accuracy: share of the missing pixels that it gets right;
        nats: -log p(truth | what the method sees), per image;
        brier, ece: of the distribution over completions;
        image_nats_fill, image_nats_truth: -log p(X), of the whole image with the most
            probable completion and with the truth;
        and the standard error of each mean, with `_se` behind its name.
    """
    fill = log_p.argmax(axis=1)
    wrong_bits = np.bitwise_count(fill ^ truth)
    everyone = np.arange(len(truth))
    means = {
        "fill_accuracy": scores.estimate(fill == truth),
        "pixel_accuracy": scores.estimate(1 - wrong_bits / missing),
        "nats": scores.estimate(scores.nats(log_p, truth)),
        "brier": scores.estimate(scores.brier(log_p, truth)),
        "image_nats_fill": scores.estimate(-log_joint[everyone, fill]),
        "image_nats_truth": scores.estimate(-log_joint[everyone, truth]),
    }
    table = {"ece": scores.expected_calibration_error(log_p, truth)}
    for name, (mean, standard_error) in means.items():
        table |= {name: mean, f"{name}_se": standard_error}
    return table
