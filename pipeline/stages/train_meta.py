"""Train the network of one meta-task model; exact Bayes stands beside its curves."""

from itertools import islice

import numpy as np

from pipeline import (
    dirichlet,
    files,
    network,
    params,
    prediction,
    randomness,
    scores,
    training,
)
from pipeline.stages import main

# Longer gradients are cut to this Euclidean norm over all weights. At a constant rate a
# single batch otherwise undoes, now and then, what hundreds have learned about when a
# long period ends. Source: Pascanu et al. 2013, On the difficulty of training recurrent
# neural networks, algorithm 1.
CLIP_NORM = 0.1


def run(
    name: str,
    seed: int,
    threads: int,
    meta_model: params.MetaModel,
    meta_training: params.MetaTraining,
) -> None:
    """Write the trained model and its curves."""
    network.use_threads(threads)
    settings = meta_training
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

    characters = len(alpha) + 1
    model = network.build(
        channels=characters,
        logits=characters,
        cell=settings.cell,
        units=settings.units,
        dense=settings.dense,
        seed=randomness.stream(seed, "weights", name),
        name=name,
    )
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

    record(0)
    batches = dirichlet.draw_batches(
        randomness.stream(seed, "train", name),
        alpha,
        settings.batch_size,
        settings.steps,
        reset_every,
    )
    trainer = training.Trainer(model, settings.learning_rate)
    trainer.optimizer.global_clipnorm = CLIP_NORM
    for done in trainer.steps(islice(batches, settings.batches), settings.batches, name):
        if done % settings.evaluate_every == 0 or done == settings.batches:
            record(done)
    last = curves[-1]
    print(
        f"{name}: test loss {last['test_loss']:.4f}, exact Bayes "
        f"{last['exact_test_loss']:.4f} nats per character",
        flush=True,
    )
    files.write_model(files.meta_model(name), model)
    files.write_csv(files.meta_curves(name), curves)


if __name__ == "__main__":
    main(run)
