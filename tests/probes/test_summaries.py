from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.probes import summaries, tables

# Whole or half numbers; what is computed from them rounds in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12}


def test_stacked_tables_begin_with_their_keys():
    one, two = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]})
    found = tables.stack({("M1", "tuned"): one, ("M2", "tuned"): two}, "model", "recipe")
    expected = {"model": ["M1", "M1", "M2"], "recipe": ["tuned"] * 3, "n": [1, 2, 3]}
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected))


def test_numbered_columns_are_found_again():
    values = np.arange(24).reshape(2, 12)
    table = pd.DataFrame({"count": 0, "count_se": 0.0} | tables.numbered("count", values))
    assert list(table)[2:5] == ["count_1", "count_2", "count_3"]
    np.testing.assert_array_equal(tables.columns(table, "count"), values)
    # Character 0 is the reset; the others are symbols.
    both = pd.DataFrame(tables.numbered("exact", values, start=0))
    np.testing.assert_array_equal(tables.columns(both, "exact"), values[:, 1:])


def table(names: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=names.split())


def state(counts: tuple[int, ...], exact: tuple, argmax: tuple, **numbers: float) -> dict:
    """What a network predicts after these counts; the reset is character 0."""
    row: dict[str, Any] = {"seen": sum(counts), "kl": 0.01, "kl_worst": 0.02}
    row |= {"order_spread": 0.0, "past_spread": 0.0, "probability": 1.0} | numbers
    for name, values in (("count", counts), ("exact", exact), ("argmax", argmax)):
        row |= {f"{name}_{k}": value for k, value in enumerate(values, start=1)}
    return row | {"exact_0": 0.0, "argmax_0": 0.0}


def leak(previous: int, network: float, probability: float) -> dict[str, Any]:
    row = {"previous_1": previous, "network_1": network, "probability": probability}
    return row | {"exact_1": 0.625}


LINE = [leak(n, 0.5 + 0.01 * n, p) for n, p in ((0, 0.1), (1, 0.3), (4, 0.6))]


def knowledge(states: list[dict], leaks: list[dict] = LINE) -> pd.Series:
    (row,) = summaries.knowledge(pd.DataFrame(states), pd.DataFrame(leaks)).iloc
    return row


# A period of three characters: two symbols, after which the reset comes.
STATES = [
    # Three equally likely symbols share.
    state((0, 0, 0), (1 / 3, 1 / 3, 1 / 3), (0.5, 0.25, 0.25), kl=0.4, past_spread=0.2),
    state((1, 0, 0), (0.5, 0.25, 0.25), (1, 0, 0), probability=0.6, kl=0.1),
    state((0, 1, 0), (0.3, 0.4, 0.3), (0.5, 0, 0.5), probability=0.4, kl_worst=0.7, kl=0.3),
    state((1, 1, 0), (0, 0, 0), (0, 1, 0), kl=0.0, order_spread=0.06),
]


def test_means_over_states_are_weighted_by_their_probability_and_the_worst_is_named():
    row = knowledge(STATES)
    # Each of the three positions has weight one: (0.4 + 0.6 * 0.1 + 0.4 * 0.3 + 0) / 3.
    assert_allclose(row.kl, 0.58 / 3, **DOUBLE)
    assert_allclose([row.order_spread, row.past_spread], [0.02, 0.2 / 3], **DOUBLE)
    assert_allclose(row.order_share, 0.02 / row.kl, **DOUBLE)
    assert_allclose(row.past_share, 0.2 / 0.58, **DOUBLE)
    assert (row.kl_worst, row.seen, row.probability) == (0.7, 1, 0.4)
    assert (row.count_1, row.count_2, row.count_3) == (0, 1, 0)


def test_argmax_shares_are_means_over_the_positions_before_a_symbol():
    row = knowledge(STATES)
    # 0.5 (0.5 + 0.6 + 0.4 * 0.5), and so on.
    shares = [row.argmax_1, row.argmax_2, row.argmax_3]
    assert_allclose(shares, [0.65, 0.125, 0.225], **DOUBLE)
    # 0.5 (1/3 + 0.6), 0.5 (1/3 + 0.4), 0.5 / 3.
    exact = [row.exact_argmax_1, row.exact_argmax_2, row.exact_argmax_3, row.exact_other]
    assert_allclose(exact, [7 / 15, 11 / 30, 1 / 6, 8 / 15], **DOUBLE)
    # The three of the first state tie. In the third the network never finds symbol 2.
    assert_allclose([row.exact_ties, row.network_missed], [0.5, 0.5 * 0.4], **DOUBLE)


def test_a_network_that_always_finds_symbol_1_most_likely_finds_no_other():
    row = knowledge([state((0, 0), (0.8, 0.2), (1, 0)), state((1, 0), (0, 0), (0, 1))])
    assert (row.argmax_1, row.exact_argmax_1) == (1, 1)
    assert (row.network_missed, row.exact_other, row.exact_ties) == (0, 0, 0)


@pytest.mark.parametrize(
    ("leaks", "slope", "low", "high"),
    [
        (LINE, 0.01, 0.5, 0.54),
        # Three times as likely counts three times: a line through (0, 0.5), (1, 0.8) and
        # three times (1, 0.6) has the slope mean(0.8, 0.6, 0.6, 0.6) - 0.5.
        ([leak(0, 0.5, 0.1), leak(1, 0.8, 0.1), leak(1, 0.6, 0.3)], 0.15, 0.5, 0.8),
    ],
)
def test_after_a_reset_there_is_a_weighted_slope_and_a_range(leaks, slope, low, high):
    row = knowledge(STATES, leaks)
    found = (row.after_reset_slope, row.after_reset_low, row.after_reset_high)
    assert_allclose(found, (slope, low, high), rtol=1e-9)
    assert row.after_reset_exact == 0.625


def test_unseen_compares_the_simplex_with_the_own_prior():
    matrix = table(
        "model sequences kl_own",
        ("M2", "M2", 0.004),
        ("M2", "fixed p", 0.9),
        ("M1", "M1", 0.002),
        ("M1", "M2", 0.5),
    )
    simplex = table(
        "model p_1 p_2 kl_own",
        ("M2", 0.25, 0.75, 0.002),
        ("M1", 1.0, 0.0, 0.001),
        ("M1", 0.125, 0.875, 0.006),
        ("M1", 0.5, 0.5, 0.002),
    )
    expected = table(
        "model points kl kl_own_prior ratio kl_worst p_1 p_2",
        ("M2", 1, 0.002, 0.004, 0.5, 0.002, 0.25, 0.75),
        ("M1", 3, 0.003, 0.002, 1.5, 0.006, 0.125, 0.875),
    )
    pd.testing.assert_frame_equal(summaries.unseen(matrix, simplex), expected, rtol=1e-12)


def test_counting_is_worth_the_difference_to_the_prior():
    rows = ("exact", "1", 9.0), ("exact", "mean", 0.6), ("prior_only", "mean", 1.0)
    bounds = table("predictor position cross_entropy", *rows)
    assert summaries.gain(bounds) == {"exact": 0.6, "prior_only": 1.0, "gain": 0.4}


def test_regret_is_split_into_resets_and_symbols():
    # At steps 0 and 2 the exact predictor is certain.
    rows = (0.0, 0.5, 0.5), (0.3, 0.2, 0.7), (0.0, 0.1, 0.8), (0.4, 0.05, 0.85)
    regret = table("exact difference cumulative", *rows)
    expected = {"regret": 0.85, "regret_first": 0.5, "regret_resets": 0.1, "regret_symbols": 0.25}
    found = pd.Series(summaries.total_regret(regret))
    pd.testing.assert_series_equal(found, pd.Series(expected), **DOUBLE)


def limits(exact: float) -> pd.DataFrame:
    rows = ("exact", "mean", exact), ("prior_only", "mean", 0.75)
    return table("predictor position cross_entropy", *rows)


def test_memory_is_judged_by_what_counting_is_worth():
    runs = table("units excess", (2, 0.25), (64, 0.0625))
    found = summaries.memory(runs, limits(0.25))
    assert (list(found.gain), list(found.lost)) == ([0.5, 0.5], [0.5, 0.125])
    # One symbol in a period: nothing to count.
    nothing = summaries.memory(runs, limits(0.75))
    assert (list(nothing.gain), nothing.lost.isna().all()) == ([0, 0], True)


def test_the_numbers_of_a_network_are_one_below_the_other():
    kinds = table(
        "sequences own_prior count excess excess_se", ("a", 1, 9, 0.1, 7), ("b", 0, 1, 0.2, 7)
    )
    bias = table("sequences symbol network exact difference", ("a", 1, 0.6, 0.5, 0.1))
    readout = table("quantity r_squared r_squared_untrained", ("x", 0.9, 0.7), ("y", 0.8, 0.75))
    known = {
        "knowledge_summary": table("kl kl_worst seen count_1", (0.01, 0.5, 3, 2)),
        "concentration": table("symbol estimate kl_left", (1, 9.5, 0.25), (2, 1.5, 0.25)),
        "readout": readout,
    }
    matrix = table("sequences reset_every count kl_own", ("M1", 5, 9, 0.3))
    unseen = table("model points kl p_1", ("M1", 28, 0.04, 1.0))
    found = summaries.numbers(kinds, bias, known, matrix, unseen)
    assert list(found) == ["sequences", "quantity", "value"]
    assert {(row.sequences, row.quantity): row.value for row in found.itertuples()} == {
        ("a", "excess"): 0.1,
        ("b", "excess"): 0.2,
        ("a", "network_1"): 0.6,
        ("a", "exact_1"): 0.5,
        ("a", "difference_1"): 0.1,
        ("every state", "kl"): 0.01,
        ("every state", "kl_worst"): 0.5,
        ("every state", "kl_left"): 0.25,
        ("every state", "r_squared"): 0.8,
        ("every state", "r_squared_untrained"): 0.7,
        ("every state", "estimate_1"): 9.5,
        ("every state", "estimate_2"): 1.5,
        ("M1", "kl_own"): 0.3,
        ("simplex", "kl"): 0.04,
    }


def test_generalisation_of_meta_tasks_is_above_exact_bayes():
    history = table("train_loss test_loss", (9.0, 9.0), (0.5, 0.75))
    # The test sequences are harder for exact Bayes too.
    exact = {"exact_train_loss": 0.4, "exact_test_loss": 0.5}
    curve = table("train_loss test_loss", (0.5, 9.0), (0.5, 0.61)).assign(**exact)
    found = summaries.generalisation(history, {"M1": curve, "M2": curve[:1]})
    rows = ("pixels", 0.5, 0.75, 0.25), ("M1", 0.1, 0.11, 0.01), ("M2", 0.1, 8.5, 8.4)
    pd.testing.assert_frame_equal(found, table("model train test gap", *rows), **DOUBLE)
