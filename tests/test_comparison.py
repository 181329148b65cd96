from typing import Any

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import comparison, dirichlet

# A few roundings in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}

# Two sequences of a reset and two symbols; the exact predictor knows the reset.
CHARACTERS = np.array([[0, 1, 2], [0, 2, 2]], np.uint8)
EXACT = np.array(
    [
        [[1, 0, 0], [0, 0.5, 0.5], [0, 0.75, 0.25]],
        [[1, 0, 0], [0, 0.5, 0.5], [0, 0.25, 0.75]],
    ]
)
LEARNED = np.array(
    [
        [[0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.2, 0.4, 0.4]],
        [[0.4, 0.5, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]],
    ]
)


def safe_log(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)


def test_against_exact_by_hand():
    table = comparison.against_exact(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
    log = np.log
    expected = {
        "cross_entropy": (-log(0.8 * 0.6 * 0.4) / 3, -log(0.4 * 0.3 * 0.6) / 3),
        "exact_cross_entropy": (-log(0.5 * 0.25) / 3, -log(0.5 * 0.75) / 3),
        "excess": (
            log(0.5 * 0.25 / (0.8 * 0.6 * 0.4)) / 3,
            log(0.5 * 0.75 / (0.4 * 0.3 * 0.6)) / 3,
        ),
        "symbol_excess": (
            log(0.5 * 0.25 / (0.6 * 0.4)) / 3,
            log(0.5 * 0.75 / (0.3 * 0.6)) / 3,
        ),
        "reset_excess": (-log(0.8) / 3, -log(0.4) / 3),
        "kl": tuple(
            (-log(reset) + 0.5 * log(0.25 / (0.6 * 0.3)) + common) / 3
            for reset, common in (
                (0.8, 0.75 * log(0.75 / 0.4) + 0.25 * log(0.25 / 0.4)),
                (0.4, 0.25 * log(0.25 / 0.2) + 0.75 * log(0.75 / 0.6)),
            )
        ),
        # Of two equally likely characters the first is the guess.
        "accuracy": (2 / 3, 1 / 3),
        "exact_accuracy": (2 / 3, 2 / 3),
    }
    assert table.pop("reset_accuracy") == 0.5
    for name, (one, other) in expected.items():
        assert_allclose(table.pop(name), (one + other) / 2, **DOUBLE, err_msg=name)
        # The standard error of a mean of two is half their distance.
        error = table.pop(f"{name}_se")
        assert_allclose(error, abs(one - other) / 2, **DOUBLE, err_msg=name)
    assert not table


def test_parts_of_the_excess_add_up():
    table = comparison.against_exact(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
    assert_allclose(table["symbol_excess"] + table["reset_excess"], table["excess"])
    difference = table["cross_entropy"] - table["exact_cross_entropy"]
    assert_allclose(table["excess"], difference, **DOUBLE)


def test_the_exact_predictor_has_no_excess_over_itself(rng):
    alpha = (2.0, 1.0, 1.0)
    p = dirichlet.draw_probabilities(rng, alpha, 5, 12, 4)
    characters = dirichlet.draw_sequences(rng, p, 12, 4)
    exact = dirichlet.posterior_predictive(characters, alpha, 4)
    table = comparison.against_exact(exact, exact, characters)
    for name in ("excess", "symbol_excess", "reset_excess", "kl"):
        assert table[name] == table[f"{name}_se"] == 0
    assert table["reset_accuracy"] == 1
    for record in comparison.bias_by_symbol(exact, exact, characters):
        assert record["difference"] == 0


def test_bias_by_symbol_by_hand():
    table = comparison.bias_by_symbol(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
    expected = [
        # Means over the two symbols of each sequence; the resets are left out.
        (1, (0.6 + 0.4) / 2, (0.6 + 0.2) / 2, (0.5 + 0.75) / 2, (0.5 + 0.25) / 2),
        (2, (0.3 + 0.4) / 2, (0.3 + 0.6) / 2, (0.5 + 0.25) / 2, (0.5 + 0.75) / 2),
    ]
    for record, (symbol, *shares) in zip(table, expected):
        of_network, of_exact = np.array(shares[:2]), np.array(shares[2:])
        assert record["symbol"] == symbol
        assert_allclose(record["network"], of_network.mean(), **DOUBLE)
        assert_allclose(record["exact"], of_exact.mean(), **DOUBLE)
        bias = of_network - of_exact
        assert_allclose(record["difference"], bias.mean(), **DOUBLE)
        assert_allclose(record["difference_se"], abs(bias[0] - bias[1]) / 2, **DOUBLE)
    assert len(table) == 2


def test_excess_per_symbol_by_hand():
    found = comparison.excess_per_symbol(safe_log(LEARNED), safe_log(EXACT))
    log = np.log
    at_first = 0.5 * log(0.5 / 0.6) + 0.5 * log(0.5 / 0.3)
    # Means over the two symbols; what was said of the reset is left out.
    one = (at_first + 0.75 * log(0.75 / 0.4) + 0.25 * log(0.25 / 0.4)) / 2
    other = (at_first + 0.25 * log(0.25 / 0.2) + 0.75 * log(0.75 / 0.6)) / 2
    assert_allclose(found.mean, (one + other) / 2, **DOUBLE)
    assert_allclose(found.standard_error, abs(one - other) / 2, **DOUBLE)


def test_excess_per_symbol_and_that_of_resets_add_up_to_the_kl():
    log_p, exact = safe_log(LEARNED), safe_log(EXACT)
    table = comparison.against_exact(log_p, exact, CHARACTERS)
    of_symbols = comparison.excess_per_symbol(log_p, exact).mean
    assert_allclose(of_symbols * 2 / 3 + table["reset_excess"], table["kl"], **DOUBLE)


def drawn(rng: np.random.Generator, sequences: int, steps: int):
    """Sequences, their p, and a predictor that knows the period but not alpha."""
    alpha, reset_every = (5.0, 1.0, 1.0), 4
    p = dirichlet.draw_probabilities(rng, alpha, sequences, steps, reset_every)
    characters = dirichlet.draw_sequences(rng, p, steps, reset_every)
    return (
        characters,
        dirichlet.posterior_predictive(characters, (1.0, 1.0, 1.0), reset_every),
        dirichlet.posterior_predictive(characters, alpha, reset_every),
        dirichlet.log_known(p, steps, reset_every),
    )


def test_excess_per_symbol_is_the_paired_one_without_the_noise_of_the_draw(rng):
    characters, log_p, exact, _ = drawn(rng, 2000, 12)
    found = comparison.excess_per_symbol(log_p, exact)
    table = comparison.against_exact(log_p, exact, characters)
    # Three of four characters are symbols.
    paired, error = table["symbol_excess"] * 4 / 3, table["symbol_excess_se"] * 4 / 3
    # Both estimate the same: four standard errors of the noisier.
    assert abs(found.mean - paired) < 4 * error
    assert found.mean > 4 * found.standard_error
    assert found.standard_error < error / 2


def test_the_exact_predictor_has_no_excess_per_symbol(rng):
    _, _, exact, _ = drawn(rng, 5, 11)
    assert comparison.excess_per_symbol(exact, exact) == (0, 0)


def test_regret_sequence_by_sequence(rng):
    _, _, exact, known = drawn(rng, 5, 10)
    # One that is not sure of the resets either.
    log_p = np.log(rng.dirichlet((1.0, 1.0, 1.0, 1.0), size=(5, 10)))
    found = comparison.regret(log_p, exact, known)
    expected = reference.regret(log_p, exact, known)
    assert len(found) == len(expected) == 10
    for row, by_loops in zip(found, expected):
        assert row.keys() == by_loops.keys()
        for name, value in by_loops.items():
            message = f"{name} at {row['step']}"
            # Standard errors of equal values are rounded to the values' last digits.
            assert_allclose(row[name], value, rtol=1e-9, atol=1e-12, err_msg=message)


def test_regret_by_hand():
    # p is 3/4 in the one sequence, certain in the other.
    p = np.array([[[0.75, 0.25]], [[1.0, 0.0]]])
    known = dirichlet.log_known(p, 3, 3)
    found = comparison.regret(safe_log(LEARNED), safe_log(EXACT), known)
    log = np.log

    def from_p(a: float, b: float) -> float:
        return 0.75 * log(0.75 / a) + 0.25 * log(0.25 / b)

    network = [
        (-log(0.8), -log(0.4)),
        (from_p(0.6, 0.3), -log(0.6)),
        (from_p(0.4, 0.4), -log(0.2)),
    ]
    exact = [(0, 0), (from_p(0.5, 0.5), -log(0.5)), (0, -log(0.25))]
    difference = np.subtract(network, exact)
    for step, row in enumerate(found):
        assert row["step"] == step
        for name, (one, other) in (
            ("network", network[step]),
            ("exact", exact[step]),
            ("difference", difference[step]),
            ("cumulated", difference[: step + 1].sum(axis=0)),
        ):
            assert_allclose(row[name], (one + other) / 2, **DOUBLE, err_msg=name)
            # The standard error of a mean of two is half their distance.
            error = row[f"{name}_se"]
            assert_allclose(error, abs(one - other) / 2, **DOUBLE, err_msg=name)
    assert len(found) == 3


@pytest.mark.parametrize("which", ["exact", "known"])
def test_who_knows_as_much_has_no_regret_left(rng, which):
    _, log_p, exact, known = drawn(rng, 5, 10)
    if which == "exact":
        table = comparison.regret(exact, exact, known)
        names = ["difference", "cumulated"]
    else:
        table = comparison.regret(log_p, known, known)
        names = ["exact"]
    assert_array_equal([[row[name] for name in names] for row in table], 0)


def test_regret_falls_within_a_period_and_starts_again_at_the_next(rng):
    _, log_p, exact, known = drawn(rng, 4000, 8)
    for name in ("network", "exact"):
        regret = [row[name] for row in comparison.regret(log_p, exact, known)]
        assert regret[0] == regret[4] == 0
        # Each symbol that was seen is worth many standard errors of these means.
        assert regret[1] > regret[2] > regret[3] > 0
        assert regret[5] > regret[6] > regret[7] > 0
        assert_allclose(regret[1:4], regret[5:8], rtol=0.1)
