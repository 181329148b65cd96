"""Binarise the images of both sets; measure their ink."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import randomness, scores
from pipeline.params import sections
from pipeline.pixels import images, sources
from pipeline.runtime import checks

READS = ("seed", "data")


def run(seed: int, data: sections.Data) -> dict[Path, Any]:
    """Binary images in the source's order, their ink, and an example of each digit."""
    if data.source == "mnist":
        grey = sources.mnist(paths.TFDS_CACHE, paths.RAW_DATA)
    else:
        grey = sources.digits(sources.TRAIN_IMAGES["digits"])
    binary, ink = {}, []
    for split, values, labels, count in (
        ("train", grey.train, grey.train_labels, sources.TRAIN_IMAGES[data.source]),
        ("test", grey.test, grey.test_labels, sources.TEST_IMAGES[data.source]),
    ):
        if data.binarisation == "threshold":
            binary[split] = images.binarise_threshold(values, data.threshold)
        else:
            rng = randomness.generator(seed, "binarise", split)
            binary[split] = images.binarise_stochastic(values, rng)
        shape = (count, images.PIXELS)
        checks.require_shape(paths.BINARISED, binary[split], shape, np.dtype(np.uint8))
        checks.require_values(paths.BINARISED, binary[split], (0, 1))
        checks.require_shape(paths.BINARISED, labels, (count,), np.dtype(np.int64))
        checks.require_values(paths.BINARISED, labels, tuple(range(10)))
        ink.append(_measure_ink(split, binary[split], labels))
    first = np.unique(grey.test_labels, return_index=True)[1]
    return {
        paths.BINARISED: binary
        | {"train_labels": grey.train_labels, "test_labels": grey.test_labels},
        paths.INK: pd.concat(ink, ignore_index=True),
        paths.EXAMPLES: {
            "grey": grey.test[first],
            "binary": binary["test"][first],
            "image": first,
        },
    }


def _measure_ink(split: str, binary: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The share of pixels that are on, in all images and by digit."""
    groups = {"all": np.full(len(labels), True)}
    groups |= {str(digit): labels == digit for digit in np.unique(labels)}
    ink = images.ink(binary)
    return pd.DataFrame(
        {"split": split, "digit": digit, "images": members.sum()}
        | scores.estimates({"ink": ink[members]})
        for digit, members in groups.items()
    )
