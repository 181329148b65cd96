"""Continuations of masked images by a network, and what each forecasts of a pixel.

    teacher_forced  the network reads the truth before every pixel: one step ahead
    argmax          it reads its own more probable value at each step
    sample          it reads values that it drew; several continuations of each image
    marginal        the mean probability over the drawn continuations

A drawn continuation's own -log p is no forecast of a pixel: it is conditional on pixels that
nobody has seen. The network's forecast of x_t, given the known pixels alone, is the sum over
all pasts between, p(x_t | x_<first) = E[p(x_t | x_<t)], which `marginal` estimates by the mean
over the drawn ones.
"""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
from jaxtyping import Float, UInt8

from pipeline.core import prediction, scores

STRATEGIES = ("teacher_forced", "argmax", "sample", "marginal")


class Forecast(NamedTuple):
    """What a strategy says about the unknown pixels.

    strategy: its name.
    pixels: the values that it guesses, for each of its continuations.
    nats: -log p of the true value, given what that continuation read before.
    """

    strategy: str
    pixels: UInt8[np.ndarray, "N samples unknown"]
    nats: Float[np.ndarray, "N samples unknown"]


def forecasts(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    uniform: Float[np.ndarray, "N samples unknown"],
) -> Iterator[Forecast]:
    """Every strategy, one after the other.

    Args:
        model: a network with one logit.
        images: the known pixels, and then the true ones.
        uniform: from [0, 1), a number for each unknown pixel of each drawn continuation.
    """
    truth = images[:, None, -uniform.shape[-1] :]
    log_p = prediction.log_p_next(model, images)[:, None, -truth.shape[-1] :]
    yield Forecast(
        "teacher_forced", log_p.argmax(axis=-1).astype(np.uint8), scores.nats(log_p, truth)
    )
    half = np.full_like(truth, 0.5, np.float32)
    yield Forecast("argmax", *prediction.rollout(model, images, half))
    drawn = prediction.rollout(model, images, uniform)
    yield Forecast("sample", *drawn)
    yield marginal(drawn.nats, truth)


def marginal(
    nats: Float[np.ndarray, "N samples unknown"], truth: UInt8[np.ndarray, "N 1 unknown"]
) -> Forecast:
    """The mean probability over drawn continuations, p = 1/S sum_s exp(-nats_s)."""
    p_truth = np.exp(-nats.astype(np.float64)).mean(axis=1, keepdims=True)
    p_ink = np.where(truth, p_truth, 1 - p_truth)
    return Forecast("marginal", (p_ink > 0.5).astype(np.uint8), -np.log(p_truth))


def by_horizon(
    forecast: Forecast, truth: UInt8[np.ndarray, "N 1 unknown"], horizon: int
) -> dict[str, Float[np.ndarray, "N"]]:
    """Accuracy and cross-entropy of each image over the first `horizon` unknown pixels."""
    right = (forecast.pixels == truth)[..., :horizon]
    return {
        "accuracy": right.mean(axis=(1, 2)),
        "cross_entropy": forecast.nats[..., :horizon].mean(axis=(1, 2), dtype=np.float64),
    }
