from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.meta import source
from pipeline.meta.source import Source
from pipeline.probes import knowledge
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


def random_predictor(
    rng: np.random.Generator, pasts: int, found: knowledge.Histories
) -> np.ndarray:
    """Log q (pasts, H, K) that depend on the past and on the order."""
    symbols = found.counts.shape[1]
    return np.log(rng.dirichlet(np.ones(symbols + 1), (pasts, len(found.symbols))))


@pytest.mark.parametrize(("symbols", "reset_every"), [(3, 5), (2, 7), (4, 3), (3, 2)])
def test_histories_are_all_histories_each_once(rng, symbols, reset_every):
    found = knowledge.histories(rng, symbols, reset_every, orders=3)
    rows = sorted(map(tuple, found.symbols.tolist()))
    assert rows == sorted(every_history(symbols, reset_every))


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
    orders = 7
    found = knowledge.histories(rng, 3, 5, orders)
    counts, number = np.unique(found.counts, axis=0, return_counts=True)
    expected = {tuple(reference.count(history, 3)) for history in product(range(4), repeat=4)}
    assert set(map(tuple, counts.tolist())) == expected
    assert len(counts) == len(expected)
    assert (number == orders).all()
    # Symbols first, then nothing.
    assert set(map(tuple, found.symbols.tolist())) <= set(every_history(3, 5))


def test_long_histories_are_in_fewer_orders(rng, monkeypatch):
    monkeypatch.setattr(knowledge, "ENUMERATED", 1)
    monkeypatch.setattr(knowledge, "MOST_HISTORIES", 20)
    found = knowledge.histories(rng, 2, 7, orders=6)
    # Of n symbols n + 1 counts: six orders each up to three counts, then 5, 4, 3 and 2.
    expected = [6 * 1, 6 * 2, 6 * 3, 5 * 4, 4 * 5, 3 * 6, 2 * 7]
    assert_array_equal(np.bincount(found.counts.sum(axis=1)), expected)


def test_drawn_orders_keep_the_counts_in_succession(rng):
    counts = np.array([[2, 0, 1], [0, 3, 0], [1, 1, 1]])
    found = knowledge.draw_orders(rng, counts, 4)
    each = [reference.count(history, 3) for history in found.tolist()]
    assert_array_equal(each, np.repeat(counts, 4, axis=0))


def test_every_order_of_a_count_is_as_likely(rng):
    orders = 6000
    found = knowledge.draw_orders(rng, np.array([[2, 1, 1]]), orders)
    _, number = np.unique(found, axis=0, return_counts=True)
    # Twelve orders, each five standard errors around its expectation.
    expected = orders / 12
    assert len(number) == 12
    assert np.all(np.abs(number - expected) < 5 * np.sqrt(expected * 11 / 12))


@pytest.mark.parametrize("enumerated", [1, 4096])
def test_counts_and_states_are_those_of_the_symbols(rng, monkeypatch, enumerated):
    monkeypatch.setattr(knowledge, "ENUMERATED", enumerated)
    found = knowledge.histories(rng, 3, 4, orders=5)
    expected = [reference.count(history, 3) for history in found.symbols.tolist()]
    assert_array_equal(found.counts, expected)
    # One number for each count, without gaps.
    pairs = {(int(n), *row) for n, row in zip(found.state, expected)}
    numbers = [pair[0] for pair in pairs]
    assert sorted(numbers) == list(range(len({tuple(row) for row in expected})))


def test_sequences_are_a_past_a_reset_a_history_and_room():
    past = np.array([0, 3, 1, 0, 2, 2], np.uint8)
    symbols = np.array([[1, 2], [3, 0], [0, 0]], np.uint8)
    found = knowledge.sequences(past, symbols)
    expected = [
        [0, 3, 1, 0, 2, 2, 0, 1, 2, 0],
        [0, 3, 1, 0, 2, 2, 0, 3, 0, 0],
        [0, 3, 1, 0, 2, 2, 0, 0, 0, 0],
    ]
    assert_array_equal(found, expected)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("alpha", [ALPHA, (0.2, 3.0)])
@pytest.mark.parametrize("reset_every", [2, 4])
def test_exact_is_the_predictor_of_a_sequence_after_each_history(rng, alpha, reset_every):
    found = knowledge.histories(rng, len(alpha), reset_every, orders=1)
    log_p = knowledge.log_p_after(found.counts, Source(alpha, reset_every))
    for history, row in zip(found.symbols.tolist(), log_p):
        sequence = [0, *(symbol for symbol in history if symbol), 0]
        expected = reference.posterior_predictive(sequence, alpha, reset_every)[-1]
        assert_allclose(row, expected, **DOUBLE)


@pytest.mark.parametrize(
    ("alpha", "reset_every", "pasts"),
    [(ALPHA, 4, 3), ((0.4, 2.0), 5, 2), ((1.3, 1.3, 1.3), 2, 2), (ALPHA, 3, 1)],
)
def test_states_history_by_history(rng, alpha, reset_every, pasts):
    found = knowledge.histories(rng, len(alpha), reset_every, orders=1)
    log_q = random_predictor(rng, pasts, found)
    # The exact predictor is certain of the reset, where the KL is -log q(reset).
    table = knowledge.compare_states(found, log_q, Source(alpha, reset_every))
    rows = reference.compare_states(found.symbols, log_q, alpha, reset_every).values()
    order = ["seen", *(f"count_{k}" for k in range(1, len(alpha) + 1))]
    expected = pd.DataFrame(rows).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(table, expected, check_like=True, **DOUBLE)


def test_probabilities_of_states_add_up_for_each_length(rng):
    found = knowledge.histories(rng, 3, 5, orders=1)
    table = knowledge.compare_states(found, random_predictor(rng, 1, found), OWN)
    assert table.seen.is_monotonic_increasing
    assert_allclose(table.groupby("seen").probability.sum(), np.ones(5), **DOUBLE)


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


def sensitive(found: knowledge.Histories, order: bool, past: bool) -> np.ndarray:
    """Log q (3, H, K) that looks at the first symbol if `order`, at the past if `past`."""
    symbols = found.counts.shape[1]
    weights = np.ones((3, len(found.symbols), symbols + 1))
    weights[..., 1:] += found.counts
    if order:
        weights[..., 0] += found.symbols[:, 0]
    if past:
        weights[..., 1] += np.arange(3)[:, None]
    return np.log(weights / weights.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("order", [False, True])
@pytest.mark.parametrize("past", [False, True])
def test_spreads_are_of_what_matters_and_zero_of_what_does_not(rng, order, past):
    found = knowledge.histories(rng, 3, 4, orders=1)
    log_q = sensitive(found, order, past)
    table = knowledge.compare_states(found, log_q, Source(ALPHA, 4))
    several_orders = np.count_nonzero(columns(table, "count"), axis=1) > 1
    for spread, matters in (
        (table.order_spread, order & several_orders),
        (table.past_spread, past),
    ):
        # The spread of equal numbers is zero up to rounding.
        assert np.all(np.where(matters, spread > 1e-4, spread.abs() < 1e-14))


def every_count(symbols: int, reset_every: int, alpha: tuple[float, ...]):
    """All counts before the reset is due, and the probability of each."""
    by_seen = [source.count_vectors(seen, symbols) for seen in range(reset_every - 1)]
    weight = [np.exp(source.log_p_counts(counts, alpha)) for counts in by_seen]
    return np.concatenate(by_seen), np.concatenate(weight)


@pytest.mark.parametrize(
    ("alpha", "reset_every"),
    [
        ((10.0, 1.0, 1.0), 5),
        ((1.3, 1.3, 1.3), 20),
        ((0.3, 2.0), 4),
        ((40.0, 5.0, 0.5), 10),
        ((0.2, 0.2, 0.2, 1.0), 3),
    ],
)
def test_concentration_of_exact_predictions_is_their_alpha(alpha, reset_every):
    counts, weight = every_count(len(alpha), reset_every, alpha)
    p = np.exp(source.log_predictive(counts, alpha))
    found, left = knowledge.fit_concentration(counts, weight, p)
    # Near its minimum the KL goes with the square of the error of alpha, so that its own
    # rounding, 1e-16, leaves the alpha uncertain by some 1e-6 of it.
    assert_allclose(found, alpha, rtol=1e-4)
    assert_allclose(left, 0, atol=1e-10)


@pytest.mark.parametrize(
    ("alpha", "reset_every", "noise", "seed"),
    [
        ((2.9888203015747283, 1.3995054888036107, 0.29910821439823393), 17, 0.1, 103),
        ((25.26825563783083, 15.746479127194934, 1.43320825555125), 8, 0.0, 28),
    ],
)
def test_a_fit_that_stops_at_the_rounding_of_the_kl_is_a_fit(alpha, reset_every, noise, seed):
    # Where no step lowers the KL any more, by its value or by its slope, it is lowest.
    counts, weight = every_count(3, reset_every, alpha)
    logits = np.random.default_rng(seed).normal(0, noise, counts.shape)
    p = np.exp(source.log_predictive(counts, alpha) + logits)
    p /= p.sum(axis=1, keepdims=True)
    found, left = knowledge.fit_concentration(counts, weight, p)
    # Predictions differ by a tenth at most on average, alpha by less.
    assert_allclose(found, alpha, rtol=1e-4 if noise == 0 else 0.1)
    assert left < noise**2 + 1e-10


def test_concentration_before_any_symbol_is_known_up_to_its_scale():
    # A period of one symbol: only the prior's shares are ever predicted.
    share = np.array([[0.7, 0.2, 0.1]])
    found, left = knowledge.fit_concentration(np.zeros((1, 3), int), np.ones(1), share)
    assert_allclose(found / found.sum(), share[0], rtol=1e-4)
    assert_allclose(left, 0, atol=1e-10)


@pytest.mark.parametrize("reset_every", [2, 3])
def test_a_period_of_one_symbol_shows_no_concentration(rng, reset_every):
    own = Source(ALPHA, reset_every)
    found = knowledge.histories(rng, 3, reset_every, orders=1)
    log_p = knowledge.log_p_after(found.counts, own)[None]
    with np.errstate(divide="ignore"):  # it calls some characters impossible
        table = knowledge.concentration(knowledge.compare_states(found, log_p, own), own)
    assert list(table.symbol) == [1, 2, 3]
    assert tuple(table.alpha) == ALPHA
    if reset_every == 2:
        assert table[["estimate", "kl_left"]].isna().all(axis=None)
    else:
        assert_allclose(table.estimate, ALPHA, rtol=1e-4)
        assert_allclose(table.kl_left, 0, atol=1e-10)


def test_a_predictor_that_never_learns_has_a_huge_concentration():
    counts, weight = every_count(3, 5, (1.0, 1.0, 1.0))
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


def noisy(rng: np.random.Generator):
    counts, weight = every_count(3, 5, ALPHA)
    p = np.exp(source.log_predictive(counts, ALPHA) + rng.normal(0, 0.3, counts.shape))
    return counts, weight, p / p.sum(axis=1, keepdims=True)


def test_no_concentration_is_nearer_than_the_fitted_one(rng):
    counts, weight, p = noisy(rng)

    def distance(alpha) -> float:
        each = [
            reference.kl(np.log(row), reference.log_predictive(n, alpha))
            for n, row in zip(counts.tolist(), p)
        ]
        return float(np.average(each, weights=weight))

    found, left = knowledge.fit_concentration(counts, weight, p)
    assert_allclose(left, distance(found.tolist()), **DOUBLE)
    for factors in product([0.95, 1, 1.05], repeat=3):
        if factors != (1, 1, 1):
            assert distance((found * factors).tolist()) > left + 1e-6, factors


def test_only_the_ratio_of_weights_matters(rng):
    counts, weight, p = noisy(rng)
    found, left = knowledge.fit_concentration(counts, weight, p)
    same, same_left = knowledge.fit_concentration(counts, 7 * weight, p)
    assert_allclose(same, found, rtol=1e-4)
    assert_allclose(same_left, left, rtol=1e-8)
    equal, _ = knowledge.fit_concentration(counts, np.ones(len(counts)), p)
    assert np.max(np.abs(equal / found - 1)) > 0.01


def test_counts_without_weight_do_not_matter():
    counts, weight = every_count(3, 5, ALPHA)
    p = np.exp(source.log_predictive(counts, ALPHA))
    weight[3:6], p[3:6] = 0, [0.1, 0.1, 0.8]
    found, _ = knowledge.fit_concentration(counts, weight, p)
    assert_allclose(found, ALPHA, rtol=1e-4)


def test_a_search_without_an_end_is_refused(monkeypatch):
    failed = scipy.optimize.OptimizeResult(
        success=False, message="too many steps", x=np.zeros(2), fun=1.0
    )
    monkeypatch.setattr(knowledge, "minimize", lambda *_, **__: failed)
    with pytest.raises(ValueError, match="did not converge: too many steps"):
        knowledge.fit_concentration(np.zeros((1, 2), int), np.ones(1), np.full((1, 2), 0.5))


def test_linear_functions_are_read_out_exactly(rng):
    states, held_out = rng.normal(3, 1, (60, 4)), rng.normal(-1, 2, (50, 4))
    weights, intercept = rng.normal(0, 1, (4, 2)), np.array([100.0, -7.0])
    found = knowledge.linear_readout(
        states, states @ weights + intercept, held_out, held_out @ weights + intercept
    )
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
    states = np.array([[-1.0], [0.0], [1.0]])
    rising, falling = states, -states
    # Fitted to rise by one; what falls by one is missed by twice itself: 1 - 4.
    found = knowledge.linear_readout(
        states, np.hstack([rising, falling]), states, np.hstack([falling, falling])
    )
    assert_allclose(found, [-3, 1], **DOUBLE)


def test_r_squared_is_compared_with_the_mean_of_the_held_out_values():
    # States that say nothing: the fit is the mean 0 of the first, the mean of the others
    # is 10. 1 - (9^2 + 11^2) / (1^2 + 1^2).
    nothing = np.zeros((2, 1))
    found = knowledge.linear_readout(
        nothing, np.array([[-1.0], [1.0]]), nothing, np.array([[9.0], [11.0]])
    )
    assert_allclose(found, [-100], **DOUBLE)


@pytest.mark.filterwarnings("error")
def test_a_quantity_that_never_varies_has_no_r_squared(rng):
    states, constant = rng.normal(0, 1, (4, 2)), np.zeros((4, 1), int)
    assert np.isnan(knowledge.linear_readout(states, constant, states, constant)).all()


def test_principal_components_are_eigenvectors_of_the_covariance(rng):
    states = rng.normal(0, 1, (200, 5)) @ rng.normal(0, 1, (5, 5)) + 3
    places, share = knowledge.principal_components(states)
    values, vectors = np.linalg.eigh(np.cov(states.T))
    for number in range(2):
        direction = vectors[:, -1 - number]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        expected = (states - states.mean(axis=0)) @ direction
        assert_allclose(places[:, number], expected, **DOUBLE)
        assert_allclose(share[number], values[-1 - number] / values.sum(), **DOUBLE)


# The largest entry of the direction is positive, in whatever order the states are.
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_largest_entry_of_a_direction_is_positive(sign, axis):
    direction = np.array([-1.0, -1.0, -1.0])
    direction[axis] = 2
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


@given(shift=st.floats(-100, 100), stretch=st.floats(0.01, 100))
def test_shares_do_not_depend_on_place_and_size(shift, stretch):
    states = np.random.default_rng(0).normal(0, [3, 2, 1], (30, 3))
    places, share = knowledge.principal_components(states)
    moved, same = knowledge.principal_components(states * stretch + shift)
    # Beside a shift of up to 1e4 times the states their last digits are rounded.
    assert_allclose(same, share, rtol=1e-8)
    assert_allclose(moved / stretch, places, atol=1e-8)


def test_components_of_single_precision_states_are_in_double_precision(rng):
    states = rng.normal(0, 1, (40, 3)).astype(np.float32)
    places, share = knowledge.principal_components(states)
    assert places.dtype == share.dtype == np.float64
    expected, _ = knowledge.principal_components(states.astype(np.float64))
    assert_allclose(places, expected, atol=1e-5)
