"""Networks that differ by nothing but their seed: means, ranges and intervals over them.

All tables have a column `repetition`, which numbers the networks.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm, sem

from pipeline.core.intervals import COVERAGE, student

# Of the networks' excesses, by the end of a column's name.
STATISTICS = {"": "mean", "_se": "sem", "_median": "median", "_best": "min", "_worst": "max"}


def summary(curves: pd.DataFrame) -> dict[str, int | float]:
    """Where the curves of one recipe end: the networks' mean and its error, and extremes.

    Returns:
        batches; seeds, the number of networks; of excess and of excess_per_character the
        mean, and with _se its standard error over networks, with _median, _best and _worst
        these.
    """
    ends = curves.groupby("repetition").last()
    row: dict[str, int | float] = {"batches": int(ends.batch.iloc[0]), "seeds": len(ends)}
    for name in ("excess", "excess_per_character"):
        row |= {f"{name}{end}": ends[name].agg(which) for end, which in STATISTICS.items()}
    return row


def range_by_batch(curves: pd.DataFrame) -> pd.DataFrame:
    """Number, mean, median, lowest and highest excess of the networks at each batch."""
    excess = curves.groupby("batch").excess
    functions = {"seeds": "size", "excess": "mean", "median": "median"}
    return excess.agg(**functions, lowest="min", highest="max").reset_index()


def reaction(regrets: pd.DataFrame, reset_every: int) -> dict[str, int | float]:
    """How fast the networks react to symbol 1 and nothing else, compared with exact Bayes.

    Let p_n be the probability of symbol 1 after it came n times in a row. A network reacts
    by p_n - p_0; `reaction` is the mean of this over n > 0, less the exact predictor's:
    positive if it is faster. `start` is p_0 less the exact one's. They come from the
    columns only_1_network and only_1_exact at each step.

    Returns:
        faster, the number of networks that are; reaction and start, means over networks,
        with intervals _low and _high. No reaction, but NaN, in a period of two characters:
        it has one symbol, and nothing to react to.
    """
    wide = regrets.pivot(index="step", columns="repetition")
    gap = (wide.only_1_network - wide.only_1_exact).to_numpy()
    place = np.arange(len(gap)) % reset_every
    (later,) = np.nonzero(place > 1)
    first = later - place[later] + 1
    reactions = np.full(gap.shape[1], np.nan)
    if len(later):
        reactions = (gap[later] - gap[first]).mean(axis=0)
    starts = gap[place == 1].mean(axis=0)
    row: dict[str, int | float] = {"faster": int(np.sum(reactions > 0))}
    for name, values in (("reaction", reactions), ("start", starts)):
        mean, half = values.mean(), student(len(values)) * sem(values)
        row |= {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
    return row


def mean_regret(regrets: pd.DataFrame) -> pd.DataFrame:
    """Mean regret at each step, and the interval of network less exact.

    There are two sources of chance: which networks training makes, Student's t over their
    means; and which sequences are drawn, the same for all networks. Their half-widths add
    in squares.

    Returns:
        For each step of `excess.regret`: seeds, the number of networks; the means of
        network, exact, difference and cumulative, of the last two with intervals _low and
        _high.
    """
    wide = regrets.pivot(index="step", columns="repetition")
    seeds = regrets.repetition.nunique()
    columns = {"seeds": seeds}
    columns |= {name: wide[name].mean(axis=1) for name in ("network", "exact")}
    for name in ("difference", "cumulative"):
        mean, over_sequences = wide[name].mean(axis=1), wide[f"{name}_se"].mean(axis=1)
        half = np.hypot(
            student(seeds) * wide[name].sem(axis=1),
            norm.ppf((1 + COVERAGE) / 2) * over_sequences,
        )
        columns |= {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
    return pd.DataFrame(columns).reset_index()


def networks(
    curves: pd.DataFrame, regrets: pd.DataFrame, reset_every: int, count: int
) -> pd.DataFrame:
    """Each network by itself, where its training ends, and exact Bayes on the same sequences.

    Returns:
        repetition, count (of the sequences); per character: excess in nats, accuracy,
        exact_accuracy; reset_accuracy, of the characters that are resets.
    """
    own = regrets.groupby("repetition")
    resets = regrets[regrets.step % reset_every == 0].groupby("repetition")
    table = pd.DataFrame(
        {
            "count": count,
            "excess": curves.groupby("repetition").excess_per_character.last(),
            "accuracy": own.accuracy_network.mean(),
            "exact_accuracy": own.accuracy_exact.mean(),
            "reset_accuracy": resets.accuracy_network.mean(),
        }
    )
    return table.reset_index()
