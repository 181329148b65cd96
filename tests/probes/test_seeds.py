import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.probes import seeds
from pipeline.probes.tables import stack

# Quantiles 0.975 of Student's t by degrees of freedom, as in printed tables.
STUDENT = {1: 12.706205, 2: 4.302653, 4: 2.776445}

# The few steps between numbers of order one, in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12}
# Quantiles in seven digits.
PRINTED: dict[str, Any] = {"rtol": 1e-6}


def below(networks: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several networks below one another."""
    return stack(dict(enumerate(networks, 1)), "repetition")


# Four networks at two points.
PAIRS = np.array([(1.0, 0.3), (1.5, 0.1), (1.2, 0.6), (1.2, 0.2)])
CURVES = below(
    pd.DataFrame(
        {"batch": [0, 7], "excess": pair, "excess_se": 9.0, "excess_per_character": 10 * pair}
    )
    for pair in PAIRS
)


def test_the_summary_is_of_the_last_points():
    row = seeds.summary(CURVES)
    assert (row["batches"], row["seeds"]) == (7, 4)
    # 0.3, 0.1, 0.6 and 0.2: the mean is 0.3, the median 0.25, and the variance
    # (0 + 0.04 + 0.09 + 0.01) / 3.
    ends = {"": 0.3, "_se": math.sqrt(0.14 / 3) / 2, "_median": 0.25, "_best": 0.1, "_worst": 0.6}
    for end, value in ends.items():
        found = row[f"excess{end}"], row[f"excess_per_character{end}"]
        assert_allclose(found, (value, 10 * value), **DOUBLE)
    assert_allclose(row["excess_geometric"], (0.3 * 0.1 * 0.6 * 0.2) ** 0.25, **DOUBLE)
    assert 0 < row["excess_low"] < row["excess_geometric"] < row["excess_high"]


def test_an_interval_is_of_the_mean_or_of_the_mean_logarithm():
    # Two values: s = gap / sqrt(2), divided by sqrt(2).
    half = STUDENT[1] * 3 / 2
    assert_allclose(
        seeds.interval(pd.Series([-1.0, 2.0])), [0.5, 0.5 - half, 0.5 + half], **PRINTED
    )
    mean, low, high = seeds.interval(pd.Series([0.1, 0.4]), positive=True)
    ratio = 4 ** (STUDENT[1] / 2)
    assert_allclose([mean, low, high], [0.2, 0.2 / ratio, 0.2 * ratio], **PRINTED)
    three = seeds.interval(pd.Series([1.0, 2.0, 6.0]))
    assert_allclose(three[2] - three[0], STUDENT[2] * math.sqrt(7 / 3), **PRINTED)


@pytest.mark.filterwarnings("error")
def test_where_nothing_varies_the_interval_is_a_point_and_one_network_has_none():
    assert seeds.interval(pd.Series([2.0, 2.0])) == (2, 2, 2)
    assert_array_equal(seeds.interval(pd.Series([2.0])), [2, np.nan, np.nan])


def test_numbers_are_summarised_over_networks():
    columns = ["repetition", "sequences", "quantity", "value"]
    rows = [
        (1, "a", "kl", 0.1),
        (2, "a", "kl", 0.4),
        (1, "a", "excess", 0.1),
        (2, "a", "excess", 0.4),
    ]
    table = seeds.over_networks(pd.DataFrame(rows, columns=columns)).set_index("quantity")
    # A KL cannot be negative: the geometric mean.
    assert_allclose(table["mean"], [0.2, 0.25], **DOUBLE)
    assert (table.low["kl"] > 0, table.low["excess"] < 0) == (True, True)
    assert_array_equal(table[["networks", "lowest", "highest"]], [[2, 0.1, 0.4]] * 2)
    # Rounding can leave a spread below zero.
    rows = [(1, "a", "kl", 0.0), (2, "a", "kl", 0.4)]
    assert_allclose(seeds.over_networks(pd.DataFrame(rows, columns=columns))["mean"], 0.2, **DOUBLE)


def test_the_range_has_mean_median_and_extremes_at_each_batch():
    rows = [(0, 4, 1.225, 1.2, 1.0, 1.5), (7, 4, 0.3, 0.25, 0.1, 0.6)]
    names = ["batch", "seeds", "excess", "median", "lowest", "highest"]
    expected = pd.DataFrame(rows, columns=names)
    pd.testing.assert_frame_equal(seeds.range_by_batch(CURVES), expected, rtol=1e-12)


def only_1(*networks: list[float]) -> pd.DataFrame:
    """How far p(symbol 1) of each network is from the exact one, step by step."""
    return below(
        pd.DataFrame({"step": range(len(gaps)), "only_1_exact": 0.5}).assign(
            only_1_network=np.add(gaps, 0.5)
        )
        for gaps in networks
    )


# Periods of four characters; at the resets, steps 0, 4 and 8, there is nothing to react to.
FASTER = [9, 0.1, 0.3, 0.2, 9, 0.0, 0.1, 0.4, 9, 0.2]
SLOWER = [9, 0.1, 0.0, 0.1, 9, 0.1, 0.1, 0.0, 9, 0.4]


def test_a_reaction_is_the_rise_since_the_reset():
    after = seeds.after_symbol_1(only_1(FASTER, SLOWER), 4)
    assert list(after.seen) == [0, 1, 2] * 2
    gap = (after.network - after.exact).to_numpy().reshape(2, 3)
    # Means over periods, of 0.1, 0.0, 0.2, of 0.3, 0.1, of 0.2, 0.4; and of the other.
    assert_allclose(gap, [[0.1, 0.2, 0.3], [0.2, 0.05, 0.05]], atol=1e-12)
    row = seeds.reaction(after)
    assert (row["faster"], row["reaction_above"], row["level_above"], row["start_above"]) == (
        1,
        1,
        2,
        2,
    )
    for name, one, other in (("start", 0.1, 0.2), ("level", 0.25, 0.05), ("reaction", 0.15, -0.15)):
        mean, half = (one + other) / 2, STUDENT[1] * abs(one - other) / 2
        found = row[name], row[f"{name}_low"], row[f"{name}_high"]
        assert_allclose(found, (mean, mean - half, mean + half), **PRINTED, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_period_of_one_symbol_has_no_reaction():
    # With resets at every other step.
    row = seeds.reaction(seeds.after_symbol_1(only_1([9, 0.1, 9, 0.3], [9, 0.0, 9, 0.2]), 2))
    assert np.isnan([row["reaction"], row["reaction_low"], row["level"], row["level_high"]]).all()
    assert (row["faster"], row["level_above"]) == (0, 0)
    assert_allclose(row["start"], 0.15, rtol=1e-9)


def at_step(step: int, difference: float, network: float) -> dict:
    row = {"step": step, "network": network, "exact": 0.25}
    return row | {"difference": difference, "cumulative": 10 * difference}


def test_the_regret_has_mean_and_range_over_networks():
    networks = (
        [at_step(0, 0.1, network=0.2), at_step(1, 0.3, network=0.6)],
        [at_step(0, 0.4, network=0.4), at_step(1, 0.2, network=0.8)],
    )
    table = seeds.mean_regret(below(map(pd.DataFrame, networks)))
    assert (list(table.step), list(table.seeds), list(table.exact)) == ([0, 1], [2, 2], [0.25] * 2)
    assert_allclose(table.network, [0.3, 0.7], **DOUBLE)
    for name, factor in (("difference", 1), ("cumulative", 10)):
        for end, values in (("", (0.25, 0.25)), ("_lowest", (0.1, 0.2)), ("_highest", (0.4, 0.3))):
            assert_allclose(table[f"{name}{end}"], factor * np.array(values), **DOUBLE)


def test_each_network_by_itself():
    steps = below(
        pd.DataFrame({"step": range(4), "accuracy_network": own, "accuracy_exact": 0.5})
        for own in ([1.0, 0.2, 0.4, 0.6], [0.8, 0.1, 0.3, 0.4])
    )
    curves = CURVES[CURVES.repetition < 3]
    # Resets at steps 0 and 2.
    expected = pd.DataFrame(
        [(1, 50, 3.0, 0.55, 0.5, 0.7), (2, 50, 1.0, 0.4, 0.5, 0.55)],
        columns=["repetition", "count", "excess", "accuracy", "exact_accuracy", "reset_accuracy"],
    )
    found = seeds.networks(curves, steps, reset_every=2, count=50)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)
