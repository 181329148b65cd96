"""Which alpha would explain what the write-up saw: exact predictors of other alphas."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.meta.source import Source
from pipeline.params.sections import MetaModel, MetaTraining
from pipeline.probes import alpha

READS = ("meta.models", "meta.training", "studies.alpha.trained_on")

# Multiples of the entries of alpha after that of symbol 1.
FACTORS = [step / 20 for step in range(2, 21)]


def run(
    tasks: dict[str, MetaModel],
    training: MetaTraining,
    trained_on: dict[str, tuple[float, ...]],
) -> dict[Path, Any]:
    """Each model's exact predictor, compared with those of other alphas on their data."""
    table = []
    for name, task in tasks.items():
        believed = Source(task.alpha, task.reset_every)
        others = [alpha.with_others_scaled(task.alpha, factor) for factor in FACTORS]
        # The studies train networks on these.
        more = trained_on.get(name, ())
        others += [more] if len(more) == len(task.alpha) else []
        for other in dict.fromkeys(others):
            row: dict[str, Any] = {"model": name}
            row |= {f"alpha_{k}": value for k, value in enumerate(other, start=1)}
            source = Source(other, task.reset_every)
            table.append(row | alpha.mistaken(source, believed, training.steps))
    return {paths.ALPHA: pd.DataFrame(table)}
