"""What the tables of probes and studies show: the numbers that the report prints."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.probes.tables import columns

# Rounding that is left between equal probabilities.
TIE = 1e-9


def knowledge(states: pd.DataFrame, leaks: pd.DataFrame) -> pd.DataFrame:
    """How near a network is to exact Bayes over all states of knowledge, in one row.

    Returns:
        Means over the states by their probability, each position of a period with the same
        weight: kl, order_spread and past_spread in nats; order_share and past_share, the
        two spreads as shares of kl. The worst state: kl_worst, seen, probability, count_k.
        How often each symbol is the most likely one before a symbol: argmax_k for the
        network, exact_argmax_k for exact Bayes, equally likely ones in equal parts;
        network_other and exact_other, the same for all symbols but 1. Right after a reset:
        after_reset_slope, the change of p(symbol 1) by one symbol 1 more in the period
        before; after_reset_low and after_reset_high, its range; after_reset_exact.
    """
    spreads = ["kl", "order_spread", "past_spread"]
    mean = states[spreads].mul(states.probability, axis=0).sum() / states.probability.sum()
    row = dict(mean)
    row |= {f"{name}_share": row[f"{name}_spread"] / row["kl"] for name in ("order", "past")}
    where = ["kl_worst", "seen", "probability", *states.filter(regex="^count_")]
    row |= states.loc[[states.kl_worst.idxmax()], where].to_dict("records")[0]
    return pd.DataFrame([row | _most_likely(states) | _after_reset(leaks)])


def _most_likely(states: pd.DataFrame) -> dict[str, float]:
    """How often each symbol is the most likely one, to the network and to exact Bayes."""
    longest = states.seen.max()
    before_symbol = states[states.seen < longest]
    weight = before_symbol.probability.to_numpy() / longest
    p = columns(before_symbol, "exact")
    ties = p >= p.max(axis=1, keepdims=True) - TIE
    network = weight @ columns(before_symbol, "argmax")
    exact = weight @ (ties / ties.sum(axis=1, keepdims=True))
    row = {f"argmax_{k}": share for k, share in enumerate(network, start=1)}
    row |= {f"exact_argmax_{k}": share for k, share in enumerate(exact, start=1)}
    return row | {"network_other": network[1:].sum(), "exact_other": exact[1:].sum()}


def _after_reset(leaks: pd.DataFrame) -> dict[str, float]:
    """How p(symbol 1) right after a reset depends on the count of symbol 1 before it."""
    weight, count = leaks.probability, leaks.previous_1
    centred = weight * (count - np.average(count, weights=weight))
    return {
        "after_reset_slope": (centred @ leaks.network_1) / (centred @ count),
        "after_reset_low": leaks.network_1.min(),
        "after_reset_high": leaks.network_1.max(),
        "after_reset_exact": leaks.exact_1[0],
    }


def unseen(matrix: pd.DataFrame, simplex: pd.DataFrame) -> pd.DataFrame:
    """How far each network is from its own exact predictor on fixed p that it never saw.

    `matrix` has each network on the sequences of each model, `simplex` on a grid of fixed p.

    Returns:
        One row for each model: points of the grid; kl = KL(exact || network), the mean over
        them; kl_own_prior, that on sequences from its own prior; ratio of the two; kl_worst
        of the points, and the p_k of that point. In nats per symbol.
    """
    own = matrix[matrix.model == matrix.sequences].set_index("model").kl_own
    points = simplex.groupby("model", sort=False).kl_own
    worst = simplex.loc[points.idxmax()].set_index("model")
    table = pd.DataFrame(
        {
            "points": points.size(),
            "kl": points.mean(),
            "kl_own_prior": own,
            "ratio": points.mean() / own,
            "kl_worst": worst.kl_own,
        }
    )
    return table.join(worst.filter(regex="^p_")).reset_index()


def gain(bounds: pd.DataFrame) -> dict[str, float]:
    """What counting is worth to one model, in nats per symbol.

    exact and prior_only are the expected cross-entropies of exact Bayes and of the
    predictor that ignores the counts; gain is their difference.
    """
    mean = bounds[bounds.position == "mean"].set_index("predictor").cross_entropy
    exact, prior_only = mean["exact"], mean["prior_only"]
    return {"exact": exact, "prior_only": prior_only, "gain": prior_only - exact}


def total_regret(regret: pd.DataFrame) -> dict[str, float]:
    """What networks lose to exact Bayes over a whole sequence, in nats, and where.

    regret has an interval, regret_low and regret_high, and parts at the very first reset,
    at the later resets and at symbols: regret_first, regret_resets, regret_symbols.
    """
    last = regret.iloc[-1]
    # Exact Bayes has no regret where it is certain: at the resets.
    first, *later = regret.difference[regret.exact == 0]
    return {
        "regret": last.cumulative,
        "regret_low": last.cumulative_low,
        "regret_high": last.cumulative_high,
        "regret_first": first,
        "regret_resets": sum(later),
        "regret_symbols": last.cumulative - first - sum(later),
    }


def memory(memory: pd.DataFrame, recipes: pd.DataFrame) -> pd.DataFrame:
    """What hidden units are worth, for each prior and period.

    There is one network of each size. So a ratio of excesses means something only if it
    exceeds the largest one between networks that differ by nothing but their seed.

    Returns:
        prior, reset_every; seed_ratio, the largest ratio of worst and best by the recipe
        `tuned`; smallest_units and largest_units, and ratio, that of their excesses;
        enough_units, the smallest size within seed_ratio of the best.
    """
    tuned = recipes[recipes.recipe == "tuned"]
    seed_ratio = (tuned.excess_per_character_worst / tuned.excess_per_character_best).max()
    table = []
    for (prior, reset_every), group in memory.groupby(["prior", "reset_every"], sort=False):
        excess = group.set_index("units").excess_per_character.sort_index()
        enough = excess.index[excess <= seed_ratio * excess.min()]
        table.append(
            {
                "prior": prior,
                "reset_every": reset_every,
                "seed_ratio": seed_ratio,
                "smallest_units": excess.index[0],
                "largest_units": excess.index[-1],
                "ratio": excess.iloc[0] / excess.iloc[-1],
                "enough_units": enough[0],
            }
        )
    return pd.DataFrame(table)


def generalisation(history: pd.DataFrame, curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Losses on training and test data at the end of training, and the gap.

    Returns:
        model ("pixels", in nats per pixel, then the meta-task models, per character),
        train, test, and gap = test - train. For meta-task models less the exact predictor's
        loss on the same sequences, so that easier sequences make no difference.
    """
    ends = {"pixels": history.iloc[-1]} | {name: curve.iloc[-1] for name, curve in curves.items()}
    table = pd.DataFrame(
        {"model": name}
        | {key: end[f"{key}_loss"] - end.get(f"exact_{key}_loss", 0) for key in ("train", "test")}
        for name, end in ends.items()
    )
    return table.assign(gap=table.test - table.train)
