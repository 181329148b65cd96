"""What a predictor of Dirichlet sequences knows: every state of knowledge within a period.

The exact predictor's state is the vector N of counts in the current period. A history is
the symbols that led to it; a past is the earlier periods.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Real
from scipy.optimize import minimize

from pipeline import dirichlet, scores

# So many histories of a period are all looked at; of more, some orders of each count.
ENUMERATED = 4096
# The most histories of one length, for the sake of memory: of long periods fewer orders.
MOST_HISTORIES = 20_000


class Histories(NamedTuple):
    """Beginnings of a period, `seen` = 0 .. T - 1 symbols long."""

    symbols: Integer[np.ndarray, "H longest"]  # 1 .. K-1; 0 after the end
    counts: Integer[np.ndarray, "H symbols"]
    state: Integer[np.ndarray, "H"]  # the same number for the same counts


def histories(
    rng: np.random.Generator, symbols: int, reset_every: int, orders: int
) -> Histories:
    """All histories of a period; where they are too many, `orders` of each count.

    Of a period so long that these are too many as well, fewer orders, at least one.
    """
    longest = reset_every - 1
    rows = []
    for seen in range(reset_every):
        if symbols**longest <= ENUMERATED:
            some = np.array(list(product(range(1, symbols + 1), repeat=seen)), np.uint8)
        else:
            counts = dirichlet.count_vectors(seen, symbols)
            some = shuffled(rng, counts, orders_of(len(counts), orders))
        rows.append(np.pad(some, ((0, 0), (0, longest - seen))))
    padded = np.concatenate(rows)
    counts = (padded[..., None] == np.arange(1, symbols + 1)).sum(axis=1)
    _, state = np.unique(counts, axis=0, return_inverse=True)
    return Histories(padded, counts, state)


def orders_of(counts: int, orders: int) -> int:
    """How many orders of each of so many vectors of counts there is memory for."""
    return max(1, min(orders, MOST_HISTORIES // counts))


def shuffled(
    rng: np.random.Generator, counts: Integer[np.ndarray, "C symbols"], orders: int
) -> Integer[np.ndarray, "H seen"]:
    """Random orders of symbols with given counts; those of one vector in succession."""
    in_order = [np.repeat(np.arange(1, counts.shape[1] + 1), row) for row in counts]
    return rng.permuted(np.repeat(np.array(in_order, np.uint8), orders, axis=0), axis=1)


def characters(
    past: Integer[np.ndarray, "before"], symbols: Integer[np.ndarray, "H longest"]
) -> Integer[np.ndarray, "H T"]:
    """Sequences of a past, a reset, a history, and room for one more character."""
    rows = len(symbols)
    return np.concatenate(
        [np.tile(past, (rows, 1)), np.zeros((rows, 1)), symbols, np.zeros((rows, 1))],
        axis=1,
    ).astype(np.uint8)


def exact(
    counts: Integer[np.ndarray, "H symbols"], alpha: tuple[float, ...], reset_every: int
) -> Float[np.ndarray, "H K"]:
    """Log p of the next character: the reset after T - 1 symbols, else a symbol."""
    log_p = np.full((len(counts), len(alpha) + 1), -np.inf)
    at_end = counts.sum(axis=1) == reset_every - 1
    log_p[at_end, 0] = 0.0
    log_p[~at_end, 1:] = dirichlet.log_predictive(counts[~at_end], alpha)
    return log_p


def by_counts(
    found: Histories,
    log_q: Float[np.ndarray, "pasts H K"],
    alpha: tuple[float, ...],
    reset_every: int,
) -> list[dict[str, int | float]]:
    """One record for each vector of counts: what a predictor says there, and how far off.

    Args:
        found: the histories.
        log_q: the predictor's log probabilities after each history with each past.
        alpha: of the exact predictor, and of the probability of the counts.
        reset_every: of both.

    Returns:
        Records of seen, count_k; probability of the counts after so many symbols; kl =
        KL(exact || predictor) in nats, averaged over orders and pasts, and kl_worst of
        them; order_spread and past_spread: the mean of KL(q || mean q) over the orders with
        the same past, and over the pasts with the same order, zero for a predictor to
        which they do not matter; network_k and exact_k, the mean probability of k;
        argmax_k, how often k is the likeliest to the predictor.
    """
    truth = exact(found.counts, alpha, reset_every)
    kl = scores.kl(np.broadcast_to(truth, log_q.shape), log_q)
    q = np.exp(log_q)
    over_pasts = _from_mean(log_q, axis=0)
    table = []
    by_state = np.argsort(found.state, kind="stable")
    ends = np.cumsum(np.bincount(found.state))
    for here in np.split(by_state, ends[:-1]):
        counts = found.counts[here[0]]
        over_orders = _from_mean(log_q[:, here], axis=1)
        likeliest = log_q[:, here].argmax(axis=-1)
        row: dict[str, int | float] = {"seen": int(counts.sum())}
        row |= {f"count_{k}": int(count) for k, count in enumerate(counts, start=1)}
        row["probability"] = float(
            np.exp(dirichlet.log_p_of_counts(counts[None], alpha))[0]
        )
        row |= {
            "kl": float(kl[:, here].mean()),
            "kl_worst": float(kl[:, here].max()),
            "order_spread": float(over_orders.mean()),
            "past_spread": float(over_pasts[:, here].mean()),
        }
        for k in range(q.shape[-1]):
            row |= {
                f"network_{k}": float(q[:, here, k].mean()),
                f"exact_{k}": float(np.exp(truth[here[0], k])),
                f"argmax_{k}": float((likeliest == k).mean()),
            }
        table.append(row)
    return sorted(table, key=lambda row: row["seen"])


def _from_mean(
    log_q: Float[np.ndarray, "pasts H K"], axis: int
) -> Float[np.ndarray, "pasts H"]:
    """KL(q || mean q), the mean taken along an axis."""
    mean = np.exp(log_q).mean(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):  # the logarithm of no chance is -inf
        return scores.kl(log_q, np.broadcast_to(np.log(mean), log_q.shape))


def fit_concentration(
    counts: Integer[np.ndarray, "C symbols"],
    weight: Float[np.ndarray, "C"],
    p: Float[np.ndarray, "C symbols"],
) -> tuple[Float[np.ndarray, "symbols"], float]:
    """The alpha whose exact predictor is nearest to given predictions.

    It minimises sum over counts of weight KL(p || (alpha + N) / sum (alpha + N)): from
    the given predictions, unlike elsewhere, for they are what is to be described.

    Args:
        counts: N, each vector of counts once.
        weight: of each, not negative.
        p: predicted probability of each symbol, given that a symbol comes.

    Returns:
        alpha, and the weighted mean of the KL that is left, in nats.

    Raises:
        ValueError: the search for the minimum did not end.
    """
    log_p = np.log(p)

    def distance(log_alpha: np.ndarray) -> float:
        log_q = dirichlet.log_predictive(counts, tuple(np.exp(log_alpha)))
        return float(weight @ scores.kl(log_p, log_q) / weight.sum())

    def slope(log_alpha: np.ndarray) -> np.ndarray:
        alpha = np.exp(log_alpha)
        q = np.exp(dirichlet.log_predictive(counts, tuple(alpha)))
        total = alpha.sum() + counts.sum(axis=1, keepdims=True)
        return alpha * (weight @ ((1 - p / q) / total)) / weight.sum()

    # Flat near a network that has hardly learned: a bound keeps alpha finite. The steps
    # end where the KL no longer changes by more than it is rounded to.
    size = counts.shape[1]
    found = minimize(
        distance,
        np.zeros(size),
        jac=slope,
        bounds=[(-7, 12)] * size,
        options={"ftol": 1e-14, "gtol": 1e-8},
    )
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
    it is negative where the fit is worse than the mean, and nan for what never varies.
    """

    def with_intercept(rows: np.ndarray) -> np.ndarray:
        return np.column_stack([rows, np.ones(len(rows))]).astype(np.float64)

    weights, *_ = np.linalg.lstsq(with_intercept(states), values, rcond=None)
    error = ((held_out_values - with_intercept(held_out_states) @ weights) ** 2).sum(axis=0)
    total = ((held_out_values - held_out_values.mean(axis=0)) ** 2).sum(axis=0)
    return 1 - np.divide(error, total, where=total > 0, out=np.full_like(error, np.nan))


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
