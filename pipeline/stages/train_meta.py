"""Train the network of one meta-task model, and compare its curves with exact Bayes."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.core import parallel, prediction, randomness
from pipeline.files import models
from pipeline.meta import excess, networks
from pipeline.meta.source import Source
from pipeline.params.sections import MetaModel, MetaTraining, Optimiser
from pipeline.runtime import checkpoints, terminal

READS = ("seed", "threads", "meta.models.{name}", "meta.training", "meta.optimiser.plain")
KEYS = {"name": str}


def run(
    seed: int, task: MetaModel, training: MetaTraining, recipe: Optimiser, *, name: str
) -> dict[Path, Any]:
    """The trained network and its curves."""
    source = Source(task.alpha, task.reset_every)
    seeds = {use: randomness.stream(seed, use, name) for use in ("train", "test", "weights")}
    size = training.batch_size, training.steps
    # The training curve is of the sequences that training begins with.
    counts = {"train": training.train_sequences, "test": training.test_sequences}
    sequences = {
        which: source.first_sequences(count, seeds[which], *size) for which, count in counts.items()
    }
    network = networks.build(source, training, seeds["weights"], name)
    predict = functools.partial(prediction.log_p_next, network)
    exact = excess.losses(source.log_p_next, sequences, "exact_")
    curves: list[dict[str, Any]] = []

    def record(batch: int) -> None:
        curves.append({"batch": batch} | excess.losses(predict, sequences) | exact)

    trainer = networks.trainer(network, **vars(recipe))
    checkpoint = checkpoints.Checkpoint(
        f"train_meta-{name}", "batch", seed, parallel.threads(), task, training, recipe
    )
    progress = checkpoint.load()
    if progress:
        trainer.restore(progress.state)
        curves += progress.tables["curves"]
    else:
        record(0)
    batches = source.batches(seeds["train"], *size)
    before = progress.done if progress else 0
    clock = terminal.Clock(recipe.batches, before)
    for done in networks.train(trainer, batches, recipe.batches, before):
        if done % training.evaluate_every == 0 or done == recipe.batches:
            record(done)
            tables = {"curves": curves}
            checkpoint.save(checkpoints.Progress(done, trainer.state(), tables, {}))
        loss, best = curves[-1]["test_loss"], curves[-1]["exact_test_loss"]
        terminal.progress(
            f"batch {done} of {recipe.batches}, {loss:.4f} nats per character "
            f"(exact Bayes {best:.4f}), {clock.left(done)}"
        )
    path = paths.meta_model(name)
    return {path: models.encode(path, network), paths.meta_curves(name): pd.DataFrame(curves)}
