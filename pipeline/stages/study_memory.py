"""What hidden units are worth: networks of several sizes for one prior and period."""

import dataclasses

import numpy as np

from pipeline import (
    comparison,
    dirichlet,
    files,
    metatask,
    network,
    params,
    prediction,
    randomness,
)
from pipeline.stages import main


def run(
    prior: str,
    reset_every: int,
    seed: int,
    threads: int,
    meta_training: params.MetaTraining,
    meta_optimiser_tuned: params.Optimiser,
    studies_sequences: int,
    studies_memory: params.Memory,
) -> None:
    """Write the excess of each size after the same training."""
    network.use_threads(threads)
    alpha = params.pick(studies_memory.priors, "studies.memory.priors", prior)
    if reset_every not in studies_memory.reset_every:
        allowed = ", ".join(map(str, studies_memory.reset_every))
        raise ValueError(f"RESET_EVERY: got {reset_every}; allowed: {allowed}")
    steps = meta_training.steps
    purpose = (prior, str(reset_every))
    rng = randomness.generator(seed, "memory test", *purpose)
    p = dirichlet.draw_probabilities(rng, alpha, studies_sequences, steps, reset_every)
    sequences = dirichlet.draw_sequences(rng, p, steps, reset_every)
    exact = dirichlet.posterior_predictive(sequences, alpha, reset_every)

    table: list[files.Record] = []
    for units in studies_memory.units:
        settings = dataclasses.replace(meta_training, units=(units,))
        name = f"{prior}-{reset_every}-{units}"
        model = metatask.build(
            len(alpha), settings, randomness.stream(seed, "weights", name), name
        )
        order = randomness.stream(seed, "train", name)
        trainer = metatask.trainer(model, meta_optimiser_tuned)
        batches = meta_optimiser_tuned.batches
        for _ in metatask.train(trainer, alpha, reset_every, settings, batches, order):
            pass
        log_p = prediction.log_p_next(model, sequences).astype(np.float64)
        excess = comparison.excess_per_symbol(log_p, exact)
        whole = comparison.against_exact(log_p, exact, sequences)
        table.append(
            {
                "prior": prior,
                "reset_every": reset_every,
                "units": units,
                "batches": batches,
                "excess": excess.mean,
                "excess_se": excess.standard_error,
                "excess_per_character": whole["kl"],
                "excess_per_character_se": whole["kl_se"],
                "reset_accuracy": whole["reset_accuracy"],
            }
        )
    files.write_csv(files.study_memory(prior, reset_every), table)


if __name__ == "__main__":
    main(run)
