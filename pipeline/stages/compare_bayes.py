"""Compare the meta-task networks with the exact Bayesian predictor."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.files import models
from pipeline.params.sections import MetaComparison, MetaModel, MetaTraining
from pipeline.probes import bounds, questions
from pipeline.probes.tables import stack
from pipeline.runtime import checks, terminal

READS = ("seed", "threads", "meta.models", "meta.training", "meta.comparison")


def run(
    seed: int, tasks: dict[str, MetaModel], training: MetaTraining, comparison: MetaComparison
) -> dict[Path, Any]:
    """The comparison, the exact bounds, and a sequence of each kind to look at."""
    found, pictured, expected, attainable = {}, {}, {}, {}
    for name, task in tasks.items():
        terminal.progress(f"comparing {name}")
        expected[name] = bounds.expected_scores(questions.source(task))
        attainable[name] = bounds.attainable(expected[name], training.steps)
        network = models.read(paths.meta_model(name))
        compared = questions.compare_bayes(network, name, seed, tasks, training, comparison)
        found[name] = compared
        for label, values in compared.pictured.items():
            if not label.endswith("characters"):
                checks.require_normalised(paths.PREDICTIONS, values)
            pictured[f"{name}-{label}"] = values
    return {
        paths.COMPARISON: stack({name: one.scores for name, one in found.items()}, "model"),
        paths.BOUNDS: stack(expected, "model"),
        paths.ATTAINABLE: stack(attainable, "model"),
        paths.BIAS: stack({name: one.bias for name, one in found.items()}, "model"),
        paths.PREDICTIONS: pictured,
    }
