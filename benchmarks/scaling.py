"""How a training step's time and memory grow with batch, hidden units and length.

`make bench` runs it. Each size has processes of its own, so that each peak of memory is
its own. Lengths are those of MNIST's images at half, full and double size. The table is
benchmarks/scaling.csv.
"""

import functools
import math

import numpy as np
import pandas as pd

from benchmarks import page, subjects, timing
from pipeline import paths
from pipeline.files import formats
from pipeline.params import loading
from pipeline.pixels.images import PIXELS, SIDE, binarise_threshold, resize

# Mini-batches of one call, so that what a call of `fit` costs by itself is shared.
REPEATS, BATCHES = 3, 4
SIZES = {
    "batch": (64, 128, 256, 512, 1024),
    "units": (16, 32, 64, 128, 256),
    "length": (196, 784, 3136),
}


def main() -> None:
    """Time ours and stock Keras at every size; one size varies at a time."""
    settings = loading.load()
    usual = {
        "batch": settings.pixels.batch_size,
        "units": settings.pixels.units[0],
        "length": PIXELS,
    }
    images = formats.read_arrays(paths.BINARISED)["train"]
    rows = []
    for varied, values in SIZES.items():
        for value in values:
            size = usual | {varied: value}
            shape = BATCHES, size["batch"], size["length"]
            network = subjects.Network(
                1,
                size["units"],
                settings.pixels.dense,
                scaled(images[: shape[0] * shape[1]], shape[2]).reshape(shape),
                settings.threads,
            )
            workers = {
                subject: timing.Worker(subject, functools.partial(make, network))
                for subject, make in (
                    ("ours", subjects.ours_network),
                    ("keras", subjects.keras_network),
                )
            }
            seconds = timing.interleaved(workers, "training step", REPEATS)
            for subject, worker in workers.items():
                row = {
                    "varied": varied,
                    "value": value,
                    "subject": subject,
                    "ratio": seconds[subject].median_s / seconds["ours"].median_s,
                    **seconds[subject]._asdict(),
                    "peak_mb": worker.close(),
                }
                print(*row.values())
                rows.append(row)
    page.write("scaling", pd.DataFrame(rows))


def scaled(images: np.ndarray, pixels: int) -> np.ndarray:
    """Binary images (N, PIXELS) with another number of pixels, (N, pixels)."""
    grey = 255 * images.reshape(-1, SIDE, SIDE)
    return binarise_threshold(resize(grey, math.isqrt(pixels)), 0.5)


if __name__ == "__main__":
    main()
