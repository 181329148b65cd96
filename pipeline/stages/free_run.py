"""Let the meta-task networks run free, and judge what they draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness
from pipeline.files import models
from pipeline.meta.source import KnownP, Source
from pipeline.params.sections import MetaModel, MetaProbes, MetaTraining
from pipeline.probes import free_running
from pipeline.runtime import terminal

READS = ("seed", "threads", "meta.models", "meta.training", "meta.probes")

# A sequence is that many times as long as those that networks are trained on.
LONGER = 10


def run(
    seed: int, tasks: dict[str, MetaModel], training: MetaTraining, probes: MetaProbes
) -> dict[Path, Any]:
    """Each network, the source itself, and independent draws from the mean of its prior."""
    table = []
    for name, task in tasks.items():
        terminal.progress(f"sequences of {name}")
        source = Source(task.alpha, task.reset_every)
        size = probes.sequences, LONGER * training.steps
        rng = randomness.generator(seed, "free running", name)
        network = models.read(paths.meta_model(name))
        drawn = {
            "network": prediction.draw(network, rng.random(size)),
            "exact": source.draw(rng, *size)[0],
        }
        # What a network would draw that has learned the reset and the mean, and counts nothing.
        mean = KnownP(np.array(task.alpha) / sum(task.alpha), task.reset_every)
        drawn["prior_only"] = mean.draw(rng, *size)[0]
        for predictor, characters in drawn.items():
            for steps in (training.steps, LONGER * training.steps):
                found = free_running.judge(characters[:, :steps], source)
                key = {"model": name, "predictor": predictor, "steps": steps}
                table.append(key | {"count": len(characters)} | found)
    return {paths.FREE_RUNNING: pd.DataFrame(table)}
