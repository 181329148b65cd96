"""How fast the pipeline's computations are, compared with what one would use instead.

`make bench` runs it. Subjects take turns; the table is benchmarks/results.csv. Pixels are
those of MNIST, because ours computes only once what images have in common; characters are
random.
"""

import functools
import importlib.util
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import page, subjects, timing
from pipeline import paths
from pipeline.files import formats
from pipeline.params import loading
from pipeline.pixels import masks
from pipeline.pixels.images import PIXELS

REPEATS = 5
# Mini-batches of one call, many where they are short, so that what a call of `fit` costs
# by itself, a tenth of a second, is shared.
PIXEL_BATCHES, META_BATCHES = 8, 40
# Images with a missing patch of four pixels.
FILLED = 1000


def main() -> None:
    """Time all cases, with the sizes that params.yaml has."""
    settings = loading.load()
    pixels, meta, rng = settings.pixels, settings.meta, np.random.default_rng(1)
    if settings.data.source != "mnist":
        sys.exit(
            f"error: {loading.FILE}: data.source: got {settings.data.source}; benchmarks "
            "are of mnist; change it and run `dvc repro binarise`"
        )
    data = formats.read_arrays(paths.BINARISED)
    batches = data["train"][: PIXEL_BATCHES * pixels.batch_size]
    network = subjects.Network(
        1,
        pixels.units[0],
        pixels.dense,
        batches.reshape(PIXEL_BATCHES, pixels.batch_size, PIXELS),
        settings.threads,
    )
    task = next(iter(meta.models.values()))
    characters, training = len(task.alpha) + 1, meta.training
    meta_network = subjects.Network(
        characters,
        training.units[0],
        training.dense,
        rng.integers(characters, size=(META_BATCHES, training.batch_size, training.steps)).astype(
            np.uint8
        ),
        settings.threads,
    )
    first, images = settings.rollout.first_pixel, settings.rollout.images
    unknown = (images, settings.rollout.samples, PIXELS - first)
    continuation = subjects.Continuation(
        data["test"][:images, :first],
        rng.random(unknown, np.float32),
        len(pixels.snapshots) + 2,
    )
    # PyTorch and JAX continue a tenth of the images, as many rows as ours at a time.
    tenth = subjects.Continuation(
        continuation.known[::10],
        continuation.uniform[::10],
        10 * continuation.snapshots,
    )
    filled = data["test"][:FILLED]
    side, centre = masks.PATCH_SIDE, settings.inpainting.centre
    infill = subjects.Infill(filled, masks.draw(rng, filled, "uniform", side, centre))

    rows = []
    for name, of_network in (
        ("pixel network", network),
        ("meta-task network", meta_network),
    ):
        rows += measure(
            name,
            ("training step", "forward pass"),
            {
                "ours": functools.partial(subjects.ours_network, of_network),
                "keras": functools.partial(subjects.keras_network, of_network),
                "pytorch": functools.partial(subjects.pytorch_network, of_network),
                "jax": functools.partial(subjects.jax_network, of_network),
            },
        )
    rows += measure(
        "pixel network",
        ("rollout",),
        {
            "ours": functools.partial(subjects.ours_rollout, network, continuation),
            "keras, growing prefix": functools.partial(
                subjects.keras_prefixes, network, continuation
            ),
            "pytorch, growing prefix": functools.partial(
                subjects.pytorch_prefixes, network, continuation
            ),
            "pytorch, carried state": functools.partial(subjects.pytorch_rollout, network, tenth),
            "jax, carried state": functools.partial(subjects.jax_rollout, network, tenth),
        },
    )
    rows += measure(
        "pixel network",
        ("in-painting",),
        {
            "ours": functools.partial(subjects.ours_infill, network, infill),
            "ours, full passes": functools.partial(subjects.ours_full_passes, network, infill),
            "keras, full passes": functools.partial(subjects.keras_full_passes, network, infill),
            "pytorch, full passes": functools.partial(
                subjects.pytorch_full_passes, network, infill
            ),
            "jax, full passes": functools.partial(subjects.jax_full_passes, network, infill),
        },
    )
    page.write("speed", pd.DataFrame(rows))


def measure(
    name: str, runs: tuple[str, ...], candidates: Mapping[str, timing.Subject]
) -> list[dict[str, Any]]:
    """Seconds and peak of memory of every subject that is installed."""
    workers = {}
    for subject, make in candidates.items():
        if library := missing_library(subject):
            print(f"{library} is not installed: {name}, {subject} is left out")
        else:
            workers[subject] = timing.Worker(subject, make)
    rows = []
    for run in runs:
        seconds = timing.interleaved(workers, run, REPEATS)
        for subject, taken in seconds.items():
            row = {
                "case": f"{name}, {run}",
                "subject": subject,
                "ratio": taken.median_s / seconds["ours"].median_s,
                **taken._asdict(),
            }
            print("{case:32} {subject:24} {median_s:9.4f} s {ratio:8.2f}".format(**row))
            rows.append(row)
    peaks = {subject: worker.close() for subject, worker in workers.items()}
    return [row | {"peak_mb": peaks[row["subject"]]} for row in rows]


def missing_library(subject: str) -> str | None:
    """The library that a subject needs and that is not installed."""
    library = {"pytorch": "torch", "jax": "jax"}.get(subject.split(",")[0])
    return library if library and not importlib.util.find_spec(library) else None


if __name__ == "__main__":
    main()
