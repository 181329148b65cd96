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


def train(
    model: keras.Model,
    alpha: tuple[float, ...],
    reset_every: int,
    settings: params.MetaTraining,
    recipe: params.Optimiser,
    seed: np.random.SeedSequence,
) -> Iterator[int]:
    """Train by a recipe on fresh sequences; yields how many mini-batches are done.

    Args:
        model: from `build`.
        alpha: Dirichlet concentration of the sequences.
        reset_every: characters in their period.
        settings: length of a sequence and size of a mini-batch.
        recipe: number of mini-batches, learning rate and its schedule, limit of gradients.
        seed: of the sequences.
    """
    rate = training.schedule(recipe.schedule, recipe.peak_rate, recipe.batches)
    trainer = training.Trainer(model, rate, recipe.clip_norm)
    batches = dirichlet.draw_batches(
        seed, alpha, settings.batch_size, settings.steps, reset_every
    )
    yield from trainer.steps(islice(batches, recipe.batches), recipe.batches, model.name)
