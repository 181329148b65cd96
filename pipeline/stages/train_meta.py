"""Train the network of one meta-task model; exact Bayes stands beside its curves."""

from itertools import islice

import numpy as np

from pipeline import (
    checkpoints,
    dirichlet,
    files,
    metatask,
    model_file,
    network,
    params,
    prediction,
    randomness,
    scores,
)
from pipeline.stages import main


def run(
    name: str,
    seed: int,
    threads: int,
    meta_model: params.MetaModel,
    meta_training: params.MetaTraining,
    meta_optimiser_published: params.Optimiser,
) -> None:
    """Write the trained model and its curves."""
    network.use_threads(threads)
    settings, recipe = meta_training, meta_optimiser_published
    alpha, reset_every = meta_model.alpha, meta_model.reset_every

    def fresh(purpose: str, count: int) -> np.ndarray:
        """The first `count` sequences of a stream of batches."""
        batches = dirichlet.draw_batches(
            randomness.stream(seed, purpose, name),
            alpha,
            settings.batch_size,
            settings.steps,
            reset_every,
        )
        needed = -(-count // settings.batch_size)
        return np.concatenate(list(islice(batches, needed)))[:count]

    # The training curve is of the sequences that training begins with.
    sets = {
        "train": fresh("train", settings.train_sequences),
        "test": fresh("test", settings.test_sequences),
    }
    exact = {
        which: scores.evaluate(
            dirichlet.posterior_predictive(sequences, alpha, reset_every), sequences
        )
        for which, sequences in sets.items()
    }

    model = metatask.build(
        len(alpha), settings, randomness.stream(seed, "weights", name), name
    )
    curves: list[files.Record] = []

    def record(batch: int) -> None:
        row: files.Record = {"batch": batch}
        for which, sequences in sets.items():
            log_p = prediction.log_p_next(model, sequences)
            loss, accuracy = scores.evaluate(log_p, sequences)
            row |= {f"{which}_loss": loss.mean, f"{which}_accuracy": accuracy.mean}
        for which, (loss, accuracy) in exact.items():
            row |= {
                f"exact_{which}_loss": loss.mean,
                f"exact_{which}_accuracy": accuracy.mean,
            }
        curves.append(row)

    trainer = metatask.trainer(model, recipe)
    checkpoint = checkpoints.Checkpoint(
        f"train_meta-{name}", "batch", seed, threads, meta_model, settings, recipe
    )
    progress = checkpoint.load()
    if progress:
        trainer.restore(progress.state)
        curves += progress.records["curves"]
    else:
        record(0)
    for done in metatask.train(
        trainer,
        alpha,
        reset_every,
        settings,
        recipe.batches,
        randomness.stream(seed, "train", name),
        progress.done if progress else 0,
    ):
        if done % settings.evaluate_every == 0 or done == recipe.batches:
            record(done)
            records = {"curves": curves}
            checkpoint.save(checkpoints.Progress(done, trainer.state(), records, {}))
    last = curves[-1]
    print(
        f"{name}: test loss {last['test_loss']:.4f}, exact Bayes "
        f"{last['exact_test_loss']:.4f} nats per character",
        flush=True,
    )
    model_file.write(files.meta_model(name), model)
    files.write_csv(files.meta_curves(name), curves)


if __name__ == "__main__":
    main(run)
