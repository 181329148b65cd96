from itertools import islice, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.meta import source
from pipeline.meta.source import KnownP, Source
from tests import reference

# The reference takes differences of lgamma, up to some thousands and rounded to 1e-12.
DOUBLE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}

ALPHAS = st.lists(st.floats(0.05, 200), min_size=2, max_size=4).map(tuple)
PERIODS = st.integers(2, 12)


def draw(seed: int, own: Source, steps: int) -> np.ndarray:
    return own.draw(np.random.default_rng(seed), 2, steps)[0]


@given(alpha=ALPHAS, steps=st.integers(1, 25), reset_every=PERIODS, seed=st.integers(0, 1000))
def test_predictive_is_a_ratio_of_marginal_likelihoods(alpha, steps, reset_every, seed):
    characters = draw(seed, Source(alpha, reset_every), steps)
    log_p = Source(alpha, reset_every).log_p_next(characters)
    rows = characters.tolist()
    expected = [reference.posterior_predictive(row, alpha, reset_every) for row in rows]
    assert_allclose(log_p, expected, **DOUBLE)
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, **DOUBLE)


def test_predictive_by_hand():
    characters = np.array([[0, 1, 1, 0, 3, 2]], np.uint8)
    p = np.exp(Source((2.0, 1.0, 1.0), 3).log_p_next(characters))
    reset, first = [1.0, 0, 0, 0], [0, 2 / 4, 1 / 4, 1 / 4]
    expected = [reset, first, [0, 3 / 5, 1 / 5, 1 / 5], reset, first, [0, 2 / 5, 1 / 5, 2 / 5]]
    assert_allclose(p[0], expected, **DOUBLE)


def test_a_reset_erases_the_past():
    own = Source((3.0, 1.0, 0.5), 5)
    characters = draw(0, own, 20)
    other = characters.copy()
    other[:, :10] = draw(1, own, 10)
    assert (other != characters).any()
    assert_array_equal(own.log_p_next(other)[:, 10:], own.log_p_next(characters)[:, 10:])


@given(order=st.permutations(range(1, 7)))
def test_order_within_a_period_does_not_matter(order):
    own = Source((1.3, 2.0, 0.7), 8)
    characters = np.array([[0, 1, 2, 1, 3, 1, 2, 1]], np.uint8)
    other = characters.copy()
    other[:, 1:7] = characters[:, order]
    assert_array_equal(own.log_p_next(other)[:, 7], own.log_p_next(characters)[:, 7])


def test_huge_alpha_is_the_prior_everywhere():
    own = Source((6e9, 3e9, 1e9), 10)
    characters = draw(0, own, 30)
    p = np.exp(own.log_p_next(characters))[:, characters[0] != 0, 1:]
    # Nine counts against 1e10.
    assert_allclose(p, np.broadcast_to([0.6, 0.3, 0.1], (2, 27, 3)), atol=2e-9)


@pytest.mark.parametrize(
    "characters",
    [
        [[1, 0, 1, 1, 0, 1]],  # shifted
        [[0, 1, 1, 1, 1, 1]],  # one is missing
        [[0, 1, 0, 0, 1, 1]],  # one too many
        [[0, 1, 1, 0, 1, 1], [0, 1, 1, 1, 0, 1]],  # in the second sequence only
    ],
)
def test_another_pattern_of_resets_is_refused(characters):
    with pytest.raises(ValueError, match="expected 0 at every 3th step"):
        Source((1.0, 1.0), 3).log_p_next(np.array(characters, np.uint8))


@given(steps=st.integers(1, 30), reset_every=PERIODS)
def test_resets_come_where_they_should(steps, reset_every):
    characters = draw(0, Source((1.0, 1.0, 1.0), reset_every), steps)
    expected = np.arange(steps) % reset_every == 0
    assert_array_equal(characters == 0, np.tile(expected, (2, 1)))
    assert (characters <= 3).all()


def test_symbols_have_the_frequencies_p_of_their_own_period():
    p = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    count = 4000
    characters, _ = KnownP(p, 4).draw(np.random.default_rng(0), count, 16)
    frequency = (characters[..., None] == np.arange(1, 4)).mean(axis=0)
    for place in (1, 2, 3):
        # Five standard errors; exactly p where it is zero or one.
        assert np.all(np.abs(frequency[place::4] - p) <= 5 * np.sqrt(p * (1 - p) / count))


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_of_the_unit_interval_are_symbols_too(uniform):
    class Constant(np.random.Generator):
        def random(self, size=None, *_, **__):
            return np.full(size, uniform)

    # The sum of ten tenths rounds to just below one.
    rng = Constant(np.random.PCG64(0))
    characters, _ = KnownP(np.full(10, 0.1), 3).draw(rng, 1, 3)
    expected = 1 if uniform == 0 else 10
    assert_array_equal(characters, [[0, expected, expected]])


def test_probabilities_have_the_mean_and_variance_of_the_prior():
    _, p = Source((4.0, 1.0, 1.0), 5).draw(np.random.default_rng(0), 2000, 12)
    assert p.shape == (2000, 3, 3)
    mean = np.array([4.0, 1.0, 1.0]) / 6
    variance = mean * (1 - mean) / 7
    flat = p.reshape(-1, 3)
    # Five standard errors of the mean of 6000 draws; the variance's own error is of the
    # order sqrt(2 / 6000) = 2 % of it, more for skewed marginals: 10 %.
    assert np.all(np.abs(flat.mean(axis=0) - mean) < 5 * np.sqrt(variance / 6000))
    assert_allclose(flat.var(axis=0), variance, rtol=0.1)
    # Periods are independent: correlation zero within five standard errors.
    assert abs(np.corrcoef(p[:, 0, 0], p[:, 1, 0])[0, 1]) < 5 / np.sqrt(2000)


def test_batches_are_fresh_but_the_same_for_the_same_seed():
    own = Source((1.0, 1.0, 1.0), 5)
    seed, other = map(np.random.SeedSequence, (1, 2))
    one, two = islice(own.batches(seed, 3, 20), 2)
    assert one.shape == (3, 20)
    assert np.any(one != two)
    assert np.any(one != next(own.batches(other, 3, 20)))
    # The first five of the same stream: a batch, and a part of the second.
    first = own.first_sequences(5, seed, 3, 20)
    assert_array_equal(first, np.concatenate([one, two[:2]]))


@given(
    characters=st.lists(st.integers(0, 3), min_size=1, max_size=25),
    reset_every=PERIODS,
    seed=st.integers(0, 99),
)
def test_counts_and_log_p_symbol_whatever_comes_where_a_reset_is_due(characters, reset_every, seed):
    alpha = tuple(np.random.default_rng(seed).gamma(1, 2, 3).tolist())
    own = Source(alpha, reset_every)
    both = [characters, characters[::-1]]
    counts = [reference.period_counts(each, 3, reset_every) for each in both]
    assert_array_equal(own.count(np.array(both, np.uint8)), counts)
    found = own.log_p_symbol(np.array(both, np.uint8))
    expected = [[reference.log_predictive(row, alpha) for row in rows] for rows in counts]
    assert_allclose(found, expected, **DOUBLE)


@pytest.mark.parametrize(("steps", "reset_every"), [(12, 4), (11, 4), (9, 5), (2, 2)])
def test_known_p_is_the_p_of_the_period_and_the_reset_is_certain(rng, steps, reset_every):
    characters, p = Source((1.0, 1.0, 1.0), reset_every).draw(rng, 2, steps)
    assert p.shape == (2, -(-steps // reset_every), 3)
    found = np.exp(KnownP(p, reset_every).log_p_next(characters))
    expected = np.pad(np.repeat(p, reset_every, axis=1)[:, :steps], ((0, 0), (0, 0), (1, 0)))
    expected[:, ::reset_every] = [1, 0, 0, 0]
    assert_allclose(found, expected, **DOUBLE)


@pytest.mark.filterwarnings("error")
def test_known_p_may_call_symbols_impossible():
    found = KnownP(np.array([1.0, 0.0]), 3).log_p_next(np.array([[0, 1, 1]], np.uint8))
    inf = np.inf
    assert_array_equal(found, [[[0, -inf, -inf], [-inf, 0, -inf], [-inf, 0, -inf]]])


@given(total=st.integers(0, 7), symbols=st.integers(2, 4))
def test_count_vectors_are_all_of_them_each_once(total, symbols):
    found = source.count_vectors(total, symbols)
    expected = [row for row in np.ndindex((total + 1,) * symbols) if sum(row) == total]
    assert sorted(map(tuple, found.tolist())) == sorted(expected)
    assert np.issubdtype(found.dtype, np.integer)


@given(alpha=ALPHAS, total=st.integers(0, 5))
def test_probability_of_counts_is_the_sum_over_single_sequences(alpha, total):
    by_counts: dict[tuple[int, ...], float] = {}
    for symbols in product(range(1, len(alpha) + 1), repeat=total):
        counts = tuple(reference.count(symbols, len(alpha)))
        p = np.exp(reference.log_evidence(counts, alpha))
        by_counts[counts] = by_counts.get(counts, 0) + p
    found = np.exp(source.log_p_counts(np.array(list(by_counts)), alpha))
    assert_allclose(found, list(by_counts.values()), **DOUBLE)
    assert_allclose(found.sum(), 1, **DOUBLE)


def test_counts_of_a_uniform_prior_are_equally_likely():
    counts = source.count_vectors(19, 3)
    found = np.exp(source.log_p_counts(counts, (1.0, 1.0, 1.0)))
    assert_allclose(found, np.full(210, 1 / 210), **DOUBLE)


def test_counts_with_a_huge_alpha_are_multinomial():
    found = source.log_p_counts(np.array([[2, 1, 1]]), (6e5, 3e5, 1e5))
    # 4! / 2! orders; four counts against 1e6.
    assert_allclose(np.exp(found), [12 * 0.6**2 * 0.3 * 0.1], rtol=1e-4)


def test_more_count_vectors_than_fit_in_memory_are_refused():
    with pytest.raises(ValueError, match="4 symbols can be counted to 90 in 129,766 ways"):
        source.count_vectors(90, 4)
