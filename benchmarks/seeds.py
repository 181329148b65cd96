"""Whether the fast path changes what the pixel network learns: seeds on both paths.

`python -m benchmarks.seeds`, after `make reproduce`: ten minutes. On both paths each seed
starts with the same weights and sees the same images in the same order. The table is
benchmarks/seeds.csv.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks import page
from pipeline import paths
from pipeline.core import fused, parallel, randomness, training
from pipeline.files import formats
from pipeline.params import loading, sections
from pipeline.stages import train_pixels

SEEDS = (1, 2, 3)
EPOCHS = 2


def main() -> None:
    """Train every seed on both paths and write the test losses after each epoch."""
    settings = loading.load()
    parallel.use_threads(settings.threads)
    data = formats.read_arrays(paths.BINARISED)
    rows = [
        row
        for seed in SEEDS
        for path in ("fast", "stock")
        for row in train(seed, path, settings.pixels, data["train"], data["test"])
    ]
    page.write("seeds", pd.DataFrame(rows))


def train(
    seed: int, path: str, pixels: sections.Pixels, images: np.ndarray, test: np.ndarray
) -> list[dict[str, Any]]:
    """Test loss after each epoch; the path also evaluates."""
    layers = (
        mock.patch.object(fused, "unsupported_reason", return_value="on purpose")
        if path == "stock"
        else contextlib.nullcontext()
    )
    with layers:
        return list(_epochs(seed, path, pixels, images, test))


def _epochs(
    seed: int, path: str, pixels: sections.Pixels, images: np.ndarray, test: np.ndarray
) -> Iterator[dict[str, Any]]:
    model = train_pixels.build(seed, pixels, f"{path}-{seed}")
    trainer = training.Trainer(model, pixels.learning_rate)
    for epoch in range(EPOCHS):
        order = randomness.epoch_order(seed, epoch, len(images))
        batches = training.in_batches(images, order, pixels.batch_size)
        start = time.perf_counter()
        for _ in trainer.steps(batches, -(-len(images) // pixels.batch_size), model.name):
            pass
        trained = time.perf_counter()
        loss, _ = (
            train_pixels.evaluate(model, some).cross_entropy
            for some in (test, images[: pixels.curve_images])
        )
        evaluated = time.perf_counter()
        print(path, seed, epoch + 1, loss.mean, trained - start, flush=True)
        yield {
            "path": path,
            "seed": seed,
            "epochs_trained": epoch + 1,
            "test_loss": loss.mean,
            "test_loss_se": loss.standard_error,
            "training_s": trained - start,
            "evaluation_s": evaluated - trained,
        }


if __name__ == "__main__":
    main()
