"""Slow, obvious second implementations: loops over single numbers, double precision.

Nothing here imports the package, so that no mistake can be shared with it.
"""

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np


def sigmoid(value: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-value))."""
    return 1 / (1 + np.exp(-value))


def gru(weights: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Hidden states of a Keras GRU with reset_after=False.

    z = sigmoid(W_z x + U_z h + b_z),  r = sigmoid(W_r x + U_r h + b_r),
    g = tanh(W_g x + U_g (r * h) + b_g),  h' = z * h + (1 - z) * g.

    Source: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder,
    equations 5 to 8.
    """
    kernel, recurrent, bias = (matrix.astype(np.float64) for matrix in weights)
    units = len(recurrent)
    z, r, g = (slice(gate * units, (gate + 1) * units) for gate in range(3))
    h = np.zeros(units)
    states = []
    for x in inputs:
        update = sigmoid(x @ kernel[:, z] + h @ recurrent[:, z] + bias[z])
        reset = sigmoid(x @ kernel[:, r] + h @ recurrent[:, r] + bias[r])
        candidate = np.tanh(x @ kernel[:, g] + (reset * h) @ recurrent[:, g] + bias[g])
        h = update * h + (1 - update) * candidate
        states.append(h)
    return states


def lstm(weights: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Hidden states of a Keras LSTM.

    i, f, o = sigmoid(W x + U h + b),  c' = f * c + i * tanh(W_c x + U_c h + b_c),
    h' = o * tanh(c').
    """
    kernel, recurrent, bias = (matrix.astype(np.float64) for matrix in weights)
    units = len(recurrent)
    i, f, g, o = (slice(gate * units, (gate + 1) * units) for gate in range(4))
    h, c = np.zeros(units), np.zeros(units)
    states = []
    for x in inputs:
        total = x @ kernel + h @ recurrent + bias
        c = sigmoid(total[f]) * c + sigmoid(total[i]) * np.tanh(total[g])
        h = sigmoid(total[o]) * np.tanh(c)
        states.append(h)
    return states


def encode(symbol: int, channels: int) -> np.ndarray:
    """A pixel as its value, a character as one-hot."""
    if channels == 1:
        return np.array([float(symbol)])
    return np.array([1.0 if symbol == k else 0.0 for k in range(channels)])


def logits(model: Any, symbols: Sequence[int]) -> np.ndarray:
    """Logits (T, L) of one sequence: of element t from the elements before it."""
    channels = model.input_shape[-1]
    hidden = [np.zeros(channels)]
    hidden += [encode(symbol, channels) for symbol in symbols]
    hidden = hidden[: len(symbols)]
    for layer in model.layers:
        kind = type(layer).__name__
        weights = layer.get_weights()
        if kind == "GRU":
            hidden = gru(weights, hidden)
        elif kind == "LSTM":
            hidden = lstm(weights, hidden)
        elif kind == "ReLU":
            hidden = [np.maximum(values, 0) for values in hidden]
        elif kind == "Dense":
            kernel, bias = (matrix.astype(np.float64) for matrix in weights)
            hidden = [values @ kernel + bias for values in hidden]
        else:
            assert kind == "InputLayer", kind
    return np.stack(hidden)


def log_p_next(model: Any, symbols: Sequence[int]) -> np.ndarray:
    """Log p(x_t = k | x_<t), shape (T, K), of one sequence.

    One logit l: p(1) = 1 / (1 + exp(-l)). Several: p(k) = exp(l_k) / sum_j exp(l_j).
    """
    rows = []
    for row in logits(model, symbols).tolist():
        weights = [math.exp(logit) for logit in ([0.0, *row] if len(row) == 1 else row)]
        rows.append([math.log(weight / math.fsum(weights)) for weight in weights])
    return np.array(rows)


def log_p(model: Any, symbols: Sequence[int]) -> float:
    """Log p(X) = sum_t log p(x_t | x_<t) of one sequence."""
    table = log_p_next(model, symbols)
    return math.fsum(table[t, symbol] for t, symbol in enumerate(symbols))


def loss(model: Any, batch: np.ndarray) -> float:
    """Mean of -log p(x_t | x_<t) over sequences and steps."""
    return -math.fsum(log_p(model, row.tolist()) for row in batch) / batch.size


def log_evidence(counts: Sequence[int], alpha: Sequence[float]) -> float:
    """Log marginal likelihood of a sequence with these counts, p integrated out.

    B(alpha + counts) / B(alpha), with B(a) = prod_k Gamma(a_k) / Gamma(sum_k a_k).
    """
    total = math.lgamma(sum(alpha)) - math.lgamma(sum(alpha) + sum(counts))
    for count, a in zip(counts, alpha):
        total += math.lgamma(a + count) - math.lgamma(a)
    return total


def posterior_predictive(
    characters: Sequence[int], alpha: Sequence[float], reset_every: int
) -> np.ndarray:
    """Log p(x_t = k | x_<t) as a ratio of evidences, with and without x_t = k.

    p(k | symbols) = p(symbols, k) / p(symbols); at a reset p(reset) = 1.
    """
    rows = []
    counts = [0] * len(alpha)
    for t, character in enumerate(characters):
        if t % reset_every == 0:
            rows.append([0.0] + [-math.inf] * len(alpha))
            counts = [0] * len(alpha)
            continue
        row = [-math.inf]
        for k in range(len(alpha)):
            with_k = [count + (j == k) for j, count in enumerate(counts)]
            row.append(log_evidence(with_k, alpha) - log_evidence(counts, alpha))
        rows.append(row)
        counts[character - 1] += 1
    return np.array(rows)


def period_counts(characters: Sequence[int], symbols: int, reset_every: int) -> list[list[int]]:
    """Counts of each symbol before each character, forgotten at every `reset_every`th."""
    rows = []
    counts = [0] * symbols
    for t, character in enumerate(characters):
        if t % reset_every == 0:
            counts = [0] * symbols
        rows.append(list(counts))
        if t % reset_every != 0 and character != 0:
            counts[character - 1] += 1
    return rows


def log_predictive(counts: Sequence[int], alpha: Sequence[float]) -> list[float]:
    """Log p(k | counts) as a ratio of evidences, with and without one more k."""
    row = []
    for k in range(len(alpha)):
        with_k = [count + (j == k) for j, count in enumerate(counts)]
        row.append(log_evidence(with_k, alpha) - log_evidence(counts, alpha))
    return row


def count(symbols: Sequence[int], kinds: int) -> list[int]:
    """How often each of the symbols 1 .. `kinds` stands there."""
    return [sum(symbol == k for symbol in symbols) for k in range(1, kinds + 1)]


def log_p_of_counts(counts: Sequence[int], alpha: Sequence[float]) -> float:
    """Log of the number of orders times the probability of one of them."""
    orders = math.lgamma(1 + sum(counts)) - sum(math.lgamma(1 + n) for n in counts)
    return orders + log_evidence(counts, alpha)


def exact_bound(alpha: Sequence[float], seen: int) -> tuple[float, float]:
    """Cross-entropy and accuracy of the symbol after `seen` ones, the best predictor's.

    Every sequence of symbols is looked at: with its probability it costs
    -log p(last | others), and the best guess after each beginning is right with the
    probability of the most likely sequence that continues it.
    """
    kinds = range(1, len(alpha) + 1)
    costs, right = [], []
    for beginning in product(kinds, repeat=seen):
        before = log_evidence(count(beginning, len(alpha)), alpha)
        joint = [log_evidence(count([*beginning, last], len(alpha)), alpha) for last in kinds]
        costs += [-math.exp(log_p) * (log_p - before) for log_p in joint]
        right.append(math.exp(max(joint)))
    return math.fsum(costs), math.fsum(right)


def expected_maximum(alpha: Sequence[int]) -> float:
    """E[max p] of p ~ Dirichlet(alpha) with whole alpha, in fractions.

    p is G / sum G of independent G_k ~ Gamma(alpha_k), so E[max p] = E[max G] / alpha_0.
    E[max G] is the integral of P(max G > g), which is by inclusion and exclusion a sum
    of products of P(G_k > g) = exp(-g) sum_{j < alpha_k} g^j / j!; and the integral of
    g^m exp(-s g) is m! / s^(m + 1).
    """
    total = Fraction(0)
    for size in range(1, len(alpha) + 1):
        for some in combinations(alpha, size):
            polynomial = {0: Fraction(1)}
            for a in some:
                longer: dict[int, Fraction] = {}
                for m, factor in polynomial.items():
                    for j in range(a):
                        more = factor / math.factorial(j)
                        longer[m + j] = longer.get(m + j, Fraction(0)) + more
                polynomial = longer
            integral = sum(
                factor * math.factorial(m) / Fraction(size) ** (m + 1)
                for m, factor in polynomial.items()
            )
            total += (-1) ** (size + 1) * integral
    return float(total / sum(alpha))


def kl(log_p: Sequence[float], log_q: Sequence[float]) -> float:
    """Sum of p log(p / q); a term with p = 0 is zero."""
    return math.fsum(math.exp(p) * (p - q) for p, q in zip(log_p, log_q) if math.exp(p) > 0)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean of independent values and its standard error."""
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def regret(log_p: np.ndarray, exact: np.ndarray, known: np.ndarray) -> list[dict[str, float]]:
    """KL from the known p at each step, one sequence after the other."""
    sequences, steps, _ = log_p.shape
    table = []
    so_far = [0.0] * sequences
    for t in range(steps):
        own = [kl(known[n, t], log_p[n, t]) for n in range(sequences)]
        best = [kl(known[n, t], exact[n, t]) for n in range(sequences)]
        difference = [a - b for a, b in zip(own, best)]
        so_far = [a + b for a, b in zip(so_far, difference)]
        row: dict[str, float] = {"step": t}
        for name, values in (
            ("network", own),
            ("exact", best),
            ("difference", difference),
            ("cumulated", so_far),
        ):
            row[name], row[f"{name}_se"] = mean_and_error(values)
        table.append(row)
    return table


def mean_log(rows: Sequence[Sequence[float]]) -> list[float]:
    """Log of the mean of the probabilities whose logarithms the rows are."""
    return [math.log(math.fsum(math.exp(v) for v in values) / len(values)) for values in zip(*rows)]


def compare_states(
    symbols: np.ndarray, log_q: np.ndarray, alpha: Sequence[float], reset_every: int
) -> dict[tuple[int, ...], dict[str, float]]:
    """What a predictor says after histories with the same counts, in loops over them."""
    pasts = range(len(log_q))
    groups: dict[tuple[int, ...], list[int]] = {}
    for h, history in enumerate(symbols.tolist()):
        groups.setdefault(tuple(count(history, len(alpha))), []).append(h)
    table = {}
    for counts, members in groups.items():
        truth = [0.0] + [-math.inf] * len(alpha)
        if sum(counts) < reset_every - 1:
            truth = [-math.inf, *log_predictive(counts, alpha)]
        distances, of_orders, of_pasts = [], [], []
        for past in pasts:
            over_orders = mean_log([log_q[past, h] for h in members])
            for h in members:
                over_pasts = mean_log([log_q[other, h] for other in pasts])
                distances.append(kl(truth, log_q[past, h]))
                of_orders.append(kl(log_q[past, h], over_orders))
                of_pasts.append(kl(log_q[past, h], over_pasts))
        row = {
            "seen": sum(counts),
            "probability": math.exp(log_p_of_counts(counts, alpha)),
            "kl": statistics.fmean(distances),
            "kl_worst": max(distances),
            "order_spread": statistics.fmean(of_orders),
            "past_spread": statistics.fmean(of_pasts),
        }
        said = [log_q[past, h].tolist() for past in pasts for h in members]
        for k in range(len(alpha) + 1):
            row[f"exact_{k}"] = math.exp(truth[k])
            row[f"network_{k}"] = statistics.fmean(math.exp(one[k]) for one in said)
            row[f"argmax_{k}"] = statistics.fmean(one.index(max(one)) == k for one in said)
        row |= {f"count_{k}": n for k, n in enumerate(counts, start=1)}
        table[counts] = row
    return table


def compare_shifted(
    log_q: np.ndarray,
    characters: Sequence[Sequence[int]],
    own: tuple[Sequence[float], int],
    matched: np.ndarray,
) -> dict[str, float]:
    """Scores of three predictors of symbols, one symbol of one sequence after the other."""
    alpha, reset_every = own
    means: dict[str, list[float]] = {}
    for n, sequence in enumerate(characters):
        counts = period_counts(sequence, len(alpha), reset_every)
        here: dict[str, list[float]] = {}
        for t, character in enumerate(sequence):
            if character == 0:
                continue
            by_own = log_predictive(counts[t], alpha)
            costs = [-float(p[character - 1]) for p in (log_q[n, t], by_own, matched[n, t])]
            for name, value in (
                ("network", costs[0]),
                ("own", costs[1]),
                ("matched", costs[2]),
                ("network_less_own", costs[0] - costs[1]),
                ("network_less_matched", costs[0] - costs[2]),
                ("kl_own", kl(by_own, log_q[n, t])),
            ):
                here.setdefault(name, []).append(value)
        for name, values in here.items():
            means.setdefault(name, []).append(statistics.fmean(values))
    row = {}
    for name, values in means.items():
        row[name], row[f"{name}_se"] = mean_and_error(values)
    return row


def fillings(image: Sequence[int], missing: Sequence[int]) -> list[list[int]]:
    """The image with its missing pixels filled in every way; bit b of c is pixel b."""
    filled = [list(image) for _ in range(2 ** len(missing))]
    for completion, pixels in enumerate(filled):
        for bit, pixel in enumerate(missing):
            pixels[pixel] = (completion // 2**bit) % 2
    return filled


def completion_scores(
    model: Any, image: Sequence[int], missing: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Log p(X_c), and sum_m log p(x_m | x_<m), of every completion: a full pass for each.

    The first sums over all pixels, the second over the missing ones alone.
    """
    joint, past = [], []
    for filled in fillings(image, missing):
        table = log_p_next(model, filled)
        joint.append(math.fsum(table[t, value] for t, value in enumerate(filled)))
        past.append(math.fsum(table[t, filled[t]] for t in missing))
    return joint, past


def posterior(log_joint: Sequence[float]) -> list[float]:
    """p(c | rest) = p(X_c) / sum_c' p(X_c'), all divided by the largest of them."""
    weights = [math.exp(value - max(log_joint)) for value in log_joint]
    return [weight / math.fsum(weights) for weight in weights]


def generate(
    model: Any, image: Sequence[int], free: Sequence[bool], uniform: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Read or generate pixel by pixel; -log p of the image's own value at each.

    The network reads all values so far again at each step. A free pixel is one where
    p(x_t = 1 | values so far) > u_t.
    """
    values: list[int] = []
    nats = []
    for own, is_free, u in zip(image, free, uniform):
        # The last element is not looked at: it only asks for one more prediction.
        p = float(sigmoid(logits(model, [*values, 0])[-1, 0]))
        nats.append(-math.log(p if own else 1 - p))
        values.append(int(p > u) if is_free else own)
    return values, nats


def greedy_fill(model: Any, image: Sequence[int], missing: Sequence[int]) -> int:
    """The completion whose argmax continuation makes the known future cheapest."""
    future = [t > missing[-1] for t in range(len(image))]
    costs = []
    for filled in fillings(image, missing):
        _, nats = generate(model, filled, future, [0.5] * len(image))
        costs.append(math.fsum(nats[missing[-1] + 1 :]))
    return costs.index(min(costs))


def sampled_fill(
    model: Any, image: Sequence[int], missing: Sequence[int], uniform: np.ndarray
) -> int:
    """The drawn completion whose continuations make the known future cheapest on average.

    One row of uniform numbers for each continuation.
    """
    free = [t > missing[-1] or t in missing for t in range(len(image))]
    costs: dict[int, list[float]] = {}
    for row in uniform.tolist():
        values, nats = generate(model, image, free, row)
        completion = sum(2**bit * values[pixel] for bit, pixel in enumerate(missing))
        costs.setdefault(completion, []).append(math.fsum(nats[missing[-1] + 1 :]))
    means = {c: math.fsum(those) / len(those) for c, those in costs.items()}
    return min(sorted(means), key=lambda c: means[c])


def rollout(
    model: Any, known: Sequence[int], truth: Sequence[int], uniform: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Continuation of one sequence, and -log p of the true value at each step.

    The stock model reads the whole prefix again at each step; the pixel is one where
    p(x_t = 1 | prefix) > u_t.
    """
    pixels = list(known)
    nats = []
    for true, u in zip(truth, uniform):
        shifted = np.array([0, *pixels], np.float32)[None, :, None]
        logit = float(np.asarray(model(shifted))[0, -1, 0])
        p = 1 / (1 + math.exp(-logit))
        pixels.append(int(p > u))
        nats.append(-math.log(p if true else 1 - p))
    return pixels[len(known) :], nats
