"""Networks that differ by nothing but their seed: means, ranges and intervals over them.

All tables have a column `repetition`, which numbers the networks.
"""

import numpy as np
import pandas as pd

from pipeline.core.intervals import student

# Quantities of `numbers` that cannot be negative.
POSITIVE = ("kl", "kl_left", "kl_own", "kl_worst", "order_spread", "past_spread", "ratio")
# Of the networks' excesses, by the end of a column's name.
STATISTICS = {"": "mean", "_se": "sem", "_median": "median", "_best": "min", "_worst": "max"}


def summary(curves: pd.DataFrame) -> dict[str, int | float]:
    """Where the curves of one recipe end: the networks' mean and its error, and extremes.

    Returns:
        batches; seeds, the number of networks; of excess and of excess_per_character the
        mean, and with _se its standard error over networks, with _median, _best and _worst
        these, with _geometric, _low and _high the geometric mean and its interval.
    """
    ends = curves.groupby("repetition").last()
    row: dict[str, int | float] = {"batches": int(ends.batch.iloc[0]), "seeds": len(ends)}
    for name in ("excess", "excess_per_character"):
        row |= {f"{name}{end}": ends[name].agg(which) for end, which in STATISTICS.items()}
        row |= _named(name, interval(ends[name], positive=True), "_geometric")
    return row


def interval(values: pd.Series, positive: bool = False) -> tuple[float, float, float]:
    """Mean over networks, and the lower and upper end of its interval by Student's t.

    Of a `positive` quantity both are of its logarithm: the geometric mean, and an interval
    that does not reach below zero. No interval, but NaN, of a single network.
    """
    if positive:
        mean, low, high = np.exp(interval(np.log(values)))
        return mean, low, high
    half = student(len(values)) * values.sem()
    return values.mean(), values.mean() - half, values.mean() + half


def _named(name: str, found: tuple[float, float, float], mean: str = "") -> dict[str, float]:
    return dict(zip((f"{name}{mean}", f"{name}_low", f"{name}_high"), found))


def over_networks(numbers: pd.DataFrame) -> pd.DataFrame:
    """The numbers of `summaries.numbers`, over several networks.

    Returns:
        sequences, quantity; networks, their number; mean, low and high: see `interval`;
        lowest and highest.
    """
    table = []
    for (sequences, quantity), rows in numbers.groupby(["sequences", "quantity"], sort=False):
        value = rows.value
        found = interval(value, positive=quantity in POSITIVE and bool((value > 0).all()))
        row = {"sequences": sequences, "quantity": quantity, "networks": len(value)}
        row |= dict(zip(("mean", "low", "high"), found))
        table.append(row | {"lowest": value.min(), "highest": value.max()})
    return pd.DataFrame(table)


def range_by_batch(curves: pd.DataFrame) -> pd.DataFrame:
    """Number, mean, median, lowest and highest excess of the networks at each batch."""
    excess = curves.groupby("batch").excess
    functions = {"seeds": "size", "excess": "mean", "median": "median"}
    return excess.agg(**functions, lowest="min", highest="max").reset_index()


def after_symbol_1(regrets: pd.DataFrame, reset_every: int) -> pd.DataFrame:
    """p(symbol 1) after it, and nothing else, has come n times since the reset.

    From the columns only_1_network and only_1_exact at each step, the mean over periods.

    Returns:
        repetition; seen, the number n; network and exact.
    """
    names = {"only_1_network": "network", "only_1_exact": "exact"}
    place = regrets.step % reset_every
    keys = [regrets.repetition, (place - 1).rename("seen")]
    p = regrets[place > 0].groupby(keys)[list(names)].mean()
    return p.rename(columns=names).reset_index()


def reaction(after: pd.DataFrame) -> dict[str, int | float]:
    """How fast the networks react to symbol 1 and nothing else, compared with exact Bayes.

    `after` is of `after_symbol_1`. Let d_n be p(symbol 1) after it came n times, less the
    exact one's. There are two definitions of faster: `level`, the mean of d_n over n > 0, is
    how far above exact Bayes a network then is; `reaction`, the mean of d_n - d_0, leaves
    out `start`, d_0, by which it was off before.

    Returns:
        For start, level and reaction: means over networks, with intervals _low and _high,
        and with _above the number of networks above zero; `faster` is that of reaction. No
        level and reaction, but NaN, in a period of two characters: it has one symbol, and
        nothing to react to.
    """
    gap = after.pivot(index="seen", columns="repetition")
    gap = gap.network - gap.exact
    start, level = gap.loc[0], gap.loc[1:].mean()
    row: dict[str, int | float] = {"faster": int(np.sum(level > start))}
    for name, values in (("start", start), ("level", level), ("reaction", level - start)):
        row |= _named(name, interval(values)) | {f"{name}_above": int(np.sum(values > 0))}
    return row


def mean_regret(regrets: pd.DataFrame) -> pd.DataFrame:
    """Regret at each step over networks, which all see the same sequences.

    Returns:
        For each step of `excess.regret`: seeds, the number of networks; the means of
        network, exact, difference and cumulative, and of the last two the networks' _lowest
        and _highest.
    """
    by_step = regrets.groupby("step")
    columns = {"seeds": by_step.size()}
    columns |= {name: by_step[name].mean() for name in ("network", "exact")}
    for name in ("difference", "cumulative"):
        found = by_step[name].agg(["mean", "min", "max"]).to_numpy().T
        columns |= dict(zip((name, f"{name}_lowest", f"{name}_highest"), found))
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
