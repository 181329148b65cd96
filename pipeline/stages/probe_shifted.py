"""The meta-task networks out of distribution, compared with two exact predictors."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.files import models
from pipeline.params.sections import MetaComparison, MetaModel, MetaProbes, MetaTraining
from pipeline.probes import questions, summaries
from pipeline.probes.tables import stack
from pipeline.runtime import terminal

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison", "meta.probes")


def run(
    seed: int,
    tasks: dict[str, MetaModel],
    training: MetaTraining,
    comparison: MetaComparison,
    probes: MetaProbes,
) -> dict[Path, Any]:
    """Each network on the sequences of every model, and on fixed p all over the simplex."""
    found = {}
    for name in tasks:
        terminal.progress(f"probing {name}")
        network = models.read(paths.meta_model(name))
        found[name] = questions.probe_shifted(
            network, name, seed, tasks, training, comparison, probes
        )
    matrix, simplex = (stack(dict(zip(found, tables)), "model") for tables in zip(*found.values()))
    return {
        paths.MATRIX: matrix,
        paths.SIMPLEX: simplex,
        paths.UNSEEN: summaries.unseen(matrix, simplex),
    }
