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

# Sums and logarithms in double precision; the reference takes differences of lgamma,
# whose values up to some thousands are rounded to 1e-12.
DOUBLE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}

ALPHAS = st.lists(st.floats(0.05, 200), min_size=2, max_size=4).map(tuple)


def draw(seed: int, own: Source, steps: int, count: int = 2) -> np.ndarray:
    return own.draw(np.random.default_rng(seed), count, steps)[0]


@given(
    alpha=ALPHAS,
    steps=st.integers(1, 25),
    reset_every=st.integers(2, 12),
    seed=st.integers(0, 1000),
)
def test_predictive_is_a_ratio_of_marginal_likelihoods(alpha, steps, reset_every, seed):
    characters = draw(seed, Source(alpha, reset_every), steps)
    log_p = Source(alpha, reset_every).log_p_next(characters)
    expected = [
        reference.posterior_predictive(row.tolist(), alpha, reset_every) for row in characters
    ]
    assert_allclose(log_p, expected, **DOUBLE)
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, **DOUBLE)


def test_predictive_by_hand():
    characters = np.array([[0, 1, 1, 0, 3, 2]], np.uint8)
    p = np.exp(Source((2.0, 1.0, 1.0), 3).log_p_next(characters))
    expected: list[list[float]] = [
        [1, 0, 0, 0],
        [0, 2 / 4, 1 / 4, 1 / 4],
        [0, 3 / 5, 1 / 5, 1 / 5],
        [1, 0, 0, 0],
        [0, 2 / 4, 1 / 4, 1 / 4],
        [0, 2 / 5, 1 / 5, 2 / 5],
    ]
    assert_allclose(p[0], expected, **DOUBLE)


def test_a_reset_erases_the_past():
    alpha = (3.0, 1.0, 0.5)
    characters = draw(0, Source(alpha, 5), 20)
    other = characters.copy()
    other[:, :10] = draw(1, Source(alpha, 5), 10)
    assert (other != characters).any()
    assert_array_equal(
        Source(alpha, 5).log_p_next(other)[:, 10:],
        Source(alpha, 5).log_p_next(characters)[:, 10:],
    )


@given(order=st.permutations(range(1, 7)))
def test_order_within_a_period_does_not_matter(order):
    alpha = (1.3, 2.0, 0.7)
    characters = np.array([[0, 1, 2, 1, 3, 1, 2, 1]], np.uint8)
    other = characters.copy()
    other[:, 1:7] = characters[:, order]
    last, of_other = (
        Source(alpha, 8).log_p_next(sequence)[:, 7] for sequence in (characters, other)
    )
    assert_array_equal(last, of_other)


def test_huge_alpha_is_the_prior_everywhere():
    alpha = (6e9, 3e9, 1e9)
    characters = draw(0, Source(alpha, 10), 30)
    p = np.exp(Source(alpha, 10).log_p_next(characters))
    symbols = characters[0] != 0
    # Nine counts against 1e10.
    prior = np.broadcast_to([0.6, 0.3, 0.1], (2, 27, 3))
    assert_allclose(p[:, symbols, 1:], prior, atol=2e-9)


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


@given(steps=st.integers(1, 30), reset_every=st.integers(2, 12))
def test_resets_come_where_they_should(steps, reset_every):
    characters = draw(0, Source((1.0, 1.0, 1.0), reset_every), steps)
    assert characters.shape == (2, steps)
    for t in range(steps):
        assert (characters[:, t] == 0).all() == (t % reset_every == 0)
        assert (characters[:, t] <= 3).all()


def test_symbols_have_the_frequencies_p_of_their_own_period():
    p = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    count, reset_every = 4000, 4
    rng = np.random.default_rng(0)
    characters, _ = KnownP(p, reset_every).draw(rng, count, 8)
    for t in (1, 2, 3, 5, 6, 7):
        for symbol in range(3):
            expected = p[t // reset_every, symbol]
            frequency = np.mean(characters[:, t] == symbol + 1)
            # Five standard errors; exactly zero where p is zero.
            error = 5 * np.sqrt(expected * (1 - expected) / count)
            assert_allclose(frequency, expected, rtol=0, atol=error)


@pytest.mark.parametrize("certain", [0, 1, 2])
def test_a_certain_symbol_is_the_only_one(certain):
    own = KnownP(np.eye(3)[certain], 10)
    characters, _ = own.draw(np.random.default_rng(0), 200, 50)
    assert set(characters.ravel().tolist()) == {0, certain + 1}


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
    alpha = np.array([4.0, 1.0, 1.0])
    _, p = Source((4.0, 1.0, 1.0), 5).draw(np.random.default_rng(0), 2000, 12)
    assert p.shape == (2000, 3, 3)
    mean = alpha / 6
    variance = mean * (1 - mean) / 7
    flat = p.reshape(-1, 3)
    # Five standard errors of the mean of 6000 draws; the variance's own error is of the
    # order sqrt(2 / 6000) = 2 % of it, more for skewed marginals: 10 %.
    assert np.all(np.abs(flat.mean(axis=0) - mean) < 5 * np.sqrt(variance / 6000))
    assert_allclose(flat.var(axis=0), variance, rtol=0.1)
    # Periods are independent: correlation zero within five standard errors.
    correlation = np.corrcoef(p[:, 0, 0], p[:, 1, 0])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(2000)


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


def test_exact_predictor_beats_every_other_on_average():
    # Gibbs' inequality: on the prior's own sequences the exact predictor's cross-entropy
    # is least, also against the same rule with a wrong alpha.
    own, wrong = Source((10.0, 1.0, 1.0), 20), Source((1.3, 1.3, 1.3), 20)
    characters = draw(0, own, 40, count=2000)
    came = characters[..., None].astype(int)
    picked = [
        -np.take_along_axis(exact.log_p_next(characters), came, axis=-1).sum(axis=(1, 2))
        for exact in (own, wrong)
    ]
    excess = picked[1] - picked[0]
    # Five standard errors above zero.
    assert excess.mean() > 5 * excess.std() / np.sqrt(len(excess))


CHARACTERS = st.lists(st.integers(0, 3), min_size=1, max_size=25)


@given(characters=CHARACTERS, reset_every=st.integers(2, 12))
def test_counts_are_of_the_period_whatever_comes_at_its_start(characters, reset_every):
    own = Source((1.0, 1.0, 1.0), reset_every)
    found = own.count(np.array([characters], np.uint8))
    assert_array_equal(found, [reference.period_counts(characters, 3, reset_every)])


def test_period_counts_by_hand():
    # A symbol where a reset is due, and a reset where none is.
    characters = np.array([[0, 2, 2, 1, 1, 0, 3, 1], [3, 3, 3, 0, 3, 3, 2, 2]], np.uint8)
    expected: list[list[list[int]]] = [
        [[0, 0], [0, 0], [0, 1], [0, 0], [0, 0], [1, 0], [0, 0], [0, 0]],
        [[0, 0]] * 8,
    ]
    # Symbol 3 is none of the two that are counted.
    assert_array_equal(Source((1.0, 1.0), 3).count(characters), expected)


def test_counts_of_one_sequence_are_not_those_of_another():
    own = Source((1.0, 2.0, 1.0), 7)
    characters = draw(3, own, 30, count=5)
    for row, counts in zip(characters, own.count(characters)):
        assert_array_equal(own.count(row[None]), counts[None])


@given(characters=CHARACTERS, reset_every=st.integers(2, 12), seed=st.integers(0, 99))
def test_log_p_symbol_is_a_ratio_of_marginal_likelihoods(characters, reset_every, seed):
    alpha = tuple(np.random.default_rng(seed).gamma(1, 2, 3).tolist())
    own = Source(alpha, reset_every)
    found = own.log_p_symbol(np.array([characters], np.uint8))
    counts = reference.period_counts(characters, 3, reset_every)
    expected = [reference.log_predictive(row, alpha) for row in counts]
    assert_allclose(found[0], expected, **DOUBLE)
    assert_allclose(np.exp(found).sum(axis=-1), 1, **DOUBLE)


def test_log_p_symbol_is_log_p_next_where_symbols_come():
    alpha = (3.0, 1.0, 0.5)
    characters = draw(0, Source(alpha, 5), 23)
    whole = Source(alpha, 5).log_p_next(characters)
    found = Source(alpha, 5).log_p_symbol(characters)
    came = characters != 0
    assert_array_equal(found[came], whole[came][:, 1:])
    # Where a reset is due it predicts as if a symbol came: the prior.
    prior = np.broadcast_to(np.log([3 / 4.5, 1 / 4.5, 0.5 / 4.5]), (10, 3))
    assert_allclose(found[~came], prior, **DOUBLE)


@given(
    alpha=ALPHAS,
    shape=st.sampled_from([(), (3,), (2, 3)]),
    seed=st.integers(0, 99),
)
def test_log_predictive_for_any_shape_of_batch(alpha, shape, seed):
    counts = np.random.default_rng(seed).integers(0, 30, (*shape, len(alpha)))
    found = source.log_predictive(counts, alpha)
    assert found.shape == counts.shape
    for index in np.ndindex(shape):
        expected = reference.log_predictive(counts[index].tolist(), alpha)
        assert_allclose(found[index], expected, **DOUBLE)


@pytest.mark.parametrize(("steps", "reset_every"), [(12, 4), (11, 4), (9, 5), (2, 2)])
def test_known_p_is_the_p_of_the_period_and_the_reset_is_certain(rng, steps, reset_every):
    own = Source((1.0, 1.0, 1.0), reset_every)
    characters, p = own.draw(rng, 2, steps)
    assert p.shape == (2, -(-steps // reset_every), 3)
    found = np.exp(KnownP(p, reset_every).log_p_next(characters))
    assert found.shape == (2, steps, 4)
    for n in range(2):
        for t in range(steps):
            expected = [0.0, *p[n, t // reset_every]]
            if t % reset_every == 0:
                expected = [1, 0, 0, 0]
            assert_allclose(found[n, t], expected, **DOUBLE)


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


@given(alpha=ALPHAS, total=st.integers(0, 6))
def test_probability_of_counts_is_that_of_their_orders(alpha, total):
    counts = source.count_vectors(total, len(alpha))
    found = source.log_p_counts(counts, alpha)
    expected = [reference.log_p_of_counts(row, alpha) for row in counts.tolist()]
    assert_allclose(found, expected, **DOUBLE)
    assert_allclose(np.exp(found).sum(), 1, **DOUBLE)


def test_probability_of_counts_is_the_sum_over_single_sequences():
    alpha, total = (0.7, 2.0, 5.0), 5
    by_counts: dict[tuple[int, ...], float] = {}
    for symbols in product((1, 2, 3), repeat=total):
        counts = tuple(reference.count(symbols, 3))
        p = np.exp(reference.log_evidence(counts, alpha))
        by_counts[counts] = by_counts.get(counts, 0) + p
    found = source.log_p_counts(np.array(list(by_counts)), alpha)
    assert_allclose(np.exp(found), list(by_counts.values()), **DOUBLE)


def test_probability_of_counts_by_hand():
    alpha = (2.0, 1.0, 1.0)
    counts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 0]])
    # Two orders of one each, 2/4 1/5 and 1/4 2/5; and 2/4 3/5. Totals may be mixed.
    expected = [1, 2 / 4, 1 / 4, 1 / 5, 6 / 20]
    assert_allclose(np.exp(source.log_p_counts(counts, alpha)), expected, **DOUBLE)


def test_counts_of_a_uniform_prior_are_equally_likely():
    counts = source.count_vectors(19, 3)
    found = np.exp(source.log_p_counts(counts, (1.0, 1.0, 1.0)))
    assert_allclose(found, np.full(210, 1 / 210), **DOUBLE)


def test_counts_with_a_huge_alpha_are_multinomial():
    found = source.log_p_counts(np.array([[2, 1, 1]]), (6e5, 3e5, 1e5))
    # 4! / 2! orders; four counts against 1e6.
    assert_allclose(np.exp(found), [12 * 0.6**2 * 0.3 * 0.1], rtol=1e-4)
