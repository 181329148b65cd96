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
    for key, value, allowed in (
        ("PRIOR", prior, tuple(memory.priors)),
        ("RESET_EVERY", reset_every, memory.reset_every),
    ):
        if value not in allowed:
            values = ", ".join(map(str, allowed))
            raise ValueError(f"{key}: got {value}; allowed: {values}")
    source, purpose = Source(memory.priors[prior], reset_every), (prior, str(reset_every))
    rng = randomness.generator(seed, "memory test", *purpose)
    sequences, _ = source.draw(rng, count, training.steps)
    exact = source.log_p_next(sequences)

    table = []
    for units in memory.units:
        name = f"{prior}-{reset_every}-{units}"
        weights, order = (randomness.stream(seed, use, name) for use in ("weights", "train"))
        layers = training.model_copy(update={"units": (units,)})
        batches = source.batches(order, training.batch_size, training.steps)
        network = networks.trained(source, layers, recipe, batches, weights, name)
        log_p = prediction.log_p_next(network, sequences)
        row: dict[str, Any] = {"prior": prior, "reset_every": reset_every, "units": units}
        row |= {"batches": recipe.batches} | excess.expected(log_p, exact)
        table.append(row | {"reset_accuracy": excess.reset_accuracy(log_p, sequences)})
    return {paths.study_memory(prior, reset_every): pd.DataFrame(table)}
