"""What the main graph asks its networks, asked of a network that a study trained."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.core import randomness
from pipeline.files import models
from pipeline.meta import networks
from pipeline.params.sections import MetaComparison, MetaModel, MetaProbes, MetaTraining
from pipeline.probes import questions, summaries

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison", "meta.probes")
KEYS = {"name": str, "recipe": str, "repetition": int}


def run(
    seed: int,
    tasks: dict[str, MetaModel],
    training: MetaTraining,
    comparison: MetaComparison,
    probes: MetaProbes,
    *,
    name: str,
    recipe: str,
    repetition: int,
) -> dict[Path, Any]:
    """The numbers of one network."""
    network = models.read(paths.study_model(name, recipe, repetition))
    weights = randomness.stream(seed, "untrained", name, str(repetition))
    untrained = networks.build(questions.source(tasks[name]), training, weights, name)
    compared = questions.compare_bayes(network, name, seed, tasks, training, comparison)
    known = questions.probe_knowledge(network, untrained, name, seed, tasks, training, probes)
    matrix, simplex = questions.probe_shifted(
        network, name, seed, tasks, training, comparison, probes
    )
    unseen = summaries.unseen(matrix.assign(model=name), simplex.assign(model=name))
    numbers = summaries.numbers(compared.scores, compared.bias, known, matrix, unseen)
    return {paths.study_probes(name, recipe, repetition): numbers}
