"""Training a network on Dirichlet sequences, for the stage and the studies alike."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import keras
import numpy as np

from pipeline.core import network, training
from pipeline.meta.source import Source


def build(source: Source, layers: Any, seed: np.random.SeedSequence, name: str) -> keras.Model:
    """An untrained network for a source; `layers` has `cell`, `units` and `dense`."""
    k = source.symbols + 1
    sizes = {"cell": layers.cell, "units": layers.units, "dense": layers.dense}
    return network.build(channels=k, logits=k, **sizes, seed=seed, name=name)


def trainer(
    model: keras.Model, *, schedule: str, peak_rate: float, batches: int, clip_norm: float
) -> training.Trainer:
    """Trains a model by a recipe; see `training.schedule` and `training.Trainer`."""
    return training.Trainer(model, training.schedule(schedule, peak_rate, batches), clip_norm)


def train(
    trainer: training.Trainer, sequences: Iterator[np.ndarray], batches: int, done: int = 0
) -> Iterator[int]:
    """Train on mini-batches of sequences; yields the number of mini-batches done so far.

    `sequences` begin with the first mini-batch. Those `done` before are skipped; the number
    of `batches` includes them.
    """
    print(trainer.describe(), flush=True)
    left = islice(sequences, done, batches)
    yield from trainer.steps(left, batches, trainer.model.name, done)


def trained(
    source: Source,
    layers: Any,
    recipe: Any,
    sequences: Iterator[np.ndarray],
    seed: np.random.SeedSequence,
    name: str,
) -> keras.Model:
    """A network for a source, trained by a recipe on mini-batches of sequences."""
    network = build(source, layers, seed, name)
    for _ in train(trainer(network, **vars(recipe)), sequences, recipe.batches):
        pass
    return network
