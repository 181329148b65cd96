"""Compare the meta-task networks with the exact Bayesian predictor."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.files import models
from pipeline.meta import excess
from pipeline.meta.source import KnownP, Predictor, Source
from pipeline.params.sections import MetaComparison, MetaModel, MetaTraining
from pipeline.probes import bounds
from pipeline.probes.tables import stack
from pipeline.runtime import checks

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison")


def run(
    seed: int,
    tasks: dict[str, MetaModel],
    training: MetaTraining,
    comparison: MetaComparison,
) -> dict[Path, Any]:
    """The comparison, the exact bounds, and a sequence of each kind to look at."""
    fixed = np.array(comparison.fixed)
    compared: list[dict[str, Any]] = []
    bias: dict[tuple, pd.DataFrame] = {}
    pictured: dict[str, np.ndarray] = {}
    limits: dict[str, pd.DataFrame] = {}
    for name, task in tasks.items():
        own = Source(task.alpha, task.reset_every)
        limits[name] = bounds.expected_scores(own)
        # The priors of all models, each once; and the p that comes from no prior.
        kinds: dict[str, Source | KnownP] = {
            identifier("dirichlet", other.alpha): Source(other.alpha, own.reset_every)
            for other in tasks.values()
        }
        kinds[identifier("fixed", comparison.fixed)] = KnownP(fixed, own.reset_every)
        predictors: dict[str, Predictor] = {
            "network": functools.partial(
                prediction.log_p_next, models.read(paths.meta_model(name))
            ),
            "exact": own.log_p_next,
        }
        for kind, source in kinds.items():
            print(f"{name} on {kind}", flush=True)
            rng = randomness.generator(seed, "comparison", name, kind)
            characters, _ = source.draw(rng, comparison.sequences, training.steps)
            log_p = {
                which: predict(characters).astype(np.float64)
                for which, predict in predictors.items()
            }
            key = {"model": name, "sequences": kind, "own_prior": int(source == own)}
            compared.append(
                key
                | {"count": len(characters)}
                | excess.compare(log_p["network"], log_p["exact"], characters)
            )
            bias[tuple(key.values())] = excess.bias_by_symbol(
                log_p["network"], log_p["exact"], characters
            )
            if source == own or isinstance(source, KnownP):
                label = f"{name}-{'own' if source == own else 'fixed'}"
                pictured[f"{label}-characters"] = characters[0]
                for which in predictors:
                    p = pictured[f"{label}-{which}"] = np.exp(log_p[which][0])
                    checks.require_normalised(paths.PREDICTIONS, p)
    return {
        paths.COMPARISON: pd.DataFrame(compared),
        paths.BOUNDS: stack(limits, "model"),
        paths.ATTAINABLE: stack(
            {name: bounds.attainable(by, training.steps) for name, by in limits.items()},
            "model",
        ),
        paths.BIAS: stack(bias, *key),
        paths.PREDICTIONS: pictured,
    }


def identifier(kind: str, values: tuple[float, ...]) -> str:
    """Identifies a kind of sequences in tables, and its stream of random numbers.

    Never reword it: it is a purpose of `randomness.stream`, and another purpose draws other
    sequences.
    """
    return f"{kind}({' '.join(f'{value:g}' for value in values)})"
