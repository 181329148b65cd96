"""What the meta-task networks know: their predictions in every state of knowledge."""

from typing import NamedTuple

import keras
import numpy as np

from pipeline import (
    dirichlet,
    files,
    knowledge,
    metatask,
    model_file,
    network,
    params,
    prediction,
    randomness,
)
from pipeline.stages import main

# Earlier periods before the one that is looked at.
PERIODS_BEFORE = 2
# Histories whose predictions are held in memory at all steps.
AT_ONCE = 10_000
# Hidden states that are drawn for each model.
STATES_SHOWN = 1500


class Subject(NamedTuple):
    """A network and what it was trained on."""

    name: str
    model: keras.Model
    alpha: tuple[float, ...]
    reset_every: int

    @property
    def symbols(self) -> int:
        """How many there are besides the reset."""
        return len(self.alpha)


def run(
    seed: int,
    threads: int,
    meta_models: dict[str, params.MetaModel],
    meta_training: params.MetaTraining,
    meta_probes: params.MetaProbes,
) -> None:
    """Write what the networks say in every state, and what their hidden states hold."""
    network.use_threads(threads)
    histories: list[files.Record] = []
    concentration: list[files.Record] = []
    leaks: list[files.Record] = []
    readout: list[files.Record] = []
    hidden: list[files.Record] = []
    for name, own in meta_models.items():
        print(f"probing {name}", flush=True)
        model = model_file.read(files.meta_model(name))
        subject = Subject(name, model, own.alpha, own.reset_every)

        def rng(purpose: str, name: str = name) -> np.random.Generator:
            return randomness.generator(seed, purpose, name)

        states = _histories(subject, meta_probes, rng("histories"))
        histories += states
        concentration += _concentration(subject, states)
        leaks += _leaks(subject, meta_probes, rng("leaks"))
        untrained = metatask.build(
            subject.symbols,
            meta_training,
            randomness.stream(seed, "weights", name),
            name,
        )
        explained, places = _readout(
            subject, untrained, meta_training.steps, meta_probes, rng("readout")
        )
        readout += explained
        hidden += places
    files.write_csv(files.HISTORIES, histories)
    # Where a period has one symbol only, there is nothing to tell alpha or counts by.
    files.write_csv(files.CONCENTRATION, concentration, empty=("estimate", "kl_left"))
    files.write_csv(files.LEAKS, leaks)
    files.write_csv(files.READOUT, readout, empty=("r_squared", "r_squared_untrained"))
    files.write_csv(files.HIDDEN_STATES, hidden)


def _pasts(subject: Subject, count: int, rng: np.random.Generator) -> np.ndarray:
    """Earlier periods (count, PERIODS_BEFORE T) drawn from the subject's own prior."""
    steps = PERIODS_BEFORE * subject.reset_every
    p = dirichlet.draw_probabilities(rng, subject.alpha, count, steps, subject.reset_every)
    return dirichlet.draw_sequences(rng, p, steps, subject.reset_every)


def _after(subject: Subject, past: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Log q (H, K) of what follows each history after one past."""
    parts = []
    for start in range(0, len(symbols), AT_ONCE):
        part = symbols[start : start + AT_ONCE]
        log_q = prediction.log_p_next(subject.model, knowledge.characters(past, part))
        next_one = len(past) + 1 + (part != 0).sum(axis=1)
        parts.append(log_q[np.arange(len(part)), next_one])
    return np.concatenate(parts).astype(np.float64)


def _histories(
    subject: Subject, probes: params.MetaProbes, rng: np.random.Generator
) -> list[files.Record]:
    found = knowledge.histories(rng, subject.symbols, subject.reset_every, probes.orders)
    pasts = _pasts(subject, probes.pasts, rng)
    log_q = np.stack([_after(subject, past, found.symbols) for past in pasts])
    states = knowledge.by_counts(found, log_q, subject.alpha, subject.reset_every)
    return [{"model": subject.name} | row for row in states]


def _concentration(subject: Subject, states: list[files.Record]) -> list[files.Record]:
    """The alpha that describes the network best, from its mean prediction at each count."""
    symbols = range(1, subject.symbols + 1)
    before_reset = [row for row in states if row["seen"] < subject.reset_every - 1]
    p = np.array([[row[f"network_{k}"] for k in symbols] for row in before_reset])
    if subject.reset_every == 2:
        # Nothing is ever counted, so that alpha shows by its ratios only.
        estimate, left = np.full(subject.symbols, np.nan), np.nan
    else:
        estimate, left = knowledge.fit_concentration(
            np.array([[row[f"count_{k}"] for k in symbols] for row in before_reset]),
            np.array([row["probability"] for row in before_reset]),
            p / p.sum(axis=1, keepdims=True),
        )
    return [
        {
            "model": subject.name,
            "symbol": symbol,
            "alpha": alpha,
            "estimate": fitted,
            "kl_left": left,
        }
        for symbol, alpha, fitted in zip(symbols, subject.alpha, estimate.tolist())
    ]


def _leaks(
    subject: Subject, probes: params.MetaProbes, rng: np.random.Generator
) -> list[files.Record]:
    """What the network says right after a reset, by the counts of the period before it."""
    symbols = subject.symbols
    counts = dirichlet.count_vectors(subject.reset_every - 1, symbols)
    probability = np.exp(dirichlet.log_p_of_counts(counts, subject.alpha))
    orders = knowledge.orders_of(len(counts), probes.orders)
    periods = knowledge.shuffled(rng, counts, orders)
    earlier = _pasts(subject, len(periods), rng)[:, : subject.reset_every]
    reset = np.zeros((len(periods), 1), np.uint8)
    sequences = np.concatenate([earlier, reset, periods, reset, reset], axis=1)
    q = np.exp(prediction.log_p_next(subject.model, sequences)[:, -1].astype(np.float64))
    by_count = q.reshape(len(counts), orders, -1).mean(axis=1)
    share = np.asarray(subject.alpha) / np.sum(subject.alpha)
    return [
        {"model": subject.name, "probability": weight}
        | {f"previous_{k}": int(n) for k, n in enumerate(row, start=1)}
        | {f"network_{k}": value for k, value in enumerate(says.tolist())}
        | {f"exact_{k}": value for k, value in enumerate([0.0, *share.tolist()])}
        for weight, row, says in zip(probability.tolist(), counts, by_count)
    ]


def _readout(
    subject: Subject,
    untrained: keras.Model,
    steps: int,
    probes: params.MetaProbes,
    rng: np.random.Generator,
) -> tuple[list[files.Record], list[files.Record]]:
    """R squared of counts from hidden states; and states on their principal components."""
    alpha, reset_every, symbols = subject.alpha, subject.reset_every, subject.symbols
    p = dirichlet.draw_probabilities(rng, alpha, probes.sequences, steps, reset_every)
    sequences = dirichlet.draw_sequences(rng, p, steps, reset_every)
    counts = dirichlet.period_counts(sequences, symbols, reset_every)
    quantities = np.concatenate([counts, counts.sum(axis=-1, keepdims=True)], axis=-1)
    # Where a symbol is predicted; the state that predicts a reset has not seen it yet.
    at_symbol = sequences[0] != 0
    half = probes.sequences // 2

    def flat(array: np.ndarray, part: slice) -> np.ndarray:
        return array[part, at_symbol].reshape(-1, array.shape[-1])

    explained, states = {}, {}
    for which, model in (("trained", subject.model), ("untrained", untrained)):
        states[which] = prediction.hidden_states(model, sequences)
        explained[which] = knowledge.linear_readout(
            flat(states[which], slice(half)),
            flat(quantities, slice(half)),
            flat(states[which], slice(half, None)),
            flat(quantities, slice(half, None)),
        )
    names = [f"count of symbol {k}" for k in range(1, symbols + 1)] + ["symbols seen"]
    table = [
        {
            "model": subject.name,
            "quantity": name,
            "r_squared": explained["trained"][number],
            "r_squared_untrained": explained["untrained"][number],
            "sequences": probes.sequences - half,
        }
        for number, name in enumerate(names)
    ]
    every = flat(states["trained"], slice(None))
    chosen = rng.choice(len(every), min(STATES_SHOWN, len(every)), replace=False)
    places, share = knowledge.principal_components(every)
    labels = flat(quantities, slice(None))[chosen]
    shown = [
        {"model": subject.name, "x": x, "y": y, "x_share": share[0], "y_share": share[1]}
        | {f"count_{k}": int(count) for k, count in enumerate(row[:-1], start=1)}
        for (x, y), row in zip(places[chosen].tolist(), labels)
    ]
    return table, shown


if __name__ == "__main__":
    main(run)
