"""Training a network on Dirichlet sequences, for the stage and the studies alike."""

from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np

from pipeline import dirichlet, network, params, training


def build(
    symbols: int,
    settings: params.MetaTraining,
    seed: np.random.SeedSequence,
    name: str,
) -> keras.Model:
    """An untrained network for the reset and as many symbols."""
    return network.build(
        channels=symbols + 1,
        logits=symbols + 1,
        cell=settings.cell,
        units=settings.units,
        dense=settings.dense,
        seed=seed,
        name=name,
    )


def trainer(model: keras.Model, recipe: params.Optimiser) -> training.Trainer:
    """Trains a model by a recipe's learning rate, schedule and limit of gradients."""
    rate = training.schedule(recipe.schedule, recipe.peak_rate, recipe.batches)
    return training.Trainer(model, rate, recipe.clip_norm)


def train(
    trainer: training.Trainer,
    alpha: tuple[float, ...],
    reset_every: int,
    settings: params.MetaTraining,
    total: int,
    seed: np.random.SeedSequence,
    done: int = 0,
) -> Iterator[int]:
    """Train on fresh sequences; yields how many mini-batches are done.

    Args:
        trainer: from `trainer`.
        alpha: Dirichlet concentration of the sequences.
        reset_every: characters in their period.
        settings: length of a sequence and size of a mini-batch.
        total: number of mini-batches.
        seed: of the sequences.
        done: mini-batches that the trainer has seen before; they are drawn again, and left
            out.
    """
    batches = dirichlet.draw_batches(
        seed, alpha, settings.batch_size, settings.steps, reset_every
    )
    left = islice(batches, done, total)
    yield from trainer.steps(left, total, trainer.model.name, done)
