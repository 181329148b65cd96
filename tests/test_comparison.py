from typing import Any

import numpy as np
from numpy.testing import assert_allclose

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
