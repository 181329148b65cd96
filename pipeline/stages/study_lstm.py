"""Train an LSTM on a meta-task model by a recipe, where study_training trains a GRU."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.meta import excess, networks
from pipeline.meta.source import Source
from pipeline.params.sections import MetaModel, MetaTraining, Optimiser

READS = (
    "seed",
    "threads",
    "meta.models.{name}",
    "meta.training",
    "meta.optimiser.{recipe}",
    "studies.sequences",
)
KEYS = {"name": str, "recipe": str, "repetition": int}


def run(
    seed: int,
    task: MetaModel,
    training: MetaTraining,
    optimiser: Optimiser,
    count: int,
    *,
    name: str,
    recipe: str,
    repetition: int,
) -> dict[Path, Any]:
    """The excess of the trained network, on the sequences of study_training."""
    source, layers = (
        Source(task.alpha, task.reset_every),
        training.model_copy(update={"cell": "lstm"}),
    )
    rng = randomness.generator(seed, "study test", name)
    sequences, _ = source.draw(rng, count, training.steps)
    # No name of a recipe: all begin with the same weights and sequences.
    purpose = "lstm", name, str(repetition)
    weights, order = (randomness.stream(seed, use, *purpose) for use in ("weights", "train"))
    batches = source.batches(order, training.batch_size, training.steps)
    network = networks.trained(source, layers, optimiser, batches, weights, "-".join(purpose))
    log_p = prediction.log_p_next(network, sequences)
    row = excess.expected(log_p, source.log_p_next(sequences))
    print(f"{name} {recipe} {repetition}: excess {row['excess']:.6f} nats per symbol", flush=True)
    table = pd.DataFrame([{"batch": optimiser.batches} | row])
    return {paths.study_lstm(name, recipe, repetition): table}
