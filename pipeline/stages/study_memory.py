"""What hidden units are worth: networks of several sizes for one prior and period."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.meta import excess, networks
from pipeline.meta.source import Source
from pipeline.params.sections import Memory, MetaTraining, Optimiser

READS = (
    "seed",
    "threads",
    "meta.training",
    "meta.optimiser.tuned",
    "studies.sequences",
    "studies.memory",
)
KEYS = {"prior": str, "reset_every": int}


def run(
    seed: int,
    training: MetaTraining,
    recipe: Optimiser,
    count: int,
    memory: Memory,
    *,
    prior: str,
    reset_every: int,
) -> dict[Path, Any]:
    """The excess of each size after the same training."""
    _require("PRIOR", prior, memory.priors)
    _require("RESET_EVERY", reset_every, memory.reset_every)
    source, purpose = Source(memory.priors[prior], reset_every), (prior, str(reset_every))
    rng = randomness.generator(seed, "memory test", *purpose)
    sequences, _ = source.draw(rng, count, training.steps)
    exact = source.log_p_next(sequences)

    table = []
    for units in memory.units:
        name = f"{prior}-{reset_every}-{units}"
        weights = randomness.stream(seed, "weights", name)
        network = networks.build(
            source.symbols, training.cell, (units,), training.dense, weights, name
        )
        for _ in networks.train(
            networks.trainer(network, **vars(recipe)),
            source,
            batches=recipe.batches,
            batch_size=training.batch_size,
            steps=training.steps,
            seed=randomness.stream(seed, "train", name),
        ):
            pass
        log_p = prediction.log_p_next(network, sequences)
        key = {"prior": prior, "reset_every": reset_every, "units": units}
        table.append(
            key
            | {"batches": recipe.batches}
            | excess.expected(log_p, exact)
            | {"reset_accuracy": excess.reset_accuracy(log_p, sequences)}
        )
    return {paths.study_memory(prior, reset_every): pd.DataFrame(table)}


def _require(name: str, value: str | int, allowed: dict | tuple) -> None:
    if value not in allowed:
        values = ", ".join(map(str, allowed))
        raise ValueError(f"{name}: got {value}; allowed: {values}")
