"""What the meta-task networks know: their predictions in every state of knowledge."""

from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.core import randomness
from pipeline.files import models
from pipeline.meta import networks
from pipeline.meta.source import Source
from pipeline.params.sections import MetaModel, MetaProbes, MetaTraining
from pipeline.probes import knowledge, summaries
from pipeline.probes.subject import Subject
from pipeline.probes.tables import stack

READS = ("seed", "threads", "meta.models", "meta.training", "meta.probes")


def run(
    seed: int, tasks: dict[str, MetaModel], training: MetaTraining, probes: MetaProbes
) -> dict[Path, Any]:
    """What the networks predict in every state, and what their hidden states hold."""
    found: dict[Path, dict[str, Any]] = {}
    for name, task in tasks.items():
        print(f"probing {name}", flush=True)
        source = Source(task.alpha, task.reset_every)
        subject = Subject(models.read(paths.meta_model(name)), source)
        weights = randomness.stream(seed, "weights", name)
        untrained = networks.build(source, training, weights, name)
        rng = {
            purpose: randomness.generator(seed, purpose, name)
            for purpose in ("histories", "leaks", "readout")
        }
        states = subject.states(rng["histories"], probes.orders, probes.pasts)
        leaks = subject.leaks(rng["leaks"], probes.orders)
        readout, hidden = subject.readout(
            rng["readout"], untrained, probes.sequences, training.steps
        )
        tables = {
            paths.KNOWLEDGE: states,
            paths.KNOWLEDGE_SUMMARY: summaries.knowledge(states, leaks),
            paths.CONCENTRATION: knowledge.concentration(states, source),
            paths.LEAKS: leaks,
            paths.READOUT: readout,
            paths.HIDDEN_STATES: hidden,
        }
        for path, table in tables.items():
            found.setdefault(path, {})[name] = table
    return {path: stack(by_model, "model") for path, by_model in found.items()}
