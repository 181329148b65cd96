"""What the studies of lengths, cells and other alphas found, over all their trainings."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from pipeline.core import intervals
from pipeline.probes.tables import stack


def lengths(runs: Mapping[tuple, pd.DataFrame]) -> pd.DataFrame:
    """Excess by the length of the training windows, over the networks of each model and cell.

    `runs` are by model, cell, length and repetition.

    Returns:
        A row for each model, cell, length and length of the test: seeds, count, and the means
        of excess, of reset_excess, the part of it at resets, and of less_window, with the
        lowest and highest excess; window_excess, the exact predictor's that sees the window
        alone; all in nats per character.
    """
    keys = ["model", "cell", "length", "tested"]
    every = stack(runs, *keys[:-1], "repetition")
    return (
        every.groupby(keys, sort=False)
        .agg(
            seeds=("excess", "size"),
            count=("count", "first"),
            excess=("excess", "mean"),
            excess_se=("excess", "sem"),
            lowest=("excess", "min"),
            highest=("excess", "max"),
            reset_excess=("reset_excess", "mean"),
            window_excess=("window_excess", "first"),
            less_window=("less_window", "mean"),
        )
        .reset_index()
        .sort_values(keys, kind="stable", ignore_index=True)
    )


def cells(runs: Mapping[tuple, pd.DataFrame]) -> pd.DataFrame:
    """LSTMs beside the GRUs of the same model and recipe.

    `runs` are by model, recipe, cell and repetition; their last rows are of the trained
    networks. An excess is positive and varies by factors, so its logarithm is compared.

    Returns:
        A row for each model and recipe that has both: gru_ and lstm_seeds, _median, _best and
        _worst excess in nats per symbol; ratio, of the geometric means, LSTM by GRU, with a
        95 % interval by Welch's test, which needs two networks of each.
    """
    ends = {key: run.iloc[[-1]] for key, run in runs.items()}
    every = stack(ends, "model", "recipe", "cell", "repetition")
    table = []
    for (model, recipe), own in every.groupby(["model", "recipe"], sort=False):
        excess = {cell: some.excess for cell, some in own.groupby("cell")}
        if len(excess) < 2:
            continue
        row = {"model": model, "recipe": recipe}
        for cell, values in excess.items():
            row |= {f"{cell}_seeds": len(values), f"{cell}_median": values.median()}
            row |= {f"{cell}_best": values.min(), f"{cell}_worst": values.max()}
        logs = [np.log(excess[cell]) for cell in ("lstm", "gru")]
        row["ratio"] = float(np.exp(logs[0].mean() - logs[1].mean()))
        low = high = np.nan
        if min(map(len, logs)) > 1:
            low, high = np.exp(
                ttest_ind(*logs, equal_var=False).confidence_interval(intervals.COVERAGE)
            )
        table.append(row | {"ratio_low": low, "ratio_high": high})
    return pd.DataFrame(table)


def other_alphas(runs: Mapping[tuple, pd.DataFrame]) -> pd.DataFrame:
    """Networks trained on another alpha, compared with exact Bayes of the model's own.

    `runs` are by model and repetition.

    Returns:
        A row for each model: seeds; means over networks of accuracy, exact_accuracy, excess,
        bias and apart; and after one or more of nothing but symbol 1 the mean of p(symbol 1)
        less the exact predictor's of the model's alpha: expected, that of the predictor which
        is exact for what the networks were trained on; level, the networks' mean, and
        level_lowest and level_highest of them.
    """
    table = []
    every = stack(runs, "model", "repetition")
    for model, own in every.groupby("model", sort=False):
        ends = own.groupby("repetition").last()
        scores = ends[["accuracy", "exact_accuracy", "excess", "bias", "apart"]].mean()
        later = own[own.seen > 0]
        level = (later.only_1_network - later.only_1_believed).groupby(later.repetition).mean()
        row = {"model": model, "seeds": len(ends)} | scores.to_dict()
        row["expected"] = (later.only_1_trained_on - later.only_1_believed).mean()
        row |= {"level": level.mean(), "level_lowest": level.min(), "level_highest": level.max()}
        table.append(row)
    return pd.DataFrame(table)
