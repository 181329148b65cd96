"""What the meta-task networks know: their predictions in every state of knowledge."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.core import randomness
from pipeline.files import models
from pipeline.meta import networks
from pipeline.params.sections import MetaModel, MetaProbes, MetaTraining
from pipeline.probes import questions
from pipeline.probes.tables import stack
from pipeline.runtime import terminal

READS = ("seed", "threads", "meta.models", "meta.training", "meta.probes")


def run(
    seed: int, tasks: dict[str, MetaModel], training: MetaTraining, probes: MetaProbes
) -> dict[Path, Any]:
    """What the networks predict in every state, and what their hidden states hold."""
    found = {}
    for name, task in tasks.items():
        terminal.progress(f"probing {name}")
        network = models.read(paths.meta_model(name))
        weights = randomness.stream(seed, "weights", name)
        untrained = networks.build(questions.source(task), training, weights, name)
        found[name] = questions.probe_knowledge(
            network, untrained, name, seed, tasks, training, probes
        )
    outputs = (
        paths.KNOWLEDGE,
        paths.KNOWLEDGE_SUMMARY,
        paths.CONCENTRATION,
        paths.LEAKS,
        paths.READOUT,
        paths.HIDDEN_STATES,
    )
    return {
        path: stack({name: tables[path.stem] for name, tables in found.items()}, "model")
        for path in outputs
    }
