from typing import Any

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from pipeline.meta import excess
from pipeline.meta.source import KnownP, Source
from tests import reference

# A few roundings in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}

# Two sequences of a reset and two symbols; the exact predictor knows the reset.
CHARACTERS = np.array([[0, 1, 2], [0, 2, 2]], np.uint8)
RESET, EITHER, UNSURE = [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.1, 0.6, 0.3]
with np.errstate(divide="ignore"):
    EXACT = np.log([[RESET, EITHER, [0.0, 0.75, 0.25]], [RESET, EITHER, [0.0, 0.25, 0.75]]])
LEARNED = np.log(
    [[[0.8, 0.1, 0.1], UNSURE, [0.2, 0.4, 0.4]], [[0.4, 0.5, 0.1], UNSURE, [0.2, 0.2, 0.6]]]
)
# KL(exact || learned) where the two symbols came.
AT_FIRST = 0.5 * np.log(0.5 / 0.6) + 0.5 * np.log(0.5 / 0.3)
AT_SECOND = (
    0.75 * np.log(0.75 / 0.4) + 0.25 * np.log(0.25 / 0.4),
    0.25 * np.log(0.25 / 0.2) + 0.75 * np.log(0.75 / 0.6),
)


def assert_rows(found: dict, expected: dict) -> None:
    pd.testing.assert_series_equal(pd.Series(found), pd.Series(expected), check_like=True, **DOUBLE)


def test_compare_by_hand():
    log = np.log
    by_sequence = {
        "cross_entropy": (-log(0.8 * 0.6 * 0.4) / 3, -log(0.4 * 0.3 * 0.6) / 3),
        "exact_cross_entropy": (-log(0.5 * 0.25) / 3, -log(0.5 * 0.75) / 3),
        "symbol_excess": np.log([0.5 * 0.25 / (0.6 * 0.4), 0.5 * 0.75 / (0.3 * 0.6)]) / 3,
        "reset_excess": (-log(0.8) / 3, -log(0.4) / 3),
        "kl": (np.add(AT_SECOND, AT_FIRST) - log([0.8, 0.4])) / 3,
        # Of two equally likely characters each is half a guess.
        "accuracy": (2.5 / 3, 1 / 3),
        "exact_accuracy": (1.5 / 3, 2.5 / 3),
    }
    by_sequence["excess"] = np.add(by_sequence["symbol_excess"], by_sequence["reset_excess"])
    expected = {"reset_accuracy": 0.5} | reference.estimates(by_sequence)
    assert_rows(excess.compare(LEARNED, EXACT, CHARACTERS), expected)


def test_the_exact_predictor_has_no_excess_over_itself(rng):
    own = Source((2.0, 1.0, 1.0), 4)
    characters, _ = own.draw(rng, 5, 12)
    exact = own.log_p_next(characters)
    table = excess.compare(exact, exact, characters)
    for name in ("excess", "symbol_excess", "reset_excess", "kl"):
        assert table[name] == table[f"{name}_se"] == 0
    assert table["reset_accuracy"] == 1
    assert (excess.bias_by_symbol(exact, exact, characters).difference == 0).all()
    assert set(excess.expected(exact, exact).values()) == {0}


def test_bias_by_symbol_by_hand():
    # Means over the two symbols of each sequence; the resets are left out.
    network = {1: [0.5, 0.4], 2: [0.35, 0.45]}
    exact = {1: [0.625, 0.375], 2: [0.375, 0.625]}
    found = excess.bias_by_symbol(LEARNED, EXACT, CHARACTERS)
    for k, row in enumerate(found.to_dict("records"), start=1):
        expected = {"symbol": k, "network": np.mean(network[k]), "exact": np.mean(exact[k])}
        difference = {"difference": np.subtract(network[k], exact[k])}
        assert_rows(row, expected | reference.estimates(difference))


def test_excess_per_symbol_by_hand():
    # Means over the two symbols; the prediction of the reset is left out.
    by_sequence = {"excess": np.add(AT_SECOND, AT_FIRST) / 2}
    resets = -np.log([0.8, 0.4])
    by_sequence["excess_per_character"] = (2 * by_sequence["excess"] + resets) / 3
    assert_rows(excess.expected(LEARNED, EXACT), reference.estimates(by_sequence))


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
    # Both estimate the same: four standard errors of the noisier. None beats the exact one.
    assert abs(found["excess"] - paired) < 4 * error < paired
    assert found["excess"] > 4 * found["excess_se"]
    assert found["excess_se"] < error / 2


def test_regret_sequence_by_sequence(rng):
    _, _, exact, known = drawn(rng, 5, 10)
    # One that is not sure of the resets either.
    log_p = np.log(rng.dirichlet((1.0, 1.0, 1.0, 1.0), size=(5, 10)))
    found = excess.regret(log_p, exact, known)
    expected = reference.regret(log_p, exact, known)
    # Standard errors of equal values are rounded to the values' last digits.
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), rtol=1e-9, atol=1e-12)


def test_who_knows_as_much_has_no_regret_left(rng):
    _, log_p, exact, known = drawn(rng, 5, 10)
    assert (excess.regret(log_p, known, known).exact == 0).all()
    assert (excess.regret(exact, exact, known)[["difference", "cumulative"]] == 0).all(axis=None)


def test_regret_falls_within_a_period_and_starts_again_at_the_next(rng):
    _, log_p, exact, known = drawn(rng, 4000, 8)
    for name in ("network", "exact"):
        one, other = excess.regret(log_p, exact, known)[name].to_numpy().reshape(2, 4)
        assert one[0] == other[0] == 0
        # Each symbol that was seen is worth many standard errors of these means.
        assert one[1] > one[2] > one[3] > 0
        assert_allclose(one[1:], other[1:], rtol=0.1)


def test_losses_are_of_each_set_of_sequences(rng):
    own = Source((5.0, 1.0), 3)
    sequences = {"train": own.draw(rng, 4, 6)[0], "test": own.draw(rng, 7, 6)[0]}
    expected = {}
    for name, characters in sequences.items():
        log_p = own.log_p_next(characters)
        p = np.take_along_axis(log_p, characters[..., None].astype(int), axis=-1)
        expected[f"exact_{name}_loss"] = -p.mean()
        expected[f"exact_{name}_accuracy"] = (log_p.argmax(axis=-1) == characters).mean()
    assert_rows(excess.losses(own.log_p_next, sequences, "exact_"), expected)


def test_symbol_1_alone_is_expected_more_and_more():
    found = excess.p_symbol_1(Source((2.0, 1.0, 1.0), 4).log_p_next, 4, 9)
    period = [0, 2 / 4, 3 / 5, 4 / 6]
    assert_allclose(found, [*period, *period, 0], **DOUBLE)
