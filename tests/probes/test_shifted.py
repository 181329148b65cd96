from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.meta.source import KnownP, Source
from pipeline.probes import shifted
from tests import reference

# Sums and logarithms in double precision; the reference takes differences of lgamma.
DOUBLE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}

ALPHA = (2.0, 1.0, 0.5)


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sequences, and any predictor of the symbols, given that one comes."""
    characters, _ = Source(ALPHA, 5).draw(rng, 6, 17)
    return characters, np.log(rng.dirichlet(np.ones(len(ALPHA)), characters.shape))


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
    characters, log_q = drawn(rng)
    own, matched = Source(ALPHA, reset_every), Source((1.0, 1.0, 1.0), 5)
    rows = matched.log_p_symbol(characters)
    expected = reference.compare_shifted(log_q, characters, (ALPHA, reset_every), rows)
    found = shifted.compare(log_q, characters, own, matched)
    pd.testing.assert_series_equal(pd.Series(found), pd.Series(expected), check_like=True, **DOUBLE)


def test_the_own_predictor_is_not_off_itself(rng):
    characters, _ = drawn(rng)
    log_q = Source(ALPHA, 3).log_p_symbol(characters)
    found = shifted.compare(log_q, characters, Source(ALPHA, 3), Source(ALPHA, 5))
    for name in ("network_less_own", "network_less_own_se", "kl_own", "kl_own_se"):
        assert found[name] == 0
    # Against what made the sequences the wrong period costs something.
    assert found["network_less_matched"] > 0
    assert found["network"] == found["own"]


def test_predictions_where_a_reset_came_do_not_count(rng):
    characters, log_q = drawn(rng)
    sources = Source(ALPHA, 3), Source(ALPHA, 5)
    found = shifted.compare(log_q, characters, *sources)
    log_q[:, ::5] = np.log([0.98, 0.01, 0.01])
    assert shifted.compare(log_q, characters, *sources) == found


def test_the_matched_predictor_of_a_certain_symbol_costs_nothing(rng):
    # A corner of the simplex: -inf for symbols that cannot come.
    matched = KnownP(np.array([0.0, 1.0, 0.0]), 5)
    characters, _ = matched.draw(rng, 1, 12)
    log_q = drawn(rng)[1][:1, :12]
    found = pd.Series(shifted.compare(log_q, characters, Source(ALPHA, 5), matched))
    assert found.matched == 0
    assert found.network_less_matched == found.network
    # The standard error of one sequence is unknown.
    assert_array_equal(found.isna(), found.index.str.endswith("_se"))
    assert np.isfinite(found.dropna()).all()


@given(symbols=st.integers(2, 4), steps=st.integers(1, 8))
def test_simplex_grid_has_every_multiple_once(symbols, steps):
    found = shifted.simplex_grid(symbols, steps) * steps
    expected = [numbers for numbers in np.ndindex((steps + 1,) * symbols) if sum(numbers) == steps]
    assert_allclose(sorted(found.tolist()), sorted(expected), **DOUBLE)
