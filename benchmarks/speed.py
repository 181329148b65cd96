"""How fast the network is trained and evaluated, beside what one would pick instead.

`make bench` runs it: our fused operations, stock Keras through `fit` and `predict` (as its
documentation has it, and with its compiler XLA switched off), PyTorch and JAX, all with the
same sizes, batch and number of threads, in turn in one process. It prints a table and
writes benchmarks/results.csv.
"""

from pathlib import Path

import numpy as np

from benchmarks import subjects, timing
from pipeline import dirichlet, files, network, params

RESULTS = Path("benchmarks/results.csv")
REPEATS = 7
# Mini-batches of one call, so that what a call of `fit` costs by itself is shared.
BATCHES = 4


def main() -> None:
    """Time both networks of the project."""
    parameters = params.load()
    threads = parameters.threads
    network.use_threads(threads)
    rng = np.random.default_rng(1)
    pixels, meta = parameters.pixels, parameters.meta
    images = files.read_arrays(files.BINARISED)["train"]
    sizes = subjects.Sizes(1, pixels.units[0], pixels.dense, pixels.batch_size, 784)
    symbols = images[rng.permutation(len(images))[: BATCHES * sizes.batch]]
    rows = time_network("pixel network", sizes, symbols, threads)

    model = next(iter(meta.models.values()))
    training = meta.training
    sizes = subjects.Sizes(
        len(model.alpha) + 1,
        training.units[0],
        training.dense,
        training.batch_size,
        training.steps,
    )
    p = dirichlet.draw_probabilities(
        rng, model.alpha, BATCHES * sizes.batch, sizes.time, model.reset_every
    )
    symbols = dirichlet.draw_sequences(rng, p, sizes.time, model.reset_every)
    rows += time_network("meta-task network", sizes, symbols, threads)
    files.write_csv(RESULTS, rows)


def time_network(
    name: str, sizes: subjects.Sizes, symbols: np.ndarray, threads: int
) -> list[files.Record]:
    """Median seconds of a training step and of a forward pass, for every subject."""
    batches = symbols.reshape(BATCHES, sizes.batch, sizes.time)
    runs = {
        subject: build(sizes, batches)
        for subject, build in subjects.available(threads).items()
    }
    rows: list[files.Record] = []
    for case, which, calls in (("training step", 0, BATCHES), ("forward pass", 1, 1)):
        seconds = timing.interleaved(
            {subject: pair[which] for subject, pair in runs.items()}, REPEATS
        )
        for subject, median in seconds.items():
            row = {
                "case": f"{name}, {case}",
                "subject": subject,
                "median_s": median / calls,
                "ratio": median / seconds["ours"],
            }
            print("{case:32} {subject:14} {median_s:.4f} s {ratio:.2f}".format(**row))
            rows.append(row)
    return rows


if __name__ == "__main__":
    main()
