"""What a predictor of Dirichlet sequences knows: every state of knowledge within a period.

The exact predictor's state is the vector N of counts in the current period. A history is
the symbols that led to it; a past is the earlier periods.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer, Real
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from pipeline.core import scores
from pipeline.meta.source import Source, count_vectors, log_p_counts, log_predictive
from pipeline.probes.tables import columns, numbered

# Up to this many histories are enumerated; beyond it, orders of each count are sampled.
ENUMERATED = 4096
# The most histories of one length, to save memory: in long periods fewer orders.
MOST_HISTORIES = 20_000


class Histories(NamedTuple):
    """Beginnings of a period, from none to `longest` symbols long."""

    symbols: Integer[np.ndarray, "histories longest"]  # 1 .. K-1; 0 after the end
    counts: Integer[np.ndarray, "histories symbols"]


def histories(rng: np.random.Generator, symbols: int, reset_every: int, orders: int) -> Histories:
    """All histories of a period; where they are too many, `orders` of each count.

    In a period so long that these are too many as well, fewer orders, at least one.
    """
    longest = reset_every - 1
    rows = []
    for seen in range(reset_every):
        if symbols**longest <= ENUMERATED:
            some = np.array(list(product(range(1, symbols + 1), repeat=seen)), np.uint8)
        else:
            counts = count_vectors(seen, symbols)
            some = draw_orders(rng, counts, affordable_orders(len(counts), orders))
        rows.append(np.pad(some, ((0, 0), (0, longest - seen))))
    padded = np.concatenate(rows)
    return Histories(padded, (padded[..., None] == np.arange(1, symbols + 1)).sum(axis=1))


def affordable_orders(vectors: int, orders: int) -> int:
    """Number of orders of each vector of counts that fit in memory, up to `orders`."""
    return max(1, min(orders, MOST_HISTORIES // vectors))


def draw_orders(
    rng: np.random.Generator, counts: Integer[np.ndarray, "vectors symbols"], orders: int
) -> Integer[np.ndarray, "histories seen"]:
    """Random orders of symbols with given counts; those of one vector in succession."""
    in_order = [np.repeat(np.arange(1, counts.shape[1] + 1), row) for row in counts]
    return rng.permuted(np.repeat(np.array(in_order, np.uint8), orders, axis=0), axis=1)


def log_p_after(
    counts: Integer[np.ndarray, "histories symbols"], source: Source
) -> Float[np.ndarray, "histories K"]:
    """Exact log p of the next character: the reset after a whole period, else a symbol."""
    log_p = np.full((len(counts), source.symbols + 1), -np.inf)
    at_end = counts.sum(axis=1) == source.reset_every - 1
    log_p[at_end, 0] = 0.0
    log_p[~at_end, 1:] = log_predictive(counts[~at_end], source.alpha)
    return log_p


def compare_states(
    found: Histories, log_q: Float[np.ndarray, "pasts histories K"], source: Source
) -> pd.DataFrame:
    """The predictions in each state of knowledge, and how far from exact they are.

    `log_q` is the predictor's after each history with each past.

    Returns:
        One row for each vector of counts: seen, count_k; probability of the counts after
        that many symbols; kl = KL(exact || predictor) in nats, averaged over orders and
        pasts, and kl_worst of them; order_spread and past_spread: the mean of
        KL(q || mean q) over the orders with the same past, and over the pasts with the same
        order, zero for a predictor to which they do not matter; network_k and exact_k, the
        mean probability of k; argmax_k, how often the predictor finds k most likely.
    """
    truth = log_p_after(found.counts, source)
    kl = scores.kl(np.broadcast_to(truth, log_q.shape), log_q)
    q = np.exp(log_q)
    over_pasts, most_likely = _from_mean(log_q, axis=0), log_q.argmax(axis=-1)
    counts, state, count = np.unique(found.counts, axis=0, return_inverse=True, return_counts=True)
    states = np.split(np.argsort(state, kind="stable"), np.cumsum(count)[:-1])
    first = [here[0] for here in states]
    table = {"seen": counts.sum(axis=1)} | numbered("count", counts)
    table |= {
        "probability": np.exp(log_p_counts(counts, source.alpha)),
        "kl": [kl[:, here].mean() for here in states],
        "kl_worst": [kl[:, here].max() for here in states],
        "order_spread": [_from_mean(log_q[:, here], axis=1).mean() for here in states],
        "past_spread": [over_pasts[:, here].mean() for here in states],
    }
    for k in range(q.shape[-1]):
        table |= {
            f"network_{k}": [q[:, here, k].mean() for here in states],
            f"exact_{k}": np.exp(truth[first, k]),
            f"argmax_{k}": [(most_likely[:, here] == k).mean() for here in states],
        }
    return pd.DataFrame(table).sort_values("seen", kind="stable", ignore_index=True)


def _from_mean(
    log_q: Float[np.ndarray, "pasts histories K"], axis: int
) -> Float[np.ndarray, "pasts histories"]:
    """KL(q || mean q), the mean taken along an axis."""
    mean = np.exp(log_q).mean(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):  # the logarithm of no chance is -inf
        return scores.kl(log_q, np.broadcast_to(np.log(mean), log_q.shape))


def concentration(states: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The alpha whose exact predictor is nearest to the mean prediction in each state.

    Returns:
        One row for each symbol: its number, alpha of the source, the estimate of it, and
        kl_left, the KL in nats that the nearest exact predictor leaves; both NaN where a
        period has one symbol only: nothing is ever counted, and alpha shows by its ratios
        alone.
    """
    before_reset = states[states.seen < source.reset_every - 1]
    estimate, left = np.full(source.symbols, np.nan), np.nan
    if source.reset_every > 2:
        p = columns(before_reset, "network")
        estimate, left = fit_concentration(
            columns(before_reset, "count"),
            before_reset.probability.to_numpy(),
            p / p.sum(axis=1, keepdims=True),
        )
    symbols = range(1, source.symbols + 1)
    return pd.DataFrame(
        {"symbol": symbols, "alpha": source.alpha, "estimate": estimate, "kl_left": left}
    )


def fit_concentration(
    counts: Integer[np.ndarray, "vectors symbols"],
    weight: Float[np.ndarray, "vectors"],
    p: Float[np.ndarray, "vectors symbols"],
) -> tuple[Float[np.ndarray, "symbols"], float]:
    """The alpha whose exact predictor is nearest to given predictions.

    It minimises sum over counts N of weight KL(p || (alpha + N) / sum (alpha + N)): from
    the given predictions, unlike elsewhere, because they are what alpha describes. p is
    the predicted probability of each symbol, given that a symbol comes.

    Returns:
        alpha, and the weighted mean of the KL that is left, in nats.

    Raises:
        ValueError: if the search for the minimum did not end.
    """
    log_p = np.log(p)

    def distance_and_slope(log_alpha: np.ndarray) -> tuple[float, np.ndarray]:
        alpha = np.exp(log_alpha)
        log_q = log_predictive(counts, tuple(alpha))
        total = alpha.sum() + counts.sum(axis=1, keepdims=True)
        slope = alpha * (weight @ ((1 - p / np.exp(log_q)) / total))
        return weight @ scores.kl(log_p, log_q) / weight.sum(), slope / weight.sum()

    # Flat near a network that has hardly learned: a bound keeps alpha finite. The steps
    # end where the KL changes by no more than its rounding.
    start, bounds = np.zeros(counts.shape[1]), [(-7, 12)] * counts.shape[1]
    options = {"ftol": 1e-14, "gtol": 1e-8}
    found = minimize(distance_and_slope, start, jac=True, bounds=bounds, options=options)
    if not found.success:
        raise ValueError(f"concentration: the fit did not converge: {found.message}")
    return np.exp(found.x), float(found.fun)


def linear_readout(
    states: Float[np.ndarray, "fitted units"],
    values: Real[np.ndarray, "fitted quantities"],
    held_out_states: Float[np.ndarray, "held_out units"],
    held_out_values: Real[np.ndarray, "held_out quantities"],
) -> Float[np.ndarray, "quantities"]:
    """R squared, on held-out rows, of each quantity as a linear function of the states.

    Least squares with an intercept on the first two; 1 - SSE / SST on the last two, so that
    it is negative where the fit is worse than the mean, and NaN for what never varies.
    """
    # In single precision the fit would lose digits of nearly parallel states.
    states, held_out_states = (rows.astype(np.float64) for rows in (states, held_out_states))
    fitted = LinearRegression().fit(states, values).predict(held_out_states)
    explained = r2_score(held_out_values, fitted, multioutput="raw_values")
    return np.where(np.ptp(held_out_values, axis=0) > 0, explained, np.nan)


def principal_components(
    states: Float[np.ndarray, "N units"],
) -> tuple[Float[np.ndarray, "N 2"], Float[np.ndarray, "2"]]:
    """The states on their two directions of largest variance, and the share of each.

    States of a single unit have no second direction: zeros.
    """
    centred = (states - states.mean(axis=0)).astype(np.float64)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a direction is arbitrary: let its largest entry be positive.
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
    share = singular**2 / (singular**2).sum()
    missing = max(0, 2 - len(share))
    places = np.pad(centred @ directions[:2].T, ((0, 0), (0, missing)))
    return places, np.pad(share[:2], (0, missing))
