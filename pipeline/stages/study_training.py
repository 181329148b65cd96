"""Train one more network of a meta-task model by a recipe, and measure its excess."""

import functools
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness, scores
from pipeline.files import models
from pipeline.meta import excess, networks
from pipeline.meta.source import KnownP, Source
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

# Points of the curves in each doubling of the mini-batches.
POINTS_PER_DOUBLING = 2

# Identifiers in streams of random numbers, where they differ from the recipe's name.
IDENTIFIERS = {"plain": "published"}


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
    """The trained network, its excess while training, and its regret at each step."""
    source, steps = Source(task.alpha, task.reset_every), training.steps
    # The same sequences for all repetitions and recipes, so that they differ by the
    # networks alone.
    rng = randomness.generator(seed, "study test", name)
    sequences, p = source.draw(rng, count, steps)
    exact = source.log_p_next(sequences)

    purpose = (name, IDENTIFIERS.get(recipe, recipe), str(repetition))
    weights, order = (randomness.stream(seed, use, *purpose) for use in ("weights", "train"))
    network = networks.build(source, training, weights, name)
    predict = functools.partial(prediction.log_p_next, network)
    curve: list[dict[str, Any]] = []
    shown = {0, *logarithmic(optimiser.batches)}
    batches = source.batches(order, training.batch_size, steps)
    trainer = networks.trainer(network, **vars(optimiser))
    for done in chain([0], networks.train(trainer, batches, optimiser.batches)):
        if done in shown:
            log_p = predict(sequences)
            curve.append({"batch": done} | excess.expected(log_p, exact))
    print(f"{name} {recipe} {repetition}: excess {curve[-1]['excess']:.6f} nats per symbol")

    known = KnownP(p, source.reset_every).log_p_next(sequences)
    regret = excess.regret(log_p, exact, known)
    for which, predictor, own in (("network", predict, log_p), ("exact", source.log_p_next, exact)):
        regret[f"accuracy_{which}"] = scores.correct(own, sequences).mean(axis=0)
        # Does the network react faster than exact Bayes?
        regret[f"only_1_{which}"] = excess.p_symbol_1(predictor, source.reset_every, steps)
    path = paths.study_model(name, recipe, repetition)
    return {
        path: models.encode(path, network),
        paths.study_curve(name, recipe, repetition): pd.DataFrame(curve),
        paths.study_regret(name, recipe, repetition): regret,
    }


def logarithmic(last: int) -> list[int]:
    """Whole numbers from 1 to `last`, evenly spaced on a logarithmic scale."""
    count = int(POINTS_PER_DOUBLING * np.log2(last)) + 1
    return sorted({int(number) for number in np.geomspace(1, last, count).round()})
