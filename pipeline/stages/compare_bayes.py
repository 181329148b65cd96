"""Compare the meta-task networks with the exact Bayesian predictor."""

import numpy as np

from pipeline import (
    bounds,
    checks,
    comparison,
    dirichlet,
    files,
    model_file,
    network,
    params,
    prediction,
    randomness,
)
from pipeline.stages import main


def run(
    seed: int,
    threads: int,
    meta_models: dict[str, params.MetaModel],
    meta_training: params.MetaTraining,
    meta_comparison: params.MetaComparison,
) -> None:
    """Write the comparison, the exact bounds, and a sequence of each kind to look at."""
    network.use_threads(threads)
    # Both priors of the write-up, each once; and the p that comes from no prior.
    priors = list(dict.fromkeys(model.alpha for model in meta_models.values()))
    table: list[files.Record] = []
    bias: list[files.Record] = []
    pictured: dict[str, np.ndarray] = {}
    for name, own in meta_models.items():
        model = model_file.read(files.meta_model(name))
        kinds: dict[str, tuple[float, ...] | None] = {
            _label("dirichlet", alpha): alpha for alpha in priors
        }
        kinds |= {_label("fixed", meta_comparison.fixed): None}
        for kind, alpha in kinds.items():
            print(f"{name} on {kind}", flush=True)
            sequences = _draw(
                randomness.generator(seed, "comparison", name, kind),
                alpha,
                meta_comparison,
                meta_training.steps,
                own.reset_every,
            )
            learned = prediction.log_p_next(model, sequences).astype(np.float64)
            exact = dirichlet.posterior_predictive(sequences, own.alpha, own.reset_every)
            is_own = alpha == own.alpha
            key = {"model": name, "sequences": kind, "own_prior": int(is_own)}
            table.append(
                {**key, "count": len(sequences)}
                | comparison.against_exact(learned, exact, sequences)
            )
            bias += [
                {**key, **record}
                for record in comparison.bias_by_symbol(learned, exact, sequences)
            ]
            if is_own or alpha is None:
                which = "own" if is_own else "fixed"
                pictured |= {
                    f"{name}-{which}-characters": sequences[0],
                    f"{name}-{which}-network": np.exp(learned[0]),
                    f"{name}-{which}-exact": np.exp(exact[0]),
                }
    limits: list[files.Record] = [
        {"model": name} | row
        for name, model in meta_models.items()
        for row in bounds.bounds(model.alpha, model.reset_every)
    ]
    files.write_csv(files.COMPARISON, table)
    files.write_csv(files.BOUNDS, limits)
    files.write_csv(files.BIAS, bias)
    for part, array in pictured.items():
        if not part.endswith("characters"):
            checks.normalised(files.PREDICTIONS, array)
    files.write_arrays(files.PREDICTIONS, pictured)


def _label(kind: str, values: tuple[float, ...]) -> str:
    return f"{kind}({' '.join(f'{value:g}' for value in values)})"


def _draw(
    rng: np.random.Generator,
    alpha: tuple[float, ...] | None,
    comparison: params.MetaComparison,
    steps: int,
    reset_every: int,
) -> np.ndarray:
    count = comparison.sequences
    if alpha is None:
        shape = (count, dirichlet.periods(steps, reset_every), len(comparison.fixed))
        p = np.broadcast_to(np.asarray(comparison.fixed, float), shape)
    else:
        p = dirichlet.draw_probabilities(rng, alpha, count, steps, reset_every)
    return dirichlet.draw_sequences(rng, p, steps, reset_every)


if __name__ == "__main__":
    main(run)
