"""Slow, obvious second implementations: loops over single numbers, double precision.

Nothing here imports the package, so that no mistake can be shared with it.
"""

import math
from collections.abc import Sequence
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
    model: Any, known: Sequence[int], uniform: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Continuation of one sequence, and log p of what it chose at each step.

    The stock model reads the whole prefix again at each step; the pixel is one where
    p(x_t = 1 | prefix) > u_t.
    """
    pixels = list(known)
    log_p_chosen = []
    for u in uniform:
        shifted = np.array([0, *pixels], np.float32)[None, :, None]
        logit = float(np.asarray(model(shifted))[0, -1, 0])
        p = 1 / (1 + math.exp(-logit))
        pixels.append(int(p > u))
        log_p_chosen.append(math.log(p if pixels[-1] else 1 - p))
    return pixels[len(known) :], log_p_chosen
