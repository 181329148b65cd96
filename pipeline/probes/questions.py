"""What is asked of one network: by the stages of the main graph and of the studies alike.

All networks of a model see the same sequences, so that they differ by themselves alone.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from pipeline.core import prediction, randomness
from pipeline.meta import excess
from pipeline.meta.source import KnownP, Source
from pipeline.params.sections import MetaComparison, MetaModel, MetaProbes, MetaTraining
from pipeline.probes import knowledge, shifted, summaries
from pipeline.probes.subject import Subject
from pipeline.probes.tables import stack

Models = Mapping[str, MetaModel]


class Compared(NamedTuple):
    """A network and exact Bayes on the same sequences, a row for each kind of them.

    scores has the columns of `excess.compare`, bias those of `excess.bias_by_symbol`, both
    after sequences, own_prior and (scores) count. pictured has characters, network and exact
    of the first sequence, {own,fixed}-{part}.
    """

    scores: pd.DataFrame
    bias: pd.DataFrame
    pictured: dict[str, np.ndarray]


def compare_bayes(
    network: keras.Model,
    name: str,
    seed: int,
    tasks: Models,
    training: MetaTraining,
    comparison: MetaComparison,
) -> Compared:
    """The network of a model on sequences from every prior, and from a p of no prior."""
    own = source(tasks[name])
    kinds: dict[str, Source | KnownP] = {
        identifier("dirichlet", other.alpha): Source(other.alpha, own.reset_every)
        for other in tasks.values()
    }
    fixed = KnownP(np.array(comparison.fixed), own.reset_every)
    kinds[identifier("fixed", comparison.fixed)] = fixed
    scores: list[dict[str, Any]] = []
    bias, pictured = {}, {}
    for kind, other in kinds.items():
        rng = randomness.generator(seed, "comparison", name, kind)
        characters = _draw(other, rng, comparison.sequences, training.steps)
        log_p = prediction.log_p_next(network, characters).astype(np.float64)
        exact = own.log_p_next(characters)
        key = {"sequences": kind, "own_prior": int(other == own)}
        compared = excess.compare(log_p, exact, characters)
        scores.append(key | {"count": len(characters)} | compared)
        bias[tuple(key.values())] = excess.bias_by_symbol(log_p, exact, characters)
        if other == own or isinstance(other, KnownP):
            label = "own" if other == own else "fixed"
            pictured[f"{label}-characters"] = characters[0]
            pictured[f"{label}-network"] = np.exp(log_p[0])
            pictured[f"{label}-exact"] = np.exp(exact[0])
    return Compared(pd.DataFrame(scores), stack(bias, *key), pictured)


def probe_knowledge(
    network: keras.Model,
    untrained: keras.Model,
    name: str,
    seed: int,
    tasks: Models,
    training: MetaTraining,
    probes: MetaProbes,
) -> dict[str, pd.DataFrame]:
    """What a network predicts in every state, and what its hidden states hold.

    Returns:
        knowledge, knowledge_summary, concentration, leaks, readout, hidden_states.
    """
    subject = Subject(network, source(tasks[name]))
    rng = {
        purpose: randomness.generator(seed, purpose, name)
        for purpose in ("histories", "leaks", "readout")
    }
    states = subject.states(rng["histories"], probes.orders, probes.pasts)
    leaks = subject.leaks(rng["leaks"], probes.orders)
    readout, hidden = subject.readout(rng["readout"], untrained, probes.sequences, training.steps)
    return {
        "knowledge": states,
        "knowledge_summary": summaries.knowledge(states, leaks),
        "concentration": knowledge.concentration(states, subject.source),
        "leaks": leaks,
        "readout": readout,
        "hidden_states": hidden,
    }


def probe_shifted(
    network: keras.Model,
    name: str,
    seed: int,
    tasks: Models,
    training: MetaTraining,
    comparison: MetaComparison,
    probes: MetaProbes,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A network on the sequences of every model, and on fixed p all over the simplex."""
    own = source(tasks[name])

    def score(other: Source | KnownP, rng: np.random.Generator) -> dict[str, float]:
        characters = _draw(other, rng, probes.sequences, training.steps)
        log_p = prediction.log_p_next(network, characters).astype(np.float64)
        found = shifted.compare(shifted.log_p_symbol(log_p), characters, own, other)
        return {"count": len(characters)} | found

    sources: dict[str, Source | KnownP] = {other: source(task) for other, task in tasks.items()}
    # No name of a model has a space in it.
    sources["fixed p"] = KnownP(np.array(comparison.fixed), own.reset_every)
    matrix = [
        {"sequences": kind, "reset_every": other.reset_every}
        | score(other, randomness.generator(seed, "matrix", kind))
        for kind, other in sources.items()
    ]
    rng = randomness.generator(seed, "simplex", name)
    simplex = [
        {f"p_{k}": value for k, value in enumerate(p.tolist(), start=1)}
        | score(KnownP(p, own.reset_every), rng)
        for p in shifted.simplex_grid(own.symbols, probes.grid)
    ]
    return pd.DataFrame(matrix), pd.DataFrame(simplex)


def source(task: MetaModel) -> Source:
    """The source of a model's sequences."""
    return Source(task.alpha, task.reset_every)


def identifier(kind: str, values: tuple[float, ...]) -> str:
    """Identifies a kind of sequences in tables, and its stream of random numbers.

    Never reword it: it is a purpose of `randomness.stream`.
    """
    return f"{kind}({' '.join(f'{value:g}' for value in values)})"


def _draw(other: Source | KnownP, rng: np.random.Generator, count: int, steps: int) -> np.ndarray:
    """Sequences; a single one where a symbol is certain, for all of them are the same."""
    is_certain = isinstance(other, KnownP) and other.p.max() == 1
    return other.draw(rng, 1 if is_certain else count, steps)[0]
