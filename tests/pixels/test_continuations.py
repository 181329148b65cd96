import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import prediction
from pipeline.pixels import continuations
from tests import reference


def test_marginal_by_hand():
    # Two continuations of one image, three unknown pixels: p of the true values.
    p = np.array([[[0.9, 0.2, 0.1], [0.5, 0.4, 0.5]]])
    truth = np.array([[[1, 0, 1]]], np.uint8)
    found = continuations.marginal(-np.log(p), truth)
    assert_allclose(np.exp(-found.nats), [[[0.7, 0.3, 0.3]]])
    # More probable than not: ink, ink (its probability is 1 - 0.3), paper.
    assert_array_equal(found.pixels, [[[1, 1, 0]]])


def test_marginal_is_never_worse_than_its_draws_in_the_mean(rng):
    p, truth = rng.random((5, 7, 11)), rng.integers(0, 2, (5, 1, 11), dtype=np.uint8)
    drawn = -np.log(p)
    # Jensen: -log of a mean is at most the mean of -log.
    assert (continuations.marginal(drawn, truth).nats <= drawn.mean(axis=1, keepdims=True)).all()
    one = continuations.marginal(drawn[:, :1], truth)
    assert_allclose(one.nats, drawn[:, :1], rtol=1e-12)


@pytest.mark.parametrize("unknown", [1, 4])
def test_marginal_converges_to_the_sum_over_all_pasts(pixel_network, rng, unknown):
    """With many draws, p(x_t | known pixels) as brute force has it."""
    images = rng.integers(0, 2, (3, 8), dtype=np.uint8)
    drawn = prediction.rollout(pixel_network, images, rng.random((3, 4000, unknown), np.float32))
    found = continuations.marginal(drawn.nats, images[:, None, -unknown:])
    for image, nats in zip(images.tolist(), found.nats):
        expected = reference.marginal(pixel_network, image, unknown)
        # Four standard errors of a mean of 4,000 probabilities.
        assert_allclose(np.exp(-nats[0]), expected, atol=4 * 0.5 / np.sqrt(4000))


def test_every_strategy(pixel_network, rng):
    images, uniform = rng.integers(0, 2, (3, 8), dtype=np.uint8), rng.random((3, 5, 4), np.float32)
    found = list(continuations.forecasts(pixel_network, images, uniform))
    assert tuple(forecast.strategy for forecast in found) == continuations.STRATEGIES
    forced, argmax, sample, marginal = found
    for image, pixels, nats in zip(images.tolist(), forced.pixels[:, 0], forced.nats[:, 0]):
        log_p = reference.log_p_next(pixel_network, image)[4:]
        assert_array_equal(pixels, log_p.argmax(axis=1))
        assert_allclose(nats, -log_p[range(4), image[4:]], atol=1e-6)
    for forecast, numbers in ((argmax, np.full((3, 1, 4), 0.5, np.float32)), (sample, uniform)):
        pixels, nats = prediction.rollout(pixel_network, images, numbers)
        assert_array_equal(forecast.pixels, pixels)
        assert_array_equal(forecast.nats, nats)
    again = continuations.marginal(sample.nats, images[:, None, 4:])
    assert_array_equal(marginal.nats, again.nats)


def test_scores_by_horizon():
    forecast = continuations.Forecast(
        "sample",
        np.array([[[1, 0, 1], [0, 0, 1]]], np.uint8),
        np.array([[[1.0, 2, 3], [4, 5, 6]]]),
    )
    truth = np.array([[[1, 1, 1]]], np.uint8)
    for horizon, accuracy, nats in ((1, 1 / 2, 2.5), (2, 1 / 4, 3), (3, 3 / 6, 3.5)):
        found = continuations.by_horizon(forecast, truth, horizon)
        assert_allclose([found["accuracy"][0], found["cross_entropy"][0]], [accuracy, nats])
