"""Compare the meta-task networks with the exact Bayesian predictor."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.files import models
from pipeline.meta import excess
from pipeline.meta.source import KnownP, Source
from pipeline.params.sections import MetaComparison, MetaModel, MetaTraining
from pipeline.probes import bounds
from pipeline.probes.tables import stack
from pipeline.runtime import checks

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison")


def run(
    seed: int, tasks: dict[str, MetaModel], training: MetaTraining, comparison: MetaComparison
) -> dict[Path, Any]:
    """The comparison, the exact bounds, and a sequence of each kind to look at."""
    compared: list[dict[str, Any]] = []
    bias: dict[tuple, pd.DataFrame] = {}
    pictured: dict[str, np.ndarray] = {}
    expected: dict[str, pd.DataFrame] = {}
    attainable: dict[str, pd.DataFrame] = {}
    for name, task in tasks.items():
        own = Source(task.alpha, task.reset_every)
        expected[name] = bounds.expected_scores(own)
        attainable[name] = bounds.attainable(expected[name], training.steps)
        # The priors of all models, each once; and the p that comes from no prior.
        kinds: dict[str, Source | KnownP] = {
            identifier("dirichlet", other.alpha): Source(other.alpha, own.reset_every)
            for other in tasks.values()
        }
        fixed = KnownP(np.array(comparison.fixed), own.reset_every)
        kinds[identifier("fixed", comparison.fixed)] = fixed
        network = models.read(paths.meta_model(name))
        for kind, source in kinds.items():
            print(f"{name} on {kind}", flush=True)
            rng = randomness.generator(seed, "comparison", name, kind)
            characters, _ = source.draw(rng, comparison.sequences, training.steps)
            log_p = prediction.log_p_next(network, characters).astype(np.float64)
            exact = own.log_p_next(characters)
            key = {"model": name, "sequences": kind, "own_prior": int(source == own)}
            scores = excess.compare(log_p, exact, characters)
            compared.append(key | {"count": len(characters)} | scores)
            bias[tuple(key.values())] = excess.bias_by_symbol(log_p, exact, characters)
            if source == own or isinstance(source, KnownP):
                label = f"{name}-{'own' if source == own else 'fixed'}"
                pictured[f"{label}-characters"] = characters[0]
                for which, predicted in (("network", log_p), ("exact", exact)):
                    p = pictured[f"{label}-{which}"] = np.exp(predicted[0])
                    checks.require_normalised(paths.PREDICTIONS, p)
    return {
        paths.COMPARISON: pd.DataFrame(compared),
        paths.BOUNDS: stack(expected, "model"),
        paths.ATTAINABLE: stack(attainable, "model"),
        paths.BIAS: stack(bias, *key),
        paths.PREDICTIONS: pictured,
    }


def identifier(kind: str, values: tuple[float, ...]) -> str:
    """Identifies a kind of sequences in tables, and its stream of random numbers.

    Never reword it: it is a purpose of `randomness.stream`.
    """
    return f"{kind}({' '.join(f'{value:g}' for value in values)})"
