from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import prediction
from pipeline.meta import source
from pipeline.meta.source import Source
from pipeline.probes import knowledge, subject
from pipeline.probes.tables import columns
from tests import reference

# Sums and logarithms in double precision; the reference takes differences of lgamma.
DOUBLE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}

ALPHA = (10.0, 1.0, 1.0)
OWN = Source(ALPHA, 5)


def every_history(symbols: int, reset_every: int) -> list[tuple[int, ...]]:
    longest = reset_every - 1
    return [
        (*history, *[0] * (longest - seen))
        for seen in range(reset_every)
        for history in product(range(1, symbols + 1), repeat=seen)
    ]


@pytest.mark.parametrize(("symbols", "reset_every"), [(3, 5), (2, 7), (4, 3), (3, 2)])
def test_histories_are_all_histories_each_once(rng, symbols, reset_every):
    found = knowledge.histories(rng, symbols, reset_every, orders=3)
    rows = found.symbols.tolist()
    assert sorted(map(tuple, rows)) == sorted(every_history(symbols, reset_every))
    assert_array_equal(found.counts, [reference.count(row, symbols) for row in rows])


# 2^12 histories are the most that are enumerated.
@pytest.mark.parametrize(("reset_every", "all_of_them"), [(13, True), (14, False)])
def test_too_many_histories_are_drawn_instead(rng, reset_every, all_of_them):
    orders = 3
    found = knowledge.histories(rng, 2, reset_every, orders)
    seen, number = np.unique(found.counts.sum(axis=1), return_counts=True)
    assert_array_equal(seen, np.arange(reset_every))
    expected = 2**seen if all_of_them else orders * (seen + 1)
    assert_array_equal(number, expected)


def test_drawn_histories_are_some_orders_of_each_count(rng, monkeypatch):
    monkeypatch.setattr(knowledge, "ENUMERATED", 80)  # one below 3^4
    found = knowledge.histories(rng, 3, 5, orders=7)
    rows = list(map(tuple, found.symbols.tolist()))
    counts = [tuple(reference.count(row, 3)) for row in rows]
    assert_array_equal(found.counts, counts)
    expected = {tuple(reference.count(history, 3)) for history in product(range(4), repeat=4)}
    assert Counter(counts) == dict.fromkeys(expected, 7)
    # Symbols first, then nothing.
    assert set(rows) <= set(every_history(3, 5))


def test_long_histories_are_in_fewer_orders(rng, monkeypatch):
    monkeypatch.setattr(knowledge, "ENUMERATED", 1)
    monkeypatch.setattr(knowledge, "MOST_HISTORIES", 20)
    found = knowledge.histories(rng, 2, 7, orders=6)
    # Of n symbols n + 1 counts: six orders each up to three counts, then 5, 4, 3 and 2.
    expected = [6 * 1, 6 * 2, 6 * 3, 5 * 4, 4 * 5, 3 * 6, 2 * 7]
    assert_array_equal(np.bincount(found.counts.sum(axis=1)), expected)


def test_orders_of_a_count_stand_in_succession_and_each_is_as_likely(rng):
    counts, orders = np.array([[2, 1, 1], [0, 4, 0]]), 6000
    found = knowledge.draw_orders(rng, counts, orders)
    each = [reference.count(history, 3) for history in found.tolist()]
    assert_array_equal(each, np.repeat(counts, orders, axis=0))
    _, number = np.unique(found[:orders], axis=0, return_counts=True)
    # Twelve orders, each five standard errors around its expectation.
    expected = orders / 12
    assert len(number) == 12
    assert np.all(np.abs(number - expected) < 5 * np.sqrt(expected * 11 / 12))


@pytest.mark.parametrize(
    ("alpha", "reset_every", "pasts"),
    [(ALPHA, 4, 3), ((0.4, 2.0), 5, 2), ((1.3, 1.3, 1.3), 2, 2), (ALPHA, 3, 1)],
)
def test_states_history_by_history(rng, alpha, reset_every, pasts):
    found = knowledge.histories(rng, len(alpha), reset_every, orders=1)
    log_q = np.log(rng.dirichlet(np.ones(len(alpha) + 1), (pasts, len(found.symbols))))
    # The exact predictor is certain of the reset, where the KL is -log q(reset).
    table = knowledge.compare_states(found, log_q, Source(alpha, reset_every))
    rows = reference.compare_states(found.symbols, log_q, alpha, reset_every)
    order = ["seen", *(f"count_{k}" for k in range(1, len(alpha) + 1))]
    expected = pd.DataFrame(rows).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(table, expected, check_like=True, **DOUBLE)


def test_the_exact_predictor_is_nowhere_off(rng):
    found = knowledge.histories(rng, 3, 5, orders=1)
    log_p = knowledge.log_p_after(found.counts, OWN)
    with np.errstate(divide="ignore"):  # it calls some characters impossible
        table = knowledge.compare_states(found, np.stack([log_p, log_p]), OWN)
    assert len(table) == 35
    assert (table[["kl", "kl_worst"]] == 0).all(axis=None)
    # A mean of equal numbers, up to rounding.
    assert_allclose(table[["order_spread", "past_spread"]], 0, atol=1e-14)
    assert_allclose(columns(table, "network"), columns(table, "exact"), **DOUBLE)


def test_states_and_leaks_are_predicted_where_they_are_due(rng, monkeypatch):
    own = Source(ALPHA, 4)

    def exact(_, characters: np.ndarray) -> np.ndarray:
        """Whatever comes after the character that is to be predicted."""
        return source.with_resets(own.log_p_symbol(characters), own.reset_every)

    monkeypatch.setattr(prediction, "log_p_next", exact)
    monkeypatch.setattr(subject, "AT_ONCE", 7)
    with np.errstate(divide="ignore"):  # it calls some characters impossible
        states = subject.Subject(None, own).states(rng, orders=2, pasts=3)
    assert (len(states), states.kl_worst.max()) == (20, 0)
    leaks = subject.Subject(None, own).leaks(rng, orders=2)
    assert_allclose(columns(leaks, "network"), columns(leaks, "exact"), **DOUBLE)
    assert (leaks.network_0 == 0).all()


@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("past", [False, True])
def test_spreads_are_of_what_matters_and_zero_of_what_does_not(rng, order, past):
    found = knowledge.histories(rng, 3, 4, orders=1)
    weights = np.ones((3, len(found.symbols), 4))
    weights[..., 1:] += found.counts
    weights[..., 0] += order * found.symbols[:, 0]
    weights[..., 1] += past * np.arange(3)[:, None]
    log_q = np.log(weights / weights.sum(axis=-1, keepdims=True))
    table = knowledge.compare_states(found, log_q, Source(ALPHA, 4))
    several_orders = np.count_nonzero(columns(table, "count"), axis=1) > 1
    # The spread of equal numbers is zero up to rounding.
    for spread, matters in (("order_spread", order & several_orders), ("past_spread", past)):
        assert np.all(np.where(matters, table[spread] > 1e-4, table[spread].abs() < 1e-14))


def noisy(rng: np.random.Generator, noise: float, alpha: tuple[float, ...], reset_every: int):
    """All counts before the reset is due, their probability, and noisy exact predictions."""
    by_seen = [source.count_vectors(seen, len(alpha)) for seen in range(reset_every - 1)]
    counts = np.concatenate(by_seen)
    p = np.exp(source.log_predictive(counts, alpha) + rng.normal(0, noise, counts.shape))
    weight = np.exp(source.log_p_counts(counts, alpha))
    return counts, weight, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("alpha", "reset_every", "noise"),
    [
        ((10.0, 1.0, 1.0), 5, 0.0),
        ((1.3, 1.3, 1.3), 20, 0.0),
        ((0.3, 2.0), 4, 0.0),
        ((40.0, 5.0, 0.5), 10, 0.0),
        ((0.2, 0.2, 0.2, 1.0), 3, 0.0),
        # These stop at the rounding of the KL: no step lowers it any more.
        ((25.26825563783083, 15.746479127194934, 1.43320825555125), 8, 0.0),
        ((2.9888203015747283, 1.3995054888036107, 0.29910821439823393), 17, 0.1),
    ],
)
def test_concentration_of_exact_predictions_is_their_alpha(alpha, reset_every, noise):
    counts, weight, p = noisy(np.random.default_rng(103), noise, alpha, reset_every)
    found, left = knowledge.fit_concentration(counts, weight, p)
    # The KL goes with the square of the error of alpha: its rounding, 1e-16, leaves alpha
    # uncertain by some 1e-6. Noise changes predictions by a tenth on average, alpha by less.
    assert_allclose(found, alpha, rtol=1e-4 if noise == 0 else 0.1)
    assert left < noise**2 + 1e-10


@pytest.mark.parametrize("reset_every", [2, 3])
def test_a_period_of_one_symbol_shows_no_concentration(rng, reset_every):
    own = Source(ALPHA, reset_every)
    found = knowledge.histories(rng, 3, reset_every, orders=1)
    log_p = knowledge.log_p_after(found.counts, own)[None]
    with np.errstate(divide="ignore"):  # it calls some characters impossible
        table = knowledge.concentration(knowledge.compare_states(found, log_p, own), own)
    assert list(zip(table.symbol, table.alpha)) == list(enumerate(ALPHA, start=1))
    unknown = reset_every == 2
    assert_allclose(table.estimate, np.where(unknown, np.nan, ALPHA), rtol=1e-4)
    assert_allclose(table.kl_left, np.full(3, np.nan if unknown else 0), atol=1e-10)


def test_a_predictor_that_never_learns_has_a_huge_concentration(rng):
    counts, weight, _ = noisy(rng, 0, (1.0, 1.0, 1.0), 5)
    p = np.broadcast_to([0.7, 0.2, 0.1], counts.shape)
    found, left = knowledge.fit_concentration(counts, weight, p)
    assert np.isfinite(found).all()
    # Four counts change a share by 4 / sum alpha, the KL by the square of that.
    assert found.sum() > 1e3
    assert_allclose(found / found.sum(), [0.7, 0.2, 0.1], rtol=1e-2)
    assert 0 <= left < 1e-5


def test_a_symbol_that_is_never_expected_leaves_a_finite_concentration():
    counts, p = np.zeros((1, 2), int), np.array([[1 - 1e-12, 1e-12]])
    found, left = knowledge.fit_concentration(counts, np.ones(1), p)
    # The bounds of the search; without them the ratio would be about 1e12.
    assert np.all(found >= np.exp(-7) * (1 - 1e-9))
    assert np.all(found <= np.exp(12) * (1 + 1e-9))
    assert left < 1e-3


def test_no_concentration_is_nearer_than_the_fitted_one(rng):
    counts, weight, p = noisy(rng, 0.3, ALPHA, 5)

    def distance(alpha: np.ndarray) -> float:
        predicted = [reference.log_predictive(row, alpha.tolist()) for row in counts.tolist()]
        return float(np.average(list(map(reference.kl, np.log(p), predicted)), weights=weight))

    found, left = knowledge.fit_concentration(counts, weight, p)
    assert_allclose(left, distance(found), **DOUBLE)
    for factors in product([0.95, 1, 1.05], repeat=3):
        if factors != (1, 1, 1):
            assert distance(found * factors) > left + 1e-6, factors


def test_a_search_without_an_end_is_refused(monkeypatch):
    failed = scipy.optimize.OptimizeResult(success=False, message="too many steps")
    monkeypatch.setattr(knowledge, "minimize", lambda *_, **__: failed)
    with pytest.raises(ValueError, match="did not converge: too many steps"):
        knowledge.fit_concentration(np.zeros((1, 2), int), np.ones(1), np.full((1, 2), 0.5))


def test_linear_functions_are_read_out_exactly(rng):
    states, held_out = rng.normal(3, 1, (60, 4)), rng.normal(-1, 2, (50, 4))
    weights = rng.normal(0, 1, (4, 2))
    values, others = (rows @ weights + [100.0, -7.0] for rows in (states, held_out))
    found = knowledge.linear_readout(states, values, held_out, others)
    assert_allclose(found, [1, 1], **DOUBLE)


def test_nearly_parallel_single_precision_states_are_distinguished(rng):
    first = rng.normal(0, 1, 100)
    rows = np.column_stack([first, first + 1e-4 * rng.normal(0, 1, 100)])
    states = rows.astype(np.float32)
    # A fit in single precision would lose digits of what the states differ by.
    values = (np.diff(states.astype(np.float64), axis=1) / 3).astype(np.float32)
    found = knowledge.linear_readout(states[:50], values[:50], states[50:], values[50:])
    assert_allclose(found, [1], **DOUBLE)


def test_r_squared_by_hand():
    # The second state says nothing: the fit is x.
    x = np.array([[-1.0], [0.0], [1.0]])
    states = np.hstack([x, np.zeros((3, 1))])
    # -x is missed by 2 x: 1 - 8 / 2. And x + 10 by 10, compared with its own mean, not that
    # of the values fitted to: 1 - 300 / 2.
    found = knowledge.linear_readout(states, np.hstack([x, x]), states, np.hstack([-x, x + 10]))
    assert_allclose(found, [-3, -149], **DOUBLE)


@pytest.mark.filterwarnings("error")
def test_a_quantity_that_never_varies_has_no_r_squared(rng):
    states, constant = rng.normal(0, 1, (4, 2)), np.zeros((4, 1), int)
    assert np.isnan(knowledge.linear_readout(states, constant, states, constant)).all()


# The mean of single-precision states is rounded.
@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_principal_components_are_eigenvectors_of_the_covariance(rng, dtype, atol):
    states = rng.normal(0, 1, (200, 5)) @ rng.normal(0, 1, (5, 5)) + 3
    places, share = knowledge.principal_components(states.astype(dtype))
    assert places.dtype == share.dtype == np.float64
    values, vectors = np.linalg.eigh(np.cov(states.T))
    for number in range(2):
        direction = vectors[:, -1 - number]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        expected = (states - states.mean(axis=0)) @ direction
        assert_allclose(places[:, number], expected, rtol=1e-10, atol=atol)
        assert_allclose(share[number], values[-1 - number] / values.sum(), rtol=atol)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_largest_entry_of_a_direction_is_positive(sign, axis):
    direction = np.where(np.arange(3) == axis, 2.0, -1.0)
    along = sign * np.array([-3.0, 1.0, 2.0])
    places, share = knowledge.principal_components(along[:, None] * direction)
    assert_allclose(places[:, 0], along * np.sqrt(6), **DOUBLE)
    # All on one line: nothing is left for the second.
    assert_allclose(places[:, 1], 0, atol=1e-12)
    assert_allclose(share, [1, 0], atol=1e-12)


def test_states_of_one_unit_have_no_second_direction(rng):
    states = rng.normal(2, 3, (20, 1))
    places, share = knowledge.principal_components(states)
    assert_allclose(places[:, 0], states[:, 0] - states.mean(), **DOUBLE)
    assert_array_equal(places[:, 1], 0)
    assert_array_equal(share, [1, 0])
