import math
import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.probes import seeds
from pipeline.probes.tables import stack

# Quantiles 0.975 as in printed tables: of Student's t by degrees of freedom, of the normal.
STUDENT = {1: 12.706205, 2: 4.302653, 4: 2.776445}
NORMAL = 1.959964

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
    row = seeds.reaction(only_1(FASTER, SLOWER), 4)
    assert row["faster"] == 1
    # Rises 0.2, 0.1; 0.1, 0.4, on average 0.2; and -0.1, 0; 0, -0.1, on average -0.05.
    # Starts 0.1, 0, 0.2, on average 0.1; and 0.1, 0.1, 0.4, on average 0.2.
    for name, mean, gap in (("reaction", 0.075, 0.25), ("start", 0.15, 0.1)):
        assert_allclose(row[name], mean, rtol=1e-9)
        # Two values: s = gap / sqrt(2), divided by sqrt(2).
        half = STUDENT[1] * gap / 2
        assert_allclose(row[f"{name}_low"], mean - half, **PRINTED)
        assert_allclose(row[f"{name}_high"], mean + half, **PRINTED)


@pytest.mark.filterwarnings("error")
def test_a_period_of_one_symbol_has_no_reaction():
    # With resets at every other step.
    row = seeds.reaction(only_1([9, 0.1, 9, 0.3], [9, 0.0, 9, 0.2]), 2)
    assert np.isnan([row["reaction"], row["reaction_low"]]).all()
    assert row["faster"] == 0
    assert_allclose(row["start"], 0.15, rtol=1e-9)


def at_step(step: int, difference: float, error: float, network: float = 0.5) -> dict:
    row = {"step": step, "network": network, "exact": 0.25}
    row |= {"difference": difference, "difference_se": error}
    return row | {"cumulative": 10 * difference, "cumulative_se": 10 * error}


def regrets(*networks: list[dict]) -> pd.DataFrame:
    return seeds.mean_regret(below(map(pd.DataFrame, networks)))


# Equal networks leave the chance of the sequences.
@pytest.mark.parametrize(
    "differences", [(0.1, 0.4), (0.3, 0.3), (0.3, 0.1, 0.5), (0.2, 0.2, 0.7, 0.4, -0.1)]
)
def test_the_interval_has_both_sources_of_chance(differences):
    table = regrets(*([at_step(0, value, 0.02 * value**2)] for value in differences))
    row, count = table.iloc[0], len(differences)
    assert (len(table), row.step, row.seeds) == (1, 0, count)
    mean = statistics.fmean(differences)
    # Which networks: Student's t with one degree of freedom fewer than networks.
    trained = STUDENT[count - 1] * statistics.stdev(differences) / math.sqrt(count)
    # Which sequences: the same for all, so that more networks do not average it out.
    drawn = NORMAL * statistics.fmean(0.02 * value**2 for value in differences)
    half = math.sqrt(trained**2 + drawn**2)
    for name, factor in (("difference", 1), ("cumulative", 10)):
        assert_allclose(row[name], factor * mean, **DOUBLE)
        assert_allclose(row[f"{name}_low"], factor * (mean - half), **PRINTED)
        assert_allclose(row[f"{name}_high"], factor * (mean + half), **PRINTED)


def test_intervals_carry_the_means_of_each_step():
    table = regrets(
        [at_step(0, 0.1, 0.01, network=0.2), at_step(1, 0.3, 0.01, network=0.6)],
        [at_step(0, 0.1, 0.01, network=0.4), at_step(1, 0.3, 0.01, network=0.8)],
    )
    assert list(table.step) == [0, 1]
    assert_allclose(table.network, [0.3, 0.7], **DOUBLE)
    assert list(table.exact) == [0.25, 0.25]


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
