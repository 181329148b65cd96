from itertools import islice, product
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import dirichlet

# Sums and logarithms in double precision; the reference takes differences of lgamma,
# whose values up to some thousands are rounded to 1e-12.
DOUBLE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}

ALPHAS = st.lists(st.floats(0.05, 200), min_size=2, max_size=4).map(tuple)


def draw(seed: int, alpha: tuple[float, ...], steps: int, reset_every: int, count: int = 2):
    rng = np.random.default_rng(seed)
    p = dirichlet.draw_probabilities(rng, alpha, count, steps, reset_every)
    return dirichlet.draw_sequences(rng, p, steps, reset_every)


@given(
    alpha=ALPHAS,
    steps=st.integers(1, 25),
    reset_every=st.integers(2, 12),
    seed=st.integers(0, 1000),
)
def test_predictive_is_a_ratio_of_marginal_likelihoods(alpha, steps, reset_every, seed):
    characters = draw(seed, alpha, steps, reset_every)
    log_p = dirichlet.posterior_predictive(characters, alpha, reset_every)
    expected = [
        reference.posterior_predictive(row.tolist(), alpha, reset_every)
        for row in characters
    ]
    assert_allclose(log_p, expected, **DOUBLE)
    assert_allclose(np.exp(log_p).sum(axis=-1), 1, **DOUBLE)


def test_predictive_by_hand():
    characters = np.array([[0, 1, 1, 0, 3, 2]], np.uint8)
    p = np.exp(dirichlet.posterior_predictive(characters, (2.0, 1.0, 1.0), 3))
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
    characters = draw(0, alpha, 20, 5)
    other = characters.copy()
    other[:, :10] = draw(1, alpha, 10, 5)
    assert (other != characters).any()
    assert_array_equal(
        dirichlet.posterior_predictive(other, alpha, 5)[:, 10:],
        dirichlet.posterior_predictive(characters, alpha, 5)[:, 10:],
    )


@given(order=st.permutations(range(1, 7)))
def test_order_within_a_period_does_not_matter(order):
    alpha = (1.3, 2.0, 0.7)
    characters = np.array([[0, 1, 2, 1, 3, 1, 2, 1]], np.uint8)
    other = characters.copy()
    other[:, 1:7] = characters[:, order]
    last, of_other = (
        dirichlet.posterior_predictive(sequence, alpha, 8)[:, 7]
        for sequence in (characters, other)
    )
    assert_array_equal(last, of_other)


def test_huge_alpha_is_the_prior_everywhere():
    alpha = (6e9, 3e9, 1e9)
    characters = draw(0, alpha, 30, 10)
    p = np.exp(dirichlet.posterior_predictive(characters, alpha, 10))
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
        dirichlet.posterior_predictive(np.array(characters, np.uint8), (1.0, 1.0), 3)


@pytest.mark.parametrize(("steps", "expected"), [(1, 1), (5, 1), (6, 2), (100, 20)])
def test_periods(steps, expected):
    assert dirichlet.periods(steps, 5) == expected


@given(steps=st.integers(1, 30), reset_every=st.integers(2, 12))
def test_resets_stand_where_they_should(steps, reset_every):
    characters = draw(0, (1.0, 1.0, 1.0), steps, reset_every)
    assert characters.shape == (2, steps)
    for t in range(steps):
        assert (characters[:, t] == 0).all() == (t % reset_every == 0)
        assert (characters[:, t] <= 3).all()


def test_symbols_have_the_frequencies_p_of_their_own_period():
    p = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    count, reset_every = 4000, 4
    probabilities = np.broadcast_to(p, (count, 2, 3))
    characters = dirichlet.draw_sequences(
        np.random.default_rng(0), probabilities, 8, reset_every
    )
    for t in (1, 2, 3, 5, 6, 7):
        for symbol in range(3):
            expected = p[t // reset_every, symbol]
            frequency = np.mean(characters[:, t] == symbol + 1)
            # Five standard errors; exactly zero where p is zero.
            error = 5 * np.sqrt(expected * (1 - expected) / count)
            assert_allclose(frequency, expected, rtol=0, atol=error)


@pytest.mark.parametrize("certain", [0, 1, 2])
def test_a_certain_symbol_is_the_only_one(certain):
    probabilities = np.broadcast_to(np.eye(3)[certain], (200, 5, 3))
    characters = dirichlet.draw_sequences(np.random.default_rng(0), probabilities, 50, 10)
    assert set(characters.ravel().tolist()) == {0, certain + 1}


@pytest.mark.parametrize("uniform", [0.0, np.nextafter(1.0, 0.0)])
def test_the_ends_of_the_unit_interval_are_symbols_too(uniform):
    class Constant(np.random.Generator):
        def random(self, size=None, *_, **__):
            return np.full(size, uniform)

    # The sum of ten tenths rounds to just below one.
    probabilities = np.full((1, 1, 10), 0.1)
    rng = Constant(np.random.PCG64(0))
    characters = dirichlet.draw_sequences(rng, probabilities, 3, 3)
    expected = 1 if uniform == 0 else 10
    assert_array_equal(characters, [[0, expected, expected]])


def test_probabilities_have_the_mean_and_variance_of_the_prior():
    alpha = np.array([4.0, 1.0, 1.0])
    p = dirichlet.draw_probabilities(np.random.default_rng(0), (4.0, 1.0, 1.0), 2000, 12, 5)
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
    def batches(seed: int) -> list[np.ndarray]:
        stream = dirichlet.draw_batches(
            np.random.SeedSequence(seed), (1.0, 1.0, 1.0), 3, 20, 5
        )
        return list(islice(stream, 2))

    one, same, other = batches(1), batches(1), batches(2)
    assert_array_equal(one, same)
    assert one[0].shape == (3, 20)
    assert np.any(one[0] != one[1])
    assert np.any(one[0] != other[0])


def test_exact_predictor_beats_every_other_on_average():
    # Gibbs' inequality: on the prior's own sequences the exact predictor's cross-entropy
    # is least, also against the same rule with a wrong alpha.
    own, wrong = (10.0, 1.0, 1.0), (1.3, 1.3, 1.3)
    characters = draw(0, own, 40, 20, count=2000)
    picked = [
        -np.take_along_axis(
            dirichlet.posterior_predictive(characters, alpha, 20),
            characters[..., None].astype(int),
            axis=-1,
        ).sum(axis=(1, 2))
        for alpha in (own, wrong)
    ]
    excess = picked[1] - picked[0]
    # Five standard errors above zero.
    assert excess.mean() > 5 * excess.std() / np.sqrt(len(excess))


CHARACTERS = st.lists(st.integers(0, 3), min_size=1, max_size=25)


@given(characters=CHARACTERS, reset_every=st.integers(2, 12))
def test_counts_are_of_the_period_whatever_stands_at_its_start(characters, reset_every):
    found = dirichlet.period_counts(np.array([characters], np.uint8), 3, reset_every)
    assert_array_equal(found, [reference.period_counts(characters, 3, reset_every)])


def test_period_counts_by_hand():
    # A symbol where a reset is due, and a reset where none is.
    characters = np.array([[0, 2, 2, 1, 1, 0, 3, 1], [3, 3, 3, 0, 3, 3, 2, 2]], np.uint8)
    expected: list[list[list[int]]] = [
        [[0, 0], [0, 0], [0, 1], [0, 0], [0, 0], [1, 0], [0, 0], [0, 0]],
        [[0, 0]] * 8,
    ]
    # Symbol 3 is none of the two that are counted.
    assert_array_equal(dirichlet.period_counts(characters, 2, 3), expected)


def test_counts_of_one_sequence_are_not_those_of_another():
    characters = draw(3, (1.0, 2.0, 1.0), 30, 7, count=5)
    together = dirichlet.period_counts(characters, 3, 7)
    for row, counts in zip(characters, together):
        assert_array_equal(dirichlet.period_counts(row[None], 3, 7), counts[None])


@given(characters=CHARACTERS, reset_every=st.integers(2, 12), seed=st.integers(0, 99))
def test_symbol_predictive_is_a_ratio_of_marginal_likelihoods(
    characters, reset_every, seed
):
    alpha = tuple(np.random.default_rng(seed).gamma(1, 2, 3).tolist())
    found = dirichlet.symbol_predictive(
        np.array([characters], np.uint8), alpha, reset_every
    )
    counts = reference.period_counts(characters, 3, reset_every)
    expected = [reference.log_predictive(row, alpha) for row in counts]
    assert_allclose(found[0], expected, **DOUBLE)
    assert_allclose(np.exp(found).sum(axis=-1), 1, **DOUBLE)


def test_symbol_predictive_is_the_predictive_where_symbols_come():
    alpha = (3.0, 1.0, 0.5)
    characters = draw(0, alpha, 23, 5)
    whole = dirichlet.posterior_predictive(characters, alpha, 5)
    found = dirichlet.symbol_predictive(characters, alpha, 5)
    came = characters != 0
    assert_array_equal(found[came], whole[came][:, 1:])
    # Where a reset is due it says what would be said if a symbol came: the prior.
    prior = np.broadcast_to(np.log([3 / 4.5, 1 / 4.5, 0.5 / 4.5]), (10, 3))
    assert_allclose(found[~came], prior, **DOUBLE)


@given(
    alpha=ALPHAS,
    shape=st.sampled_from([(), (3,), (2, 3)]),
    seed=st.integers(0, 99),
)
def test_log_predictive_for_any_shape_of_batch(alpha, shape, seed):
    counts = np.random.default_rng(seed).integers(0, 30, (*shape, len(alpha)))
    found = dirichlet.log_predictive(counts, alpha)
    assert found.shape == counts.shape
    for index in np.ndindex(shape):
        expected = reference.log_predictive(counts[index].tolist(), alpha)
        assert_allclose(found[index], expected, **DOUBLE)


@pytest.mark.parametrize(("steps", "reset_every"), [(12, 4), (11, 4), (9, 5), (2, 2)])
def test_known_p_is_the_p_of_the_period_and_the_reset_is_certain(rng, steps, reset_every):
    periods = -(-steps // reset_every)
    probabilities = rng.dirichlet((1.0, 1.0, 1.0), size=(2, periods))
    found = np.exp(dirichlet.log_known(probabilities, steps, reset_every))
    assert found.shape == (2, steps, 4)
    for n in range(2):
        for t in range(steps):
            expected = [0.0, *probabilities[n, t // reset_every]]
            if t % reset_every == 0:
                expected = [1, 0, 0, 0]
            assert_allclose(found[n, t], expected, **DOUBLE)


@pytest.mark.filterwarnings("error")
def test_known_p_may_call_symbols_impossible():
    found = dirichlet.log_known(np.array([[[1.0, 0.0]]]), 3, 3)
    inf = np.inf
    assert_array_equal(found, [[[0, -inf, -inf], [-inf, 0, -inf], [-inf, 0, -inf]]])


@given(total=st.integers(0, 7), symbols=st.integers(2, 4))
def test_count_vectors_are_all_of_them_each_once(total, symbols):
    found = dirichlet.count_vectors(total, symbols)
    expected = [row for row in np.ndindex((total + 1,) * symbols) if sum(row) == total]
    assert sorted(map(tuple, found.tolist())) == sorted(expected)
    assert np.issubdtype(found.dtype, np.integer)


@given(alpha=ALPHAS, total=st.integers(0, 6))
def test_probability_of_counts_is_that_of_their_orders(alpha, total):
    counts = dirichlet.count_vectors(total, len(alpha))
    found = dirichlet.log_p_of_counts(counts, alpha)
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
    found = dirichlet.log_p_of_counts(np.array(list(by_counts)), alpha)
    assert_allclose(np.exp(found), list(by_counts.values()), **DOUBLE)


def test_probability_of_counts_by_hand():
    alpha = (2.0, 1.0, 1.0)
    counts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 0, 0]])
    # Two orders of one each, 2/4 1/5 and 1/4 2/5; and 2/4 3/5. Totals may be mixed.
    expected = [1, 2 / 4, 1 / 4, 1 / 5, 6 / 20]
    assert_allclose(np.exp(dirichlet.log_p_of_counts(counts, alpha)), expected, **DOUBLE)


def test_counts_of_a_uniform_prior_are_equally_likely():
    counts = dirichlet.count_vectors(19, 3)
    found = np.exp(dirichlet.log_p_of_counts(counts, (1.0, 1.0, 1.0)))
    assert_allclose(found, np.full(210, 1 / 210), **DOUBLE)


def test_counts_with_a_huge_alpha_are_multinomial():
    found = dirichlet.log_p_of_counts(np.array([[2, 1, 1]]), (6e9, 3e9, 1e9))
    # 4! / 2! orders; four counts against 1e10.
    assert_allclose(np.exp(found), [12 * 0.6**2 * 0.3 * 0.1], rtol=1e-8)
