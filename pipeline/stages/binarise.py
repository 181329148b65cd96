"""Binarise the images of both sets; measure their ink."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import randomness, scores
from pipeline.params import sections
from pipeline.pixels import images, sources
from pipeline.runtime import checks, process

READS = ("seed", "data")


def run(seed: int, data: sections.Data) -> dict[Path, Any]:
    """Binary images in the source's order, their ink, and an example of each digit."""
    with process.quietly():  # tensorflow-datasets imports TensorFlow
        grey = sources.read(data.source, paths.TFDS_CACHE, paths.RAW_DATA)
    binary, ink = {}, []
    for split, values, labels, count in (
        ("train", grey.train, grey.train_labels, sources.TRAIN_IMAGES[data.source]),
        ("test", grey.test, grey.test_labels, sources.TEST_IMAGES[data.source]),
    ):
        if data.binarisation == "threshold":
            pixels = images.binarise_threshold(values, data.threshold)
        else:
            rng = randomness.generator(seed, "binarise", split)
            pixels = images.binarise_stochastic(values, rng)
        checks.require_shape(paths.BINARISED, pixels, (count, images.PIXELS), np.dtype(np.uint8))
        checks.require_shape(paths.BINARISED, labels, (count,), np.dtype(np.int64))
        checks.require_values(paths.BINARISED, labels, tuple(range(10)))
        binary[split] = pixels
        groups = {"all": np.full(count, True)}
        groups |= {str(digit): labels == digit for digit in np.unique(labels)}
        for digit, members in groups.items():
            row = {"split": split, "digit": digit, "images": members.sum()}
            ink.append(row | scores.estimates({"ink": pixels[members].mean(axis=1)}))
    _require_both(data, binary["test"])
    first = np.unique(grey.test_labels, return_index=True)[1]
    labels_of = {"train_labels": grey.train_labels, "test_labels": grey.test_labels}
    examples = {"grey": grey.test[first], "binary": binary["test"][first], "image": first}
    return {
        paths.BINARISED: binary | labels_of,
        paths.INK: pd.DataFrame(ink),
        paths.EXAMPLES: examples,
    }


def _require_both(data: sections.Data, test: np.ndarray) -> None:
    """Require ink and paper in each test image: masks are drawn where they meet, too.

    Raises:
        ValueError: if an image has one of them only.
    """
    blank = test.min(axis=1) == test.max(axis=1)
    if blank.any():
        raise ValueError(
            f"params.yaml: data.threshold: got {data.threshold}, under which {blank.sum()} test "
            f"images have ink or paper only, the first is image {blank.argmax()}; allowed: a "
            "threshold with both in each"
        )
