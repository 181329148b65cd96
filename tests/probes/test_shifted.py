from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.meta.source import KnownP, Source
from pipeline.probes import shifted
from tests import reference

# Sums and logarithms in double precision; the reference takes differences of lgamma.
DOUBLE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}

ALPHA = (2.0, 1.0, 0.5)

NAMES = (
    "network",
    "own",
    "matched",
    "network_less_own",
    "network_less_matched",
    "kl_own",
)


def draw(
    rng: np.random.Generator, reset_every: int, sequences: int = 6, steps: int = 17
) -> np.ndarray:
    return Source(ALPHA, reset_every).draw(rng, sequences, steps)[0]


def predictor(rng: np.random.Generator, characters: np.ndarray) -> np.ndarray:
    """Any predictor of the symbols, given that one comes."""
    return np.log(rng.dirichlet(np.ones(len(ALPHA)), characters.shape))


def test_log_p_symbol_by_hand():
    log_p = np.log([[[0.5, 0.1, 0.4], [0.2, 0.6, 0.2]]])
    found = shifted.log_p_symbol(log_p)
    assert_allclose(np.exp(found), [[[0.2, 0.8], [0.75, 0.25]]], **DOUBLE)


@given(
    logits=st.lists(st.floats(-30, 30), min_size=3, max_size=5),
    log_of_a_reset=st.floats(-700, -1e-12),
)
def test_log_p_symbol_forgets_the_probability_of_a_reset(logits, log_of_a_reset):
    alone = np.array(logits) - np.logaddexp.reduce(logits)
    with_reset = np.append(log_of_a_reset, alone + np.log1p(-np.exp(log_of_a_reset)))
    found = shifted.log_p_symbol(with_reset[None, None])
    # 1 less a nearly certain reset is rounded, but the same for all symbols.
    assert_allclose(found[0, 0], alone, rtol=0, atol=1e-10)


def test_log_p_symbol_an_impossible_one_stays_impossible():
    log_p = np.array([[[np.log(0.5), -np.inf, np.log(0.5)]]])
    assert_allclose(np.exp(shifted.log_p_symbol(log_p)), [[[0, 1]]], **DOUBLE)


# The sequences' own period, shorter, longer, multiples, and longer than the sequence.
@pytest.mark.parametrize("reset_every", [2, 3, 5, 6, 10, 40])
def test_compare_symbol_by_symbol(rng, reset_every):
    characters = draw(rng, 5)
    log_q = predictor(rng, characters)
    own, matched = Source(ALPHA, reset_every), Source((1.0, 1.0, 1.0), 5)
    found = shifted.compare(log_q, characters, own, matched)
    expected = reference.compare_shifted(
        log_q,
        characters.tolist(),
        (ALPHA, reset_every),
        matched.log_p_symbol(characters),
    )
    assert found.keys() == expected.keys()
    assert set(found) == {*NAMES, *(f"{name}_se" for name in NAMES)}
    for name, value in expected.items():
        assert_allclose(found[name], value, **DOUBLE, err_msg=name)


def test_compare_by_hand():
    # The predictor has a period of 2, the sequences have one of 4. At t = 2 it forgets.
    characters = np.array([[0, 1, 1, 2], [0, 1, 2, 2]], np.uint8)
    log_q = np.log(np.broadcast_to([0.75, 0.25], (2, 4, 2)))
    own, matched = Source((1.0, 1.0), 2), Source((1.0, 1.0), 4)
    found = shifted.compare(log_q, characters, own, matched)
    log = np.log
    network = -log(0.75 * 0.75 * 0.25) / 3, -log(0.75 * 0.25 * 0.25) / 3
    # 1/2 everywhere: what comes at t = 2 is not counted at t = 3.
    half = log(2), log(2)
    best = -log(1 / 2 * 2 / 3 * 1 / 4) / 3, -log(1 / 2 * 1 / 3 * 2 / 4) / 3
    expected = {
        "network": network,
        "own": half,
        "matched": best,
        "network_less_own": np.subtract(network, half),
        "network_less_matched": np.subtract(network, best),
        "kl_own": [0.5 * log(0.5 / 0.75) + 0.5 * log(0.5 / 0.25)] * 2,
    }
    for name, (one, other) in expected.items():
        assert_allclose(found[name], (one + other) / 2, **DOUBLE, err_msg=name)
        # The standard error of a mean of two is half their distance.
        error = found[f"{name}_se"]
        assert_allclose(error, abs(one - other) / 2, **DOUBLE, err_msg=name)


def test_the_own_predictor_is_not_off_itself(rng):
    characters = draw(rng, 5)
    log_q = Source(ALPHA, 3).log_p_symbol(characters)
    found = shifted.compare(log_q, characters, Source(ALPHA, 3), Source(ALPHA, 5))
    for name in ("network_less_own", "network_less_own_se", "kl_own", "kl_own_se"):
        assert found[name] == 0
    # Against what made the sequences the wrong period costs something.
    assert found["network_less_matched"] > 0
    assert found["network"] == found["own"]


def test_predictions_where_a_reset_came_do_not_count(rng):
    characters = draw(rng, 5)
    log_q = predictor(rng, characters)
    own, matched = Source(ALPHA, 3), Source(ALPHA, 5)
    found = shifted.compare(log_q, characters, own, matched)
    other = log_q.copy()
    other[:, ::5] = np.log([0.98, 0.01, 0.01])
    assert shifted.compare(other, characters, own, matched) == found


def test_the_matched_predictor_of_a_certain_symbol_costs_nothing(rng):
    # A corner of the simplex: -inf for symbols that cannot come.
    matched = KnownP(np.array([0.0, 1.0, 0.0]), 5)
    characters, _ = matched.draw(rng, 1, 12)
    log_q = predictor(rng, characters)
    found = shifted.compare(log_q, characters, Source(ALPHA, 5), matched)
    assert found["matched"] == 0
    assert found["network_less_matched"] == found["network"]
    assert np.isfinite([found[name] for name in NAMES]).all()
    # The standard error of one sequence is unknown.
    assert np.isnan([found[f"{name}_se"] for name in NAMES]).all()


def test_simplex_grid_by_hand():
    found = shifted.simplex_grid(3, 2)
    corners = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    between = [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    assert_allclose(sorted(found.tolist()), sorted(corners + between), **DOUBLE)


@given(symbols=st.integers(2, 4), steps=st.integers(1, 8))
def test_simplex_grid_has_every_multiple_once(symbols, steps):
    found = shifted.simplex_grid(symbols, steps)
    assert_allclose(found.sum(axis=1), 1, **DOUBLE)
    whole = (found * steps).round()
    assert_allclose(found * steps, whole, **DOUBLE)
    assert (found >= 0).all()
    expected = [numbers for numbers in np.ndindex((steps + 1,) * symbols) if sum(numbers) == steps]
    assert sorted(map(tuple, whole.tolist())) == sorted(expected)
