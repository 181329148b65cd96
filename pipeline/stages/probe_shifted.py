"""The meta-task networks out of distribution, compared with two exact predictors."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.files import models
from pipeline.meta.source import KnownP, Source
from pipeline.params.sections import MetaComparison, MetaModel, MetaProbes, MetaTraining
from pipeline.probes import shifted, summaries

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison", "meta.probes")


def run(
    seed: int,
    tasks: dict[str, MetaModel],
    training: MetaTraining,
    comparison: MetaComparison,
    probes: MetaProbes,
) -> dict[Path, Any]:
    """Each network on the sequences of every model, and on fixed p all over the simplex."""

    def score(
        network: keras.Model, own: Source, source: Source | KnownP, rng: np.random.Generator
    ) -> dict[str, float]:
        # Where one symbol is certain all sequences are the same one.
        is_certain = isinstance(source, KnownP) and source.p.max() == 1
        count = 1 if is_certain else probes.sequences
        characters, _ = source.draw(rng, count, training.steps)
        log_p = prediction.log_p_next(network, characters).astype(np.float64)
        log_q = shifted.log_p_symbol(log_p)
        return {"count": count} | shifted.compare(log_q, characters, own, source)

    own_sources = {name: Source(task.alpha, task.reset_every) for name, task in tasks.items()}
    matrix, simplex = [], []
    for name, own in own_sources.items():
        print(f"probing {name}", flush=True)
        network = models.read(paths.meta_model(name))
        sources: dict[str, Source | KnownP] = {**own_sources}
        # No name of a model has a space in it.
        sources["fixed p"] = KnownP(np.array(comparison.fixed), own.reset_every)
        for other, source in sources.items():
            # Every network sees the same sequences of a model.
            rng = randomness.generator(seed, "matrix", other)
            key = {"model": name, "sequences": other, "reset_every": source.reset_every}
            matrix.append(key | score(network, own, source, rng))
        rng = randomness.generator(seed, "simplex", name)
        for p in shifted.simplex_grid(own.symbols, probes.grid):
            place = {f"p_{k}": value for k, value in enumerate(p.tolist(), start=1)}
            found = score(network, own, KnownP(p, own.reset_every), rng)
            simplex.append({"model": name} | place | found)
    tables = {paths.MATRIX: pd.DataFrame(matrix), paths.SIMPLEX: pd.DataFrame(simplex)}
    return tables | {paths.UNSEEN: summaries.unseen(*tables.values())}
