"""Train a network on another alpha than its model's, and compare it with the model's Bayes."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.meta import excess, networks
from pipeline.meta.source import Predictor, Source
from pipeline.params.sections import MetaModel, MetaTraining, Optimiser

READS = (
    "seed",
    "threads",
    "meta.models.{name}",
    "meta.training",
    "meta.optimiser.tuned",
    "studies.sequences",
    "studies.alpha.trained_on.{name}",
)
KEYS = {"name": str, "repetition": int}


def run(
    seed: int,
    task: MetaModel,
    training: MetaTraining,
    recipe: Optimiser,
    count: int,
    trained_on: tuple[float, ...],
    *,
    name: str,
    repetition: int,
) -> dict[Path, Any]:
    """What would be seen if data and exact predictor had different alpha by mistake."""
    source, believed = (Source(alpha, task.reset_every) for alpha in (trained_on, task.alpha))
    purpose = "alpha", name, str(repetition)
    weights, order = (randomness.stream(seed, use, *purpose) for use in ("weights", "train"))
    batches = source.batches(order, training.batch_size, training.steps)
    network = networks.trained(source, training, recipe, batches, weights, "-".join(purpose))
    predict = functools.partial(prediction.log_p_next, network)

    rng = randomness.generator(seed, "alpha test", name)
    characters, _ = source.draw(rng, count, training.steps)
    log_p, exact = predict(characters).astype(np.float64), believed.log_p_next(characters)
    compared = excess.compare(log_p, exact, characters)
    symbol_1 = excess.bias_by_symbol(log_p, exact, characters).iloc[0]
    row = {
        name: compared[name]
        for name in ("accuracy", "accuracy_se", "exact_accuracy", "excess", "excess_se", "kl")
    }
    # How far apart the two lines of a figure of a single sequence are.
    apart = np.abs(np.exp(log_p) - np.exp(exact))[..., 1][characters != 0]
    row |= {"bias": symbol_1.difference, "bias_se": symbol_1.difference_se, "apart": apart.mean()}
    # After nothing but symbol 1, from none of it to all of a period; the mean over periods.
    steps = training.steps // task.reset_every * task.reset_every
    predictors: dict[str, Predictor] = {
        "network": predict,
        "trained_on": source.log_p_next,
        "believed": believed.log_p_next,
    }
    only_1 = {
        f"only_1_{which}": excess.p_symbol_1(predictor, task.reset_every, steps)
        .reshape(-1, task.reset_every)
        .mean(axis=0)
        for which, predictor in predictors.items()
    }
    table = pd.DataFrame({"seen": np.arange(task.reset_every) - 1} | only_1)
    return {paths.study_alpha(name, repetition): table[table.seen >= 0].assign(**row)}
