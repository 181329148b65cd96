"""Train one more network of a meta-task model by a recipe, and measure its excess."""

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

# Points of the curves in each doubling of the mini-batches.
POINTS_PER_DOUBLING = 2


def run(
    name: str,
    recipe: str,
    repetition: int,
    seed: int,
    threads: int,
    meta_model: params.MetaModel,
    meta_training: params.MetaTraining,
    optimiser: params.Optimiser,
    studies_sequences: int,
) -> None:
    """Write the excess while training, and the trained network's regret at each step."""
    network.use_threads(threads)
    alpha, reset_every = meta_model.alpha, meta_model.reset_every
    steps = meta_training.steps
    # The same sequences for all repetitions and recipes, so that they differ by the
    # networks alone.
    rng = randomness.generator(seed, "study test", name)
    p = dirichlet.draw_probabilities(rng, alpha, studies_sequences, steps, reset_every)
    sequences = dirichlet.draw_sequences(rng, p, steps, reset_every)
    exact = dirichlet.posterior_predictive(sequences, alpha, reset_every)

    purpose = (name, recipe, str(repetition))
    model = metatask.build(
        len(alpha), meta_training, randomness.stream(seed, "weights", *purpose), name
    )
    curve: list[files.Record] = []

    def record(batch: int) -> np.ndarray:
        log_p = prediction.log_p_next(model, sequences).astype(np.float64)
        excess = comparison.excess_per_symbol(log_p, exact)
        whole = comparison.against_exact(log_p, exact, sequences)
        curve.append(
            {
                "batch": batch,
                "excess": excess.mean,
                "excess_se": excess.standard_error,
                "excess_per_character": whole["kl"],
                "excess_per_character_se": whole["kl_se"],
            }
        )
        return log_p

    shown = set(logarithmic(optimiser.batches))
    record(0)
    order = randomness.stream(seed, "train", *purpose)
    trainer = metatask.trainer(model, optimiser)
    for done in metatask.train(
        trainer, alpha, reset_every, meta_training, optimiser.batches, order
    ):
        if done in shown:
            log_p = record(done)
    regret = comparison.regret(log_p, exact, dirichlet.log_known(p, steps, reset_every))
    # Nothing but symbol 1 between the resets: does it react faster than exact Bayes?
    only_1 = np.minimum(np.arange(steps) % reset_every, 1).astype(np.uint8)[None]
    in_a_row = {
        "only_1_network": prediction.log_p_next(model, only_1),
        "only_1_exact": dirichlet.posterior_predictive(only_1, alpha, reset_every),
    }
    for row in regret:
        for column, values in in_a_row.items():
            row[column] = float(np.exp(values[0, int(row["step"]), 1]))
    print(f"{name} {recipe} {repetition}: excess {curve[-1]['excess']:.6f} nats per symbol")
    files.write_csv(files.study_curve(name, recipe, repetition), curve)
    files.write_csv(files.study_regret(name, recipe, repetition), regret)


def logarithmic(last: int) -> list[int]:
    """Whole numbers from 1 to `last`, evenly spaced on a logarithmic scale."""
    count = int(POINTS_PER_DOUBLING * np.log2(last)) + 1
    return sorted({int(number) for number in np.geomspace(1, last, count).round()})


if __name__ == "__main__":
    main(run)
