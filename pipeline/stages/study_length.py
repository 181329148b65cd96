"""What the length of the unrolled network is worth: trained on windows of several lengths."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness, scores
from pipeline.meta import networks, windows
from pipeline.meta.source import Source
from pipeline.params.sections import MetaModel, MetaTraining, Optimiser

READS = (
    "seed",
    "threads",
    "meta.models.{name}",
    "meta.training",
    "meta.optimiser.tuned",
    "studies.sequences",
    "studies.length.tested",
)
KEYS = {"name": str, "cell": str, "length": int, "repetition": int}


def run(
    seed: int,
    task: MetaModel,
    training: MetaTraining,
    recipe: Optimiser,
    count: int,
    lengths: tuple[int, ...],
    *,
    name: str,
    cell: str,
    length: int,
    repetition: int,
) -> dict[Path, Any]:
    """The excess of a network trained on windows, at their own length and beyond it.

    With length 1 nothing is carried from one step to the next: the recurrent network is a
    multi-layer perceptron, and the next character is a function of the current one.
    """
    if cell not in ("gru", "lstm"):
        raise ValueError(f"CELL: got {cell}; allowed: gru, lstm")
    if not 1 <= length <= training.steps:
        raise ValueError(f"LENGTH: got {length}; allowed: 1 to {training.steps}")
    source, layers = (
        Source(task.alpha, task.reset_every),
        training.model_copy(update={"cell": cell}),
    )
    purpose = "length", name, str(length), str(repetition)
    weights, order = (randomness.stream(seed, use, *purpose) for use in ("weights", "train"))
    batches = windows.batches(source, order, training.batch_size, training.steps, length)
    network = networks.trained(source, layers, recipe, batches, weights, "-".join(purpose))

    table = []
    for tested in sorted({length, *lengths}):
        # The same characters for all networks; about as many for each length of a test.
        steps = max(tested, training.steps)
        rng = randomness.generator(seed, "length test", name, str(steps))
        sequences = max(2, count * training.steps // steps)
        drawn = windows.draw(source, rng, sequences, steps)
        characters, exact = (windows.cut(values, tested) for values in drawn)
        kl = scores.kl(exact, prediction.log_p_next(network, characters))
        bound = scores.kl(exact, windows.log_p_in_window(source, characters))
        excess = {
            "excess": kl,
            "reset_excess": np.where(exact[..., 0] == 0, kl, 0),
            "window_excess": bound,
            "less_window": kl - bound,
        }
        by_sequence = {
            quantity: windows.mean_of_predicted(values, sequences)
            for quantity, values in excess.items()
        }
        row = {"tested": tested, "batches": recipe.batches, "count": sequences}
        table.append(row | scores.estimates(by_sequence))
        print(f"tested on {tested}: {table[-1]['excess']:.6f} nats per character", flush=True)
    return {paths.study_length(name, cell, length, repetition): pd.DataFrame(table)}
