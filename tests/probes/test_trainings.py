import math

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

from pipeline.probes import trainings


def test_lengths_are_averaged_over_networks():
    def run(excess: float) -> pd.DataFrame:
        row = {"tested": [2, 9], "count": [40, 10], "excess": [excess, 2 * excess]}
        row |= {"reset_excess": excess / 4, "window_excess": 0.1, "less_window": excess - 0.1}
        return pd.DataFrame(row)

    runs = {("M1", "gru", 2, 1): run(0.2), ("M1", "gru", 2, 2): run(0.6)}
    runs |= {("M1", "lstm", 2, 1): run(0.3)}
    table = trainings.lengths(runs).set_index(["model", "cell", "length", "tested"])
    assert list(table.seeds) == [2, 2, 1, 1]
    row = table.loc["M1", "gru", 2, 2]
    found = row[["excess", "lowest", "highest", "reset_excess", "window_excess", "less_window"]]
    assert_allclose(found.astype(float), [0.4, 0.2, 0.6, 0.1, 0.1, 0.3])
    # s = 0.4 / sqrt(2), divided by sqrt(2).
    assert_allclose(row.excess_se, 0.2)
    assert table.loc["M1", "gru", 2, 9].excess == 0.8
    assert np.isnan(table.loc["M1", "lstm", 2, 2].excess_se)


def curve(excess: float) -> pd.DataFrame:
    return pd.DataFrame({"batch": [0, 7], "excess": [9.0, excess]})


def test_cells_are_compared_by_the_logarithm_of_their_last_excess():
    gru = {("M1", "tuned", "gru", n): curve(excess) for n, excess in enumerate([1.0, 4.0], 1)}
    lstm = {("M1", "tuned", "lstm", n): curve(excess) for n, excess in enumerate([3.0, 12.0], 1)}
    alone = {("M2", "tuned", "gru", 1): curve(1.0)}
    (row,) = trainings.cells(gru | lstm | alone).itertuples()
    assert (row.model, row.gru_seeds, row.lstm_seeds) == ("M1", 2, 2)
    assert (row.gru_best, row.gru_median, row.gru_worst) == (1, 2.5, 4)
    assert (row.lstm_best, row.lstm_median, row.lstm_worst) == (3, 7.5, 12)
    # Logarithms differ by log 3; each mean has the standard error log(4) / 2, and the
    # difference two degrees of freedom, of which Student's quantile 0.975 is 4.302653.
    half = 4.302653 * math.log(4) / 2 * math.sqrt(2)
    assert_allclose([row.ratio, row.ratio_low, row.ratio_high], 3 * np.exp([0, -half, half]), 1e-6)


def test_one_lstm_has_a_ratio_without_an_interval():
    runs = {("M1", "tuned", "gru", n): curve(2.0 * n) for n in (1, 2)}
    (row,) = trainings.cells(runs | {("M1", "tuned", "lstm", 1): curve(1.0)}).itertuples()
    assert_allclose(row.ratio, 1 / math.sqrt(8))
    assert np.isnan([row.ratio_low, row.ratio_high]).all()


def test_levels_are_means_after_symbols():
    def run(*gaps: float) -> pd.DataFrame:
        table = pd.DataFrame({"seen": [0, 1, 2], "only_1_trained_on": [0.9, 0.7, 0.9]})
        row = {"accuracy": 0.8, "exact_accuracy": 0.7, "excess": gaps[0], "bias": 0.1, "apart": 0.2}
        network = np.add(0.5, gaps)
        return table.assign(only_1_believed=0.5, only_1_network=network, **row)

    runs = {("M4", 1): run(9.0, 0.1, 0.3), ("M4", 2): run(7.0, 0.0, 0.2)}
    (row,) = trainings.other_alphas(runs).itertuples()
    # Without the first, at which nothing has come.
    found = [row.expected, row.level, row.level_lowest, row.level_highest]
    assert_allclose(found, [0.3, 0.15, 0.1, 0.2])
    assert (row.model, row.seeds, row.excess) == ("M4", 2, 8)
