from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.meta.source import Source
from pipeline.probes import bounds
from pipeline.probes.tables import stack
from tests import reference

# Sums of a few hundred products; the reference takes differences of moderate lgamma.
DOUBLE: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}

PRIORS = [(10.0, 1.0, 1.0), (1.3, 1.3, 1.3), (0.2, 4.0), (1.0, 2.0, 0.5, 3.0)]


def table(alpha: tuple[float, ...], reset_every: int) -> dict[tuple, tuple[float, float]]:
    """Cross-entropy and accuracy of each predictor and position."""
    found = bounds.expected_scores(Source(alpha, reset_every))
    by_key = found.set_index(["predictor", "position"])
    assert by_key.index.is_unique
    return {key: (row.cross_entropy, row.accuracy) for key, row in by_key.iterrows()}


@pytest.mark.parametrize("alpha", PRIORS)
def test_exact_bound_is_the_sum_over_every_single_sequence(alpha):
    found = table(alpha, 6)
    expected = [reference.exact_bound(alpha, seen) for seen in range(5)]
    for position, values in enumerate(expected, start=1):
        assert_allclose(found["exact", str(position)], values, **DOUBLE)
    assert_allclose(found["exact", "mean"], np.mean(expected, axis=0), **DOUBLE)


def test_bounds_by_hand():
    # Two symbols, p uniform; after one symbol its probability is 2/3.
    found = table((1.0, 1.0), 3)
    two, third = np.log(2), -(2 / 3) * np.log(2 / 3) - (1 / 3) * np.log(1 / 3)
    expected = {("exact", "1"): (two, 1 / 2), ("exact", "2"): (third, 2 / 3)}
    expected["exact", "mean"] = ((two + third) / 2, 7 / 12)
    for position in ("1", "2", "mean"):
        # Integrals over (0, 1): of -p log p - (1 - p) log(1 - p), and of max(p, 1 - p).
        expected["known_p", position] = (1 / 2, 3 / 4)
        expected["prior_only", position] = (two, 1 / 2)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert_allclose(found[key], values, **DOUBLE, err_msg=str(key))


@given(
    alpha=st.lists(st.floats(0.05, 50), min_size=2, max_size=4).map(tuple),
    reset_every=st.integers(2, 9),
)
def test_counting_leads_from_the_prior_towards_p(alpha, reset_every):
    found = table(alpha, reset_every)
    nats, right = zip(*(found["exact", str(t)] for t in range(1, reset_every)))
    # More symbols never make it worse, and p itself is better still, up to rounding.
    assert np.all(np.diff([*nats, found["known_p", "1"][0]]) <= 1e-9)
    assert np.all(np.diff([*right, found["known_p", "1"][1]]) >= -1e-9)


def test_a_long_period_comes_near_the_known_p():
    alpha = (10.0, 1.0, 1.0)
    last, known = np.array([table(alpha, 121)[key] for key in (("exact", "120"), ("known_p", "1"))])
    # After n symbols two free probabilities cost about one nat in n.
    assert 0 < last[0] - known[0] < 1.2 / 120
    assert 0 < known[1] - last[1] < 1.2 / 120


def test_a_period_of_one_symbol_has_only_the_prior():
    found = table((10.0, 1.0, 1.0), 2)
    assert {position for _, position in found} == {"1", "mean"}
    # Exactly: the report says that counting is worth nothing there.
    assert found["exact", "1"] == found["exact", "mean"] == found["prior_only", "mean"]


@pytest.mark.parametrize(
    ("alpha", "entropy", "maximum"),
    [
        # Of three pieces of a stick, broken anywhere, the longest is (1 + 1/2 + 1/3) / 3.
        # psi(4) - psi(2) = 1/3 + 1/2.
        ((1.0, 1.0, 1.0), 5 / 6, 11 / 18),
        # psi(3) - psi(2) = 1/2 and psi(4) - psi(3) = 1/3. For Beta(2, 1), density 2 p:
        # psi(4) - psi(3) with 2/3, psi(4) - psi(2) with 1/3. E[max] is the integral of
        # 2 p max(p, 1 - p): 1/6 below one half, 7/12 above.
        ((2.0, 1.0), (2 * (1 / 3) + 5 / 6) / 3, 3 / 4),
    ],
)
def test_expected_entropy_and_maximum_by_hand(alpha, entropy, maximum):
    assert_allclose(bounds.expected_entropy(alpha), entropy, **DOUBLE)
    assert_allclose(bounds.expected_maximum(alpha), maximum, **DOUBLE)


@pytest.mark.parametrize("alpha", [(10, 1, 1), (2, 3, 4, 5), (1, 2), (60, 1, 1), (30, 30, 30)])
def test_expected_maximum_by_inclusion_and_exclusion(alpha):
    found = bounds.expected_maximum(tuple(float(a) for a in alpha))
    assert_allclose(found, reference.expected_maximum(alpha), **DOUBLE)


@pytest.mark.parametrize("alpha", [(1.3, 1.3, 1.3), (0.3, 2.5), (0.05, 0.1, 0.2, 0.05)])
def test_expected_entropy_and_maximum_are_those_of_draws(rng, alpha):
    p = rng.dirichlet(alpha, size=40_000)
    values = np.column_stack([scipy.special.entr(p).sum(axis=1), p.max(axis=1)])
    expected = bounds.expected_entropy(alpha), bounds.expected_maximum(alpha)
    # Four standard errors.
    assert np.all(np.abs(values.mean(axis=0) - expected) < 4 * values.std(axis=0) / np.sqrt(len(p)))


def test_huge_alpha_is_a_known_p():
    alpha = (6e6, 3e6, 1e6)
    p = np.array([0.6, 0.3, 0.1])
    # p differs from its mean by 1 / sqrt(1e7), the entropy by the square of that.
    assert_allclose(bounds.expected_entropy(alpha), -p @ np.log(p), atol=1e-6)
    assert_allclose(bounds.expected_maximum(alpha), 0.6, atol=1e-9)


def test_tiny_alpha_is_one_certain_symbol():
    # Two symbols share a period with a probability of the order of alpha.
    assert 0 < bounds.expected_entropy((1e-4, 1e-4)) < 1e-3
    assert 1 - 1e-3 < bounds.expected_maximum((1e-4, 1e-4)) < 1


@pytest.mark.parametrize(
    ("steps", "nats", "right"),
    [
        # Resets cost nothing and are always guessed.
        (6, (0 + 0.9 + 0.3) / 3, (1 + 0.5 + 0.75) / 3),
        # The last period is cut short.
        (5, (0 + 0.9 + 0.3 + 0 + 0.9) / 5, (1 + 0.5 + 0.75 + 1 + 0.5) / 5),
        (1, 0, 1),
    ],
)
def test_attainable_per_character_includes_the_resets(steps, nats, right):
    position = ["1", "2", "mean"]
    one = {"position": position, "cross_entropy": [0.9, 0.3, 0.6], "accuracy": [0.5, 0.75, 0.625]}
    other = {"position": position, "cross_entropy": 0.1, "accuracy": 0.9}
    expected = {"exact": pd.DataFrame(one), "known_p": pd.DataFrame(other)}
    found = bounds.attainable(stack(expected, "predictor"), steps)
    assert list(found.predictor) == ["exact", "known_p"]
    assert_allclose(found.cross_entropy[0], nats, **DOUBLE)
    assert_allclose(found.accuracy[0], right, **DOUBLE)
