from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.meta import excess
from pipeline.meta.source import KnownP, Source
from tests import reference

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


def test_compare_by_hand():
    table = excess.compare(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
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
    table = excess.compare(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
    assert_allclose(table["symbol_excess"] + table["reset_excess"], table["excess"])
    difference = table["cross_entropy"] - table["exact_cross_entropy"]
    assert_allclose(table["excess"], difference, **DOUBLE)


def test_the_exact_predictor_has_no_excess_over_itself(rng):
    own = Source((2.0, 1.0, 1.0), 4)
    characters, _ = own.draw(rng, 5, 12)
    exact = own.log_p_next(characters)
    table = excess.compare(exact, exact, characters)
    for name in ("excess", "symbol_excess", "reset_excess", "kl"):
        assert table[name] == table[f"{name}_se"] == 0
    assert table["reset_accuracy"] == 1
    assert (excess.bias_by_symbol(exact, exact, characters).difference == 0).all()


def test_bias_by_symbol_by_hand():
    table = excess.bias_by_symbol(safe_log(LEARNED), safe_log(EXACT), CHARACTERS)
    expected = [
        # Means over the two symbols of each sequence; the resets are left out.
        (1, (0.6 + 0.4) / 2, (0.6 + 0.2) / 2, (0.5 + 0.75) / 2, (0.5 + 0.25) / 2),
        (2, (0.3 + 0.4) / 2, (0.3 + 0.6) / 2, (0.5 + 0.25) / 2, (0.5 + 0.75) / 2),
    ]
    assert len(table) == 2
    for row, (symbol, *shares) in zip(table.itertuples(), expected):
        network, exact = np.array(shares[:2]), np.array(shares[2:])
        assert row.symbol == symbol
        assert_allclose(row.network, network.mean(), **DOUBLE)
        assert_allclose(row.exact, exact.mean(), **DOUBLE)
        bias = network - exact
        assert_allclose(row.difference, bias.mean(), **DOUBLE)
        assert_allclose(row.difference_se, abs(bias[0] - bias[1]) / 2, **DOUBLE)


def test_excess_per_symbol_by_hand():
    found = excess.expected(safe_log(LEARNED), safe_log(EXACT))
    log = np.log
    at_first = 0.5 * log(0.5 / 0.6) + 0.5 * log(0.5 / 0.3)
    # Means over the two symbols; the prediction of the reset is left out.
    one = (at_first + 0.75 * log(0.75 / 0.4) + 0.25 * log(0.25 / 0.4)) / 2
    other = (at_first + 0.25 * log(0.25 / 0.2) + 0.75 * log(0.75 / 0.6)) / 2
    assert_allclose(found["excess"], (one + other) / 2, **DOUBLE)
    assert_allclose(found["excess_se"], abs(one - other) / 2, **DOUBLE)


def test_excess_per_symbol_and_that_of_resets_add_up_to_the_kl():
    log_p, exact = safe_log(LEARNED), safe_log(EXACT)
    table = excess.compare(log_p, exact, CHARACTERS)
    found = excess.expected(log_p, exact)
    assert_allclose(found["excess"] * 2 / 3 + table["reset_excess"], table["kl"], **DOUBLE)
    for end in ("", "_se"):
        assert found[f"excess_per_character{end}"] == table[f"kl{end}"]


def drawn(rng: np.random.Generator, sequences: int, steps: int):
    """Sequences, their p, and a predictor that knows the period but not alpha."""
    own = Source((5.0, 1.0, 1.0), 4)
    characters, p = own.draw(rng, sequences, steps)
    predictors = Source((1.0, 1.0, 1.0), 4), own, KnownP(p, 4)
    return characters, *(each.log_p_next(characters) for each in predictors)


def test_excess_per_symbol_is_the_paired_one_without_the_noise_of_the_draw(rng):
    characters, log_p, exact, _ = drawn(rng, 2000, 12)
    found = excess.expected(log_p, exact)
    table = excess.compare(log_p, exact, characters)
    # Three of four characters are symbols.
    paired, error = table["symbol_excess"] * 4 / 3, table["symbol_excess_se"] * 4 / 3
    # Both estimate the same: four standard errors of the noisier.
    assert abs(found["excess"] - paired) < 4 * error
    assert found["excess"] > 4 * found["excess_se"]
    assert found["excess_se"] < error / 2


def test_the_exact_predictor_has_no_excess_per_symbol(rng):
    _, _, exact, _ = drawn(rng, 5, 11)
    assert set(excess.expected(exact, exact).values()) == {0}


def test_regret_sequence_by_sequence(rng):
    _, _, exact, known = drawn(rng, 5, 10)
    # One that is not sure of the resets either.
    log_p = np.log(rng.dirichlet((1.0, 1.0, 1.0, 1.0), size=(5, 10)))
    found = excess.regret(log_p, exact, known)
    expected = reference.regret(log_p, exact, known)
    # Standard errors of equal values are rounded to the values' last digits.
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), rtol=1e-9, atol=1e-12)


def test_regret_by_hand():
    # p is 3/4 in the one sequence, certain in the other.
    p = np.array([[[0.75, 0.25]], [[1.0, 0.0]]])
    known = KnownP(p, 3).log_p_next(CHARACTERS)
    found = excess.regret(safe_log(LEARNED), safe_log(EXACT), known)
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
    assert list(found.step) == [0, 1, 2]
    for step, row in found.iterrows():
        for name, (one, other) in (
            ("network", network[step]),
            ("exact", exact[step]),
            ("difference", difference[step]),
            ("cumulated", difference[: step + 1].sum(axis=0)),
        ):
            assert_allclose(row[name], (one + other) / 2, **DOUBLE, err_msg=name)
            error = row[f"{name}_se"]
            assert_allclose(error, abs(one - other) / 2, **DOUBLE, err_msg=name)


@pytest.mark.parametrize("which", ["exact", "known"])
def test_who_knows_as_much_has_no_regret_left(rng, which):
    _, log_p, exact, known = drawn(rng, 5, 10)
    if which == "exact":
        table = excess.regret(exact, exact, known)
        names = ["difference", "cumulated"]
    else:
        table = excess.regret(log_p, known, known)
        names = ["exact"]
    assert (table[names] == 0).all(axis=None)


def test_regret_falls_within_a_period_and_starts_again_at_the_next(rng):
    _, log_p, exact, known = drawn(rng, 4000, 8)
    for name in ("network", "exact"):
        regret = excess.regret(log_p, exact, known)[name].to_numpy()
        assert regret[0] == regret[4] == 0
        # Each symbol that was seen is worth many standard errors of these means.
        assert regret[1] > regret[2] > regret[3] > 0
        assert regret[5] > regret[6] > regret[7] > 0
        assert_allclose(regret[1:4], regret[5:8], rtol=0.1)


def test_losses_are_of_each_set_of_sequences(rng):
    own = Source((5.0, 1.0), 3)
    one, other = (own.draw(rng, count, 6)[0] for count in (4, 7))
    found = excess.losses(own.log_p_next, {"train": one, "test": other}, "exact_")
    for name, characters in (("train", one), ("test", other)):
        log_p = own.log_p_next(characters)
        p = np.take_along_axis(log_p, characters[..., None].astype(int), axis=-1)
        assert_allclose(found.pop(f"exact_{name}_loss"), -p.mean(), **DOUBLE)
        right = (log_p.argmax(axis=-1) == characters).mean()
        assert_allclose(found.pop(f"exact_{name}_accuracy"), right, **DOUBLE)
    assert not found


def test_symbol_1_alone_is_expected_more_and_more():
    found = excess.p_symbol_1(Source((2.0, 1.0, 1.0), 4).log_p_next, 4, 9)
    period = [0, 2 / 4, 3 / 5, 4 / 6]
    assert_allclose(found, [*period, *period, 0], **DOUBLE)
