"""Binarise the images of both sets; measure their ink."""

import numpy as np

from pipeline import checks, files, images, params, randomness, scores, sources
from pipeline.stages import main


def run(seed: int, data: params.Data) -> None:
    """Read grey images, write binary ones in the source's order."""
    if data.source == "mnist":
        grey = sources.mnist(files.TFDS_CACHE, files.RAW_DATA)
    else:
        grey = sources.digits(params.TRAIN_IMAGES["digits"])

    def binarise(split: str, values: np.ndarray) -> np.ndarray:
        if data.binarisation == "threshold":
            return images.binarise_threshold(values, data.threshold)
        rng = randomness.generator(seed, "binarise", split)
        return images.binarise_stochastic(values, rng)

    train, test = binarise("train", grey.train), binarise("test", grey.test)
    for counts, binary, labels in (
        (params.TRAIN_IMAGES, train, grey.train_labels),
        (params.TEST_IMAGES, test, grey.test_labels),
    ):
        count = counts[data.source]
        checks.shaped(files.BINARISED, binary, (count, images.PIXELS), np.dtype(np.uint8))
        checks.among(files.BINARISED, binary, (0, 1))
        checks.shaped(files.BINARISED, labels, (count,), np.dtype(np.int64))
        checks.among(files.BINARISED, labels, tuple(range(10)))
    files.write_arrays(
        files.BINARISED,
        {
            "train": train,
            "test": test,
            "train_labels": grey.train_labels,
            "test_labels": grey.test_labels,
        },
    )
    files.write_csv(
        files.INK,
        _ink("train", train, grey.train_labels) + _ink("test", test, grey.test_labels),
    )
    first = np.unique(grey.test_labels, return_index=True)[1]
    files.write_arrays(
        files.EXAMPLES,
        {"grey": grey.test[first], "binary": test[first], "image": first},
    )


def _ink(split: str, binary: np.ndarray, labels: np.ndarray) -> list[files.Record]:
    ink = images.ink(binary)
    groups = {"all": np.full(len(labels), True)}
    groups |= {str(digit): labels == digit for digit in np.unique(labels)}
    records = []
    for digit, members in groups.items():
        mean, standard_error = scores.estimate(ink[members])
        records.append(
            {
                "split": split,
                "digit": digit,
                "images": int(members.sum()),
                "ink": mean,
                "ink_se": standard_error,
            }
        )
    return records


if __name__ == "__main__":
    main(run)
