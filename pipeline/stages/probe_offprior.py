"""What the meta-task networks say of sequences that their own prior did not make."""

import keras
import numpy as np

from pipeline import (
    dirichlet,
    files,
    model_file,
    network,
    offprior,
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
    meta_probes: params.MetaProbes,
) -> None:
    """Write the networks beside their own exact predictor and the one that matches."""
    network.use_threads(threads)
    steps, sequences = meta_training.steps, meta_probes.sequences
    matrix: list[files.Record] = []
    simplex: list[files.Record] = []
    for name, own in meta_models.items():
        print(f"probing {name}", flush=True)
        model = model_file.read(files.meta_model(name))
        sources: dict[str, tuple[tuple[float, ...] | None, int]] = {
            other: (source.alpha, source.reset_every)
            for other, source in meta_models.items()
        }
        # No name of a model has a space in it.
        sources |= {"fixed p": (None, own.reset_every)}
        for source, (alpha, reset_every) in sources.items():
            # Every network sees the same sequences of a model.
            rng = randomness.generator(seed, "matrix", source)
            periods = dirichlet.periods(steps, reset_every)
            if alpha is None:
                p = _fixed(meta_comparison.fixed, sequences, periods)
            else:
                p = dirichlet.draw_probabilities(rng, alpha, sequences, steps, reset_every)
            key = {"model": name, "sequences": source, "reset_every": reset_every}
            matrix.append(key | _score(model, own, rng, p, steps, reset_every, alpha))
        rng = randomness.generator(seed, "simplex", name)
        periods = dirichlet.periods(steps, own.reset_every)
        for point in offprior.simplex_grid(len(own.alpha), meta_probes.grid).tolist():
            p = _fixed(tuple(point), sequences, periods)
            place = {f"p_{k}": value for k, value in enumerate(point, start=1)}
            row = _score(model, own, rng, p, steps, own.reset_every, None)
            simplex.append({"model": name} | place | row)
    files.write_csv(files.MATRIX, matrix)
    files.write_csv(files.SIMPLEX, simplex)


def _fixed(p: tuple[float, ...], sequences: int, periods: int) -> np.ndarray:
    """The same p (N, periods, symbols) everywhere."""
    # Where one symbol is certain all sequences are the same one.
    return np.broadcast_to(p, (1 if max(p) == 1 else sequences, periods, len(p)))


def _score(
    model: keras.Model,
    own: params.MetaModel,
    rng: np.random.Generator,
    p: np.ndarray,
    steps: int,
    reset_every: int,
    alpha: tuple[float, ...] | None,
) -> files.Record:
    """The network on sequences drawn from p, which came from alpha or else are known."""
    sequences = dirichlet.draw_sequences(rng, p, steps, reset_every)
    log_q = prediction.log_p_next(model, sequences).astype(np.float64)
    if alpha is None:
        matched = dirichlet.log_known(p, steps, reset_every)[..., 1:]
    else:
        matched = dirichlet.symbol_predictive(sequences, alpha, reset_every)
    return {"count": len(sequences)} | offprior.against_own_and_matched(
        offprior.given_a_symbol(log_q), sequences, (own.alpha, own.reset_every), matched
    )


if __name__ == "__main__":
    main(run)
