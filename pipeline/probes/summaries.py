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
        exact_other, the same for all symbols but 1; exact_ties, how often exact Bayes has
        several; network_missed, how often the network's is none of them. Right after a reset:
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
    argmax = columns(before_symbol, "argmax")
    network = weight @ argmax
    exact = weight @ (ties / ties.sum(axis=1, keepdims=True))
    row = {f"argmax_{k}": share for k, share in enumerate(network, start=1)}
    row |= {f"exact_argmax_{k}": share for k, share in enumerate(exact, start=1)}
    return row | {
        "exact_other": exact[1:].sum(),
        "exact_ties": weight @ (ties.sum(axis=1) > 1),
        "network_missed": weight @ np.sum(argmax, axis=1, where=~ties),
    }


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


def numbers(
    scores: pd.DataFrame,
    bias: pd.DataFrame,
    known: Mapping[str, pd.DataFrame],
    matrix: pd.DataFrame,
    unseen: pd.DataFrame,
) -> pd.DataFrame:
    """What `probes.questions` finds in one network, and `unseen`, a number in each row.

    Returns:
        sequences on which it was found, "every state" or "simplex" if on these; quantity, as
        the columns of the tables are called, with the number of the symbol behind it; value.
        Errors over sequences, and where the worst was found, are left out.
    """
    means = bias.melt(["sequences", "symbol"], ["network", "exact", "difference"])
    fitted = known["concentration"].melt("symbol", ["estimate"])
    of_symbols = [
        table.assign(quantity=table.variable + "_" + table.symbol.astype(str))
        for table in (means, fitted.assign(sequences="every state"))
    ]
    states = known["knowledge_summary"].assign(kl_left=known["concentration"].kl_left[0])
    readout = known["readout"][["r_squared", "r_squared_untrained"]].min()
    wide = (
        scores.drop(columns=["own_prior", "count"]),
        states.assign(**readout, sequences="every state"),
        matrix.drop(columns=["reset_every", "count"]),
        unseen.drop(columns="model").assign(sequences="simplex"),
    )
    long = [table.melt("sequences", var_name="quantity") for table in wide]
    found = pd.concat([*long, *of_symbols])[["sequences", "quantity", "value"]]
    left_out = found.quantity.str.fullmatch(r".*_se|seen|probability|points|(count|p)_\d+")
    return found[~left_out].dropna().reset_index(drop=True)


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

    Its parts are those at the very first reset, at later resets and at symbols:
    regret_first, regret_resets, regret_symbols.
    """
    total = regret.cumulative.iloc[-1]
    # Exact Bayes has no regret where it is certain: at the resets.
    first, *later = regret.difference[regret.exact == 0]
    parts = {"first": first, "resets": sum(later), "symbols": total - first - sum(later)}
    return {"regret": total} | {f"regret_{where}": part for where, part in parts.items()}


def memory(runs: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    """The excess of each size of network, and what it is of the gain by counting.

    `runs` are of one prior and period, whose `bounds.expected_scores` are `limits`.

    Returns:
        The runs with gain, in nats per symbol, and lost, the share of it that a network does
        not reach; NaN in a period of two characters, which has nothing to count.
    """
    counting = gain(limits)["gain"]
    return runs.assign(gain=counting, lost=runs.excess / (counting or np.nan))


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
