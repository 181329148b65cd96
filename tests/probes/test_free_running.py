import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from pipeline.meta.source import KnownP, Source
from pipeline.probes import free_running

# Resets at every third step: on time; an extra one at step 2; the one at step 3 missing.
ROWS = np.array([[0, 1, 2, 0, 2, 2, 0, 1], [0, 1, 0, 0, 2, 1, 0, 1], [0, 1, 2, 1, 2, 1, 0, 1]])


def test_periods_are_from_reset_to_reset_of_one_sequence():
    lengths, places = free_running.periods(ROWS.astype(np.uint8))
    assert_array_equal(lengths, [3, 3, 2, 1, 3, 6])
    assert_array_equal(places, [0, 3, 8, 10, 11, 16])


def test_the_clock_by_hand():
    found = free_running.clock(ROWS.astype(np.uint8), 3)
    shares = {"periods": 6, "right": 1 / 2, "early": 1 / 3, "late": 1 / 6, "in_step": 1 / 3}
    assert_allclose([found[name] for name in shares], [*shares.values()])
    assert found["right_low"] < 1 / 2 < found["right_high"]


def test_counts_are_of_whole_periods_of_the_right_length():
    counts = free_running.counts_of_periods(ROWS.astype(np.uint8), Source((1.0, 1.0), 3))
    assert_array_equal(counts, [[1, 1], [0, 2], [1, 1]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", [[1, 1, 2], [0, 1, 2], [0, 1, 1, 2, 0]])
def test_a_network_without_periods_of_the_right_length_has_no_test(row):
    found = free_running.judge(np.array([row, row], np.uint8), Source((1.0, 1.0), 3))
    assert (found["tested"], found["in_step"]) == (0, row == [0, 1, 2])
    assert np.isnan([found[name] for name in ("g", "p_value", "nats", "detectable")]).all()
    assert np.isnan(found["right"]) == (found["periods"] == 0)


def test_the_g_test_by_hand():
    # Of two symbols under a uniform p each of the three counts has probability 1/3.
    counts = np.repeat([[2, 0], [1, 1], [0, 2]], [10, 20, 30], axis=0)
    found = free_running.polya_test(counts, Source((1.0, 1.0), 3))
    g = 2 * sum(n * math.log(n / 20) for n in (10, 20, 30))
    assert_allclose([found["g"], found["freedom"], found["tested"]], [g, 2, 60])
    # The tail of a chi-squared distribution with two degrees of freedom.
    assert_allclose(found["p_value"], math.exp(-g / 2))
    assert_allclose(found["nats"], (g - 2) / 120)


def test_rare_counts_are_one_cell():
    # Of the Dirichlet-multinomial probabilities 10/12, 1/6 - 1/78 ... only some are frequent.
    source = Source((10.0, 1.0), 4)
    rng = np.random.default_rng(1)
    counts = free_running.counts_of_periods(source.draw(rng, 60, 5)[0], source)
    # (3, 0), (2, 1), (1, 2), (0, 3): 60 times 220, 55 * 3 / 3, ... of 286: the last two join.
    expected = 60 * np.array([220, 55, 10, 1]) / 286
    assert (expected[2:] < 5).all()
    assert expected[2:].sum() < 5 < expected[1:].sum()
    # Together they are still too few, so that the second joins them.
    assert free_running.polya_test(counts, source)["freedom"] == 1


@pytest.mark.parametrize("source", [Source((10.0, 1.0, 1.0), 5), Source((1.3, 1.3, 1.3), 8)])
def test_the_test_believes_the_source_and_nobody_who_ignores_the_counts(source):
    rng = np.random.default_rng(5)
    own = [free_running.judge(source.draw(rng, 300, 100)[0], source) for _ in range(40)]
    assert {row["in_step"] for row in own} == {1}
    p_values = np.array([row["p_value"] for row in own])
    # Below 0.05 in 40 tests: 9 times or more by chance in 1 of 5,000 cases.
    assert (p_values < 0.05).sum() < 9
    assert abs(p_values.mean() - 0.5) < 4 / math.sqrt(12 * 40)
    nats = np.array([row["nats"] for row in own])
    assert abs(nats.mean()) < 4 * nats.std() / math.sqrt(40)
    mean = KnownP(np.array(source.alpha) / sum(source.alpha), source.reset_every)
    other = free_running.judge(mean.draw(rng, 300, 100)[0], source)
    assert other["p_value"] < 1e-6
    assert other["nats"] > 2 * other["detectable"]


def test_what_is_detectable_is_found_with_the_power_that_is_asked_for():
    # Counts of one of two symbols, whose probability is q and not 1/2: KL = detectable.
    source, periods = Source((1.0, 1.0), 2), 400
    even = np.repeat([[1, 0], [0, 1]], periods // 2, axis=0)
    kl = free_running.polya_test(even, source)["detectable"]
    q = 0.5 + math.sqrt(kl / 2)  # of the second order, with an error of the fourth
    ones = np.random.default_rng(2).binomial(periods, q, size=20_000)
    with np.errstate(divide="ignore", invalid="ignore"):
        g = 2 * sum(np.where(n > 0, n * np.log(2 * n / periods), 0) for n in (ones, periods - ones))
    # The counts are whole numbers, so that the level is not exactly 5 %.
    assert_allclose((g > chi2.isf(0.05, 1)).mean(), free_running.POWER, atol=0.03)
