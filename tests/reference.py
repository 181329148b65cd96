"""Slow, obvious second implementations: loops over single numbers, double precision.

Nothing here imports the package, so that no mistake can be shared with it.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np


def sigmoid(value: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-value))."""
    return 1 / (1 + np.exp(-value))


def gru(weights: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Hidden states of a Keras GRU with reset_after=False; see `gru_reset_after`.

    z = sigmoid(W_z x + U_z h + b_z),  r = sigmoid(W_r x + U_r h + b_r),
    g = tanh(W_g x + U_g (r * h) + b_g),  h' = z * h + (1 - z) * g.

    Source: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder,
    equations 5 to 8.
    """
    kernel, recurrent, bias = weights
    if bias.ndim == 2:
        return gru_reset_after(kernel, recurrent, bias[0], bias[1], inputs)
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


def gru_reset_after(
    kernel: np.ndarray,
    recurrent: np.ndarray,
    bias: np.ndarray,
    recurrent_bias: np.ndarray,
    inputs: list[np.ndarray],
) -> list[np.ndarray]:
    """Hidden states of a Keras GRU with reset_after=True, and a second bias beside U.

    As `gru`, but g = tanh(W_g x + b_g + r * (U_g h + b'_g)).
    """
    h = np.zeros(len(recurrent))
    states = []
    for x in inputs:
        z, r, g = np.split(x @ kernel + bias, 3)
        of_z, of_r, of_g = np.split(h @ recurrent + recurrent_bias, 3)
        update, reset = sigmoid(z + of_z), sigmoid(r + of_r)
        h = update * h + (1 - update) * np.tanh(g + reset * of_g)
        states.append(h)
    return states


def lstm(weights: list[np.ndarray], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Hidden states of a Keras LSTM.

    i, f, o = sigmoid(W x + U h + b),  c' = f * c + i * tanh(W_c x + U_c h + b_c),
    h' = o * tanh(c').
    """
    kernel, recurrent, bias = weights
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


def logits(model: Any, symbols: Sequence[int]) -> np.ndarray:
    """Logits (T, L) of one sequence: of element t from the elements before it."""
    channels = model.input_shape[-1]
    # A pixel as its value, a character as one-hot; nothing before the first.
    codes = np.eye(channels) if channels > 1 else np.array([[0.0], [1.0]])
    hidden = [np.zeros(channels), *(codes[symbol] for symbol in symbols[:-1])]
    for layer in model.layers:
        kind = type(layer).__name__
        weights = [matrix.astype(np.float64) for matrix in layer.get_weights()]
        if kind in ("GRU", "LSTM"):
            hidden = (gru if kind == "GRU" else lstm)(weights, hidden)
        elif kind == "ReLU":
            hidden = [np.maximum(values, 0) for values in hidden]
        elif kind == "Dense":
            hidden = [values @ weights[0] + weights[1] for values in hidden]
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


def loss(model: Any, batch: np.ndarray) -> float:
    """Mean of -log p(x_t | x_<t) over sequences and steps."""
    rows = [zip(log_p_next(model, row), row) for row in batch.tolist()]
    return -math.fsum(log_p[symbol] for row in rows for log_p, symbol in row) / batch.size


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
    counts = period_counts(characters, len(alpha), reset_every)
    rows = np.array([[-math.inf, *log_predictive(row, alpha)] for row in counts])
    rows[::reset_every] = [0.0] + [-math.inf] * len(alpha)
    return rows


def period_counts(characters: Sequence[int], symbols: int, reset_every: int) -> list[list[int]]:
    """Counts of each symbol before each character, forgotten at every `reset_every`th."""
    starts = [t - t % reset_every for t in range(len(characters))]
    return [count(characters[start + 1 : t], symbols) for t, start in enumerate(starts)]


def log_predictive(counts: Sequence[int], alpha: Sequence[float]) -> list[float]:
    """Log p(k | counts) as a ratio of evidences, with and without one more k."""
    with_k = np.add(counts, np.eye(len(alpha), dtype=int)).tolist()
    return [log_evidence(row, alpha) - log_evidence(counts, alpha) for row in with_k]


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
            for powers in product(*map(range, some)):
                m, divisor = sum(powers), math.prod(map(math.factorial, powers))
                integral = Fraction(math.factorial(m), divisor * size ** (m + 1))
                total -= (-1) ** size * integral
    return float(total / sum(alpha))


def kl(log_p: Sequence[float], log_q: Sequence[float]) -> float:
    """Sum of p log(p / q); a term with p = 0 is zero."""
    return math.fsum(math.exp(p) * (p - q) for p, q in zip(log_p, log_q) if math.exp(p) > 0)


def estimates(values: Mapping[str, Any]) -> dict[str, float]:
    """Means of independent values, and with _se their standard errors."""
    row = {}
    for name, own in values.items():
        row[name] = statistics.fmean(own)
        row[f"{name}_se"] = statistics.stdev(own) / math.sqrt(len(own))
    return row


def regret(log_p: np.ndarray, exact: np.ndarray, known: np.ndarray) -> list[dict[str, float]]:
    """KL from the known p at each step, one sequence after the other."""
    table, so_far = [], [0.0] * len(log_p)
    for t in range(log_p.shape[1]):
        own, best = (list(map(kl, known[:, t], q[:, t])) for q in (log_p, exact))
        difference = [a - b for a, b in zip(own, best)]
        so_far = [a + b for a, b in zip(so_far, difference)]
        values = {"network": own, "exact": best, "difference": difference, "cumulative": so_far}
        table.append({"step": t} | estimates(values))
    return table


def mean_log(rows: Sequence[Sequence[float]]) -> list[float]:
    """Log of the mean of the probabilities whose logarithms the rows are."""
    return [math.log(math.fsum(math.exp(v) for v in values) / len(values)) for values in zip(*rows)]


def compare_states(
    symbols: np.ndarray, log_q: np.ndarray, alpha: Sequence[float], reset_every: int
) -> list[dict[str, float]]:
    """What a predictor says after histories with the same counts, in loops over them."""
    pasts = range(len(log_q))
    groups: dict[tuple[int, ...], list[int]] = {}
    for h, history in enumerate(symbols.tolist()):
        groups.setdefault(tuple(count(history, len(alpha))), []).append(h)
    table = []
    for counts, members in groups.items():
        one_order = [k for k, n in enumerate(counts, start=1) for _ in range(n)]
        truth = posterior_predictive([0, *one_order, 0], alpha, reset_every)[-1].tolist()
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
        for k, log_p in enumerate(truth):
            row[f"exact_{k}"] = math.exp(log_p)
            row[f"network_{k}"] = statistics.fmean(math.exp(one[k]) for one in said)
            row[f"argmax_{k}"] = statistics.fmean(one.index(max(one)) == k for one in said)
        table.append(row | {f"count_{k}": n for k, n in enumerate(counts, start=1)})
    return table


def compare_shifted(
    log_q: np.ndarray, characters: np.ndarray, own: tuple[Sequence[float], int], matched: np.ndarray
) -> dict[str, float]:
    """Scores of three predictors of symbols, one symbol of one sequence after the other."""
    alpha, reset_every = own
    means = []
    for n, sequence in enumerate(characters.tolist()):
        counts = period_counts(sequence, len(alpha), reset_every)
        rows = []
        for t, character in enumerate(sequence):
            if character == 0:
                continue
            by_own = log_predictive(counts[t], alpha)
            three = (log_q[n, t], by_own, matched[n, t])
            network, cost, best = (-float(p[character - 1]) for p in three)
            row = {"network": network, "own": cost, "matched": best}
            row |= {"network_less_own": network - cost, "network_less_matched": network - best}
            rows.append(row | {"kl_own": kl(by_own, log_q[n, t])})
        means.append({name: statistics.fmean(row[name] for row in rows) for name in rows[0]})
    return estimates({name: [row[name] for row in means] for name in means[0]})


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
) -> tuple[int, list[bool]]:
    """The drawn completion whose continuations make the known future cheapest on average.

    And whether each was drawn. One row of uniform numbers for each continuation.
    """
    free = [t > missing[-1] or t in missing for t in range(len(image))]
    costs: dict[int, list[float]] = {}
    for row in uniform.tolist():
        values, nats = generate(model, image, free, row)
        completion = sum(2**bit * values[pixel] for bit, pixel in enumerate(missing))
        costs.setdefault(completion, []).append(math.fsum(nats[missing[-1] + 1 :]))
    means = {c: math.fsum(those) / len(those) for c, those in costs.items()}
    drawn = [c in means for c in range(2 ** len(missing))]
    return min(sorted(means), key=lambda c: means[c]), drawn


def context_log_p(
    train: Sequence[Sequence[int]],
    image: Sequence[int],
    place: int,
    near: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    target: Sequence[tuple[int, int]],
) -> list[float]:
    """Log probability of each value of the target pixels by counting, with back-off."""
    side = math.isqrt(len(image))

    def see(pixels: Sequence[int], place: int, offsets: Sequence[tuple[int, int]]) -> list[int]:
        row, column = divmod(place, side)
        seen = []
        for down, right in offsets:
            inside = 0 <= row + down < side and 0 <= column + right < side
            seen.append(pixels[side * (row + down) + column + right] if inside else 0)
        return seen

    values = [[value >> bit & 1 for bit in range(len(target))] for value in range(2 ** len(target))]
    p = [1 / len(values) for _ in values]
    for size in sizes:
        own = see(image, place, near[:size])
        found = [
            see(other, q, target)
            for other in train
            for q in range(len(other))
            if see(other, q, near[:size]) == own
        ]
        p = [(found.count(value) + p[v]) / (len(found) + 1) for v, value in enumerate(values)]
    return [math.log(each) for each in p]


def marginal(model: Any, image: Sequence[int], unknown: int) -> list[float]:
    """p of the true value of each unknown pixel given the known ones: a sum over all pasts."""
    first = len(image) - unknown
    found = []
    for step in range(unknown):
        total = 0.0
        for past in product((0, 1), repeat=step):
            pixels = [*image[:first], *past, image[first + step]]
            total += math.exp(
                log_p_next(model, pixels)[range(first, len(pixels)), pixels[first:]].sum()
            )
        found.append(total)
    return found


def another_training(
    rng: np.random.Generator, trainings: int, spread: float, error: float, unit: float
) -> tuple[list[float], float]:
    """Scores of some trainings, and the published score of one more.

    It is of other images, which add an error, and rounded to multiples of a unit.
    """
    *ours, other = [rng.normal(0.0, spread) for _ in range(trainings + 1)]
    written = other + rng.normal(0.0, error)
    return ours, unit * round(written / unit) if unit else written


def leave_one_out(values: Sequence[Sequence[float]], error: float) -> list[float]:
    """Mean z of each training among the others; values of each quantity by training."""
    found = []
    for own in range(len(values[0])):
        z = []
        for row in values:
            others = [value for place, value in enumerate(row) if place != own]
            variance = statistics.variance(others) * (1 + 1 / len(others)) + error**2
            z.append((row[own] - statistics.mean(others)) / math.sqrt(variance))
        found.append(statistics.mean(z))
    return found


def window_predictive(
    window: Sequence[int], alpha: Sequence[float], reset_every: int
) -> np.ndarray:
    """Log p(x_t = k | x_<t) where the window may begin at each place of a period.

    A ratio of two probabilities of a whole beginning, each a sum over the places.
    """
    rows = []
    for t in range(len(window)):
        before = _p_window(window[:t], alpha, reset_every)
        ways = [[*window[:t], k] for k in range(len(alpha) + 1)]
        p = [_p_window(way, alpha, reset_every) / before for way in ways]
        rows.append([math.log(value) if value else -math.inf for value in p])
    return np.array(rows)


def _p_window(window: Sequence[int], alpha: Sequence[float], reset_every: int) -> float:
    total = 0.0
    for phase in range(reset_every):
        due = [(phase + t) % reset_every == 0 for t in range(len(window))]
        if due != [character == 0 for character in window]:
            continue
        periods: list[list[int]] = [[]]
        for character in window:
            if character == 0:
                periods.append([])
            else:
                periods[-1].append(character)
        total += math.exp(math.fsum(log_evidence(count(own, len(alpha)), alpha) for own in periods))
    return total / reset_every


def draw(model: Any, uniform: Sequence[float]) -> list[int]:
    """A sequence of a network's own symbols: the first whose cumulative probability is above u."""
    values: list[int] = []
    for u in uniform:
        p = np.exp(log_p_next(model, [*values, 0])[-1])
        values.append(
            next(k for k in range(len(p)) if math.fsum(p[: k + 1]) > u or k == len(p) - 1)
        )
    return values


def mistaken(
    data: Sequence[float], believed: Sequence[float], reset_every: int
) -> dict[str, float]:
    """Exact predictors of two alphas on the first's data, in loops over every sequence."""
    bias, apart, only_1 = [], [], []
    for seen in range(reset_every - 1):
        for symbols in product(range(1, len(data) + 1), repeat=seen):
            counts = count(symbols, len(data))
            p, q = (math.exp(log_predictive(counts, alpha)[0]) for alpha in (data, believed))
            weight = math.exp(log_evidence(counts, data)) / (reset_every - 1)
            bias.append(weight * (p - q))
            apart.append(weight * abs(p - q))
            if set(symbols) <= {1}:
                only_1.append(p - q)
    start, *later = only_1
    level = statistics.fmean(later)
    found = {"bias": math.fsum(bias), "apart": math.fsum(apart), "start": start}
    return found | {"level": level, "level_most": max(later, key=abs), "rise": level - start}
