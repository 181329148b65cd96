"""Training a network on Dirichlet sequences, for the stage and the studies alike."""

from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np

from pipeline.core import network, training
from pipeline.meta.source import Source


def build(
    symbols: int,
    cell: str,
    units: tuple[int, ...],
    dense: tuple[int, ...],
    seed: np.random.SeedSequence,
    name: str,
) -> keras.Model:
    """An untrained network for the reset and that many symbols; see `network.build`."""
    k = symbols + 1
    return network.build(
        channels=k, logits=k, cell=cell, units=units, dense=dense, seed=seed, name=name
    )


def trainer(
    model: keras.Model, *, schedule: str, peak_rate: float, batches: int, clip_norm: float
) -> training.Trainer:
    """Trains a model by a recipe; see `training.schedule` and `training.Trainer`."""
    return training.Trainer(model, training.schedule(schedule, peak_rate, batches), clip_norm)


def train(
    trainer: training.Trainer,
    source: Source,
    *,
    batches: int,
    batch_size: int,
    steps: int,
    seed: np.random.SeedSequence,
    done: int = 0,
) -> Iterator[int]:
    """Train on fresh sequences; yields the number of mini-batches done so far.

    Args:
        trainer: from `trainer`.
        source: of the sequences.
        batches: number of mini-batches, those done before included.
        batch_size: sequences in a mini-batch.
        steps: characters in a sequence.
        seed: of the sequences.
        done: mini-batches that the trainer has seen before; they are drawn again and
            skipped.
    """
    print(trainer.describe(), flush=True)
    left = islice(source.batches(seed, batch_size, steps), done, batches)
    yield from trainer.steps(left, batches, trainer.model.name, done)
