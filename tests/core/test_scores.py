from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import scores

# A few roundings in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}

THREE_LOGITS = st.lists(st.floats(-8, 8), min_size=3, max_size=3)
EXTREME = st.sampled_from([-1000.0, -30.0, 0.0, 1.5, 30.0, 1000.0])


def safe_log(p) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(p, float))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(logits=st.lists(EXTREME, min_size=1, max_size=4))
def test_log_p_of_extreme_logits_is_finite_and_normalised(dtype, logits):
    log_p = scores.log_p_from_logits(np.array([logits], dtype))
    assert log_p.dtype == dtype
    assert np.isfinite(log_p).all()
    # The rounding of float32 of a sum of at most four.
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, atol=1e-6)


def test_one_logit_is_the_log_odds_of_symbol_one():
    p = np.array([0.2, 0.5, 0.9])
    log_p = scores.log_p_from_logits(np.log(p / (1 - p))[:, None])
    assert_allclose(np.exp(log_p), np.stack([1 - p, p], axis=1), **DOUBLE)
    certain = scores.log_p_from_logits(np.array([[1000.0], [-1000.0]]))
    assert_array_equal(certain, [[-1000, 0], [0, -1000]])


def test_several_logits_are_a_softmax():
    logits = np.log([[1.0, 2.0, 5.0]]) + 7
    assert_allclose(np.exp(scores.log_p_from_logits(logits)), [[1 / 8, 2 / 8, 5 / 8]])
    # Two logits, one of them zero, are the same as one.
    pair = np.array([[0.0, 0.3]])
    assert_allclose(scores.log_p_from_logits(pair), scores.log_p_from_logits(pair[:, 1:]), **DOUBLE)


def test_nats_and_correct_by_hand():
    log_p = safe_log([[[0.5, 0.5], [0.1, 0.9]], [[1.0, 0.0], [0.75, 0.25]]])
    symbols = np.array([[1, 1], [1, 0]], np.uint8)
    expected = [[np.log(2), -np.log(0.9)], [np.inf, -np.log(0.75)]]
    assert_allclose(scores.nats(log_p, symbols), expected, **DOUBLE)
    assert_array_equal(scores.correct(log_p, symbols), [[0.5, 1], [0, 1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(logits=st.lists(EXTREME, min_size=1, max_size=4), bit=st.integers(0, 1))
def test_nats_of_bits_are_those_of_both_values(dtype, logits, bit):
    odds = np.array(logits, dtype)
    bits = np.full(len(odds), bit, np.uint8)
    expected = scores.nats(scores.log_p_from_logits(odds[:, None]), bits)
    # Not close but equal: a rollout and teacher forcing are compared with each other.
    assert_array_equal(scores.bit_nats(odds, bits), expected)


def test_kl_by_hand():
    p = safe_log([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    q = safe_log([[0.25, 0.25, 0.5], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    # A term with p_k = 0 is zero, also where q_k is; q_k = 0 where p_k is not: infinite.
    assert_allclose(scores.kl(p, q), [np.log(2), np.log(2), np.inf], **DOUBLE)
    assert_array_equal(scores.kl(p, p), [0, 0, 0])


@given(THREE_LOGITS, THREE_LOGITS)
def test_kl_is_cross_entropy_minus_entropy_and_not_negative(one, other):
    log_p, log_q = (scores.log_p_from_logits(np.array([each] * 3)) for each in (one, other))
    kl, p = scores.kl(log_p, log_q)[0], np.exp(log_p[0])
    cross, entropy = (p @ scores.nats(log, np.arange(3)) for log in (log_q, log_p))
    assert_allclose(kl, cross - entropy, atol=1e-10)  # terms up to about 16
    assert kl > -1e-12


def test_brier_by_hand():
    log_p = safe_log([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    expected = [0.25 + 0.49 + 0.04, 0, 2]
    assert_allclose(scores.brier(log_p, np.array([1, 0, 2])), expected, **DOUBLE)


def test_reliability_and_expected_calibration_error_by_hand():
    # Confidence 0.62 and 0.68 share a bin of ten: mean confidence 0.65, accuracy one half.
    # Confidence one belongs to the last bin, and is wrong.
    log_p = safe_log([[0.62, 0.38], [0.32, 0.68], [1.0, 0.0]])
    table = scores.by_confidence(log_p, np.array([0, 0, 1]), 10)
    assert_array_equal(table.forecasts, [2, 1])
    assert_allclose(table.probability, [0.65, 1], **DOUBLE)
    assert_allclose(table.share, [0.5, 0], **DOUBLE)
    for end, found in (("low", table.low), ("high", table.high)):
        assert_allclose(found, [scores.share(1, 2)[end], scores.share(0, 1)[end]], **DOUBLE)
    # Bins are weighed by their forecasts.
    expected = 2 / 3 * (0.65 - 0.5) + 1 / 3 * (1 - 0)
    assert_allclose(scores.expected_calibration_error(table), expected, **DOUBLE)


def test_bins_of_any_width_have_their_lower_edges():
    p, came = np.array([0.0, 0.1, 0.2, 0.9, 1.0]), np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    table = scores.reliability(p, came, np.array([0, 0.1, 0.5, 0.9, 1]))
    assert_array_equal(table.forecasts, [1, 2, 2])  # none from 0.5 to below 0.9
    assert_allclose(table.probability, [0, 0.15, 0.95], **DOUBLE)
    assert_allclose(table.share, [0, 0.5, 0.5], **DOUBLE)


def test_estimate_by_hand():
    # Mean 3, squared deviations 4 + 1 + 0 + 1 + 4 = 10, variance 10 / 4.
    mean, error = scores.estimate(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert mean == 3
    assert_allclose(error, np.sqrt(10 / 4 / 5), **DOUBLE)
    # A share p of N: sqrt(p (1 - p) / (N - 1)).
    mean, error = scores.estimate(np.array([True, False, False, False]))
    assert mean == 0.25
    assert_allclose(error, np.sqrt(0.25 * 0.75 / 3), **DOUBLE)
    mean, error = scores.estimate(np.array([7.0]))
    assert mean == 7
    assert np.isnan(error)
    # By name: (1 + 3) / 2, and half of the distance.
    row = scores.estimates({"nats": np.array([1.0, 3.0]), "right": np.array([True, True])})
    assert row == {"nats": 2, "nats_se": 1, "right": 1, "right_se": 0}


def test_mean_of_float32_is_summed_in_double():
    # In float32 the sum would stop at 2^24 = 16,777,216.
    values = np.ones(2**24 + 1000, np.float32)
    values[-1000:] = 3
    expected = 1 + 2000 / len(values)
    assert_allclose(scores.estimate(values).mean, expected, rtol=1e-12)


def test_evaluate_averages_over_steps_then_over_sequences():
    log_p = safe_log([[[0.5, 0.5], [0.25, 0.75]], [[0.5, 0.5], [0.5, 0.5]]])
    symbols = np.array([[0, 1], [1, 1]], np.uint8)
    loss, accuracy = scores.evaluate(log_p, symbols)
    one, other = (np.log(2) - np.log(0.75)) / 2, np.log(2)
    assert_allclose(loss, [(one + other) / 2, (other - one) / 2], **DOUBLE)
    assert accuracy == (0.625, 0.125)  # of 0.75 and 0.5: ties are shared


def test_a_share_and_its_interval():
    # Wilson: (k + z^2/2) / (n + z^2) -+ z / (n + z^2) sqrt(k (n - k) / n + z^2 / 4).
    z, (k, n) = 1.959963984540054, (3, 10)
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    found = scores.share(k, n)
    assert_allclose([*found.values()], [0.3, middle - half, middle + half], **DOUBLE)
    none = scores.share(0, 10)
    assert none["low"] == 0 < none["high"] < 1


def test_ties_are_shared():
    log_p = safe_log([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [0.2, 0.2, 0.6]])
    assert_array_equal(scores.correct(log_p, np.array([0, 0, 2])), [0.5, 0, 1])
    assert_allclose(scores.correct(np.zeros((1, 3)), np.array([1])), [1 / 3], **DOUBLE)


def test_a_calibrated_forecaster_is_among_the_calibrated(rng):
    p = rng.dirichlet(np.ones(3), 2000)
    log_p, truth = np.log(p), (rng.random((2000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    errors = scores.calibrated_errors(log_p, 10, rng)
    own = scores.expected_calibration_error(scores.by_confidence(log_p, truth, 10))
    assert errors.min() < own < errors.max()
    # One that is too sure is not.
    sure = np.log(p**4 / (p**4).sum(axis=1, keepdims=True))
    own = scores.expected_calibration_error(scores.by_confidence(sure, truth, 10))
    assert own > 3 * scores.calibrated_errors(sure, 10, rng).max()
