"""The rules by which pictures are chosen from the numbers, so that no hand picks them.

Every rule returns positions in the arrays that it is given; ties go to the earlier one.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from pipeline.pixels.methods import Task

Choice = dict[str, Int[np.ndarray, "each"]]


def pick_rollouts(
    accuracy: Float[np.ndarray, "N"], variance: Float[np.ndarray, "N"], each: int
) -> Choice:
    """Images whose continuation is best, worst, in the middle, and most uncertain.

    Args:
        accuracy: of the argmax continuation of each image.
        variance: between the drawn continuations of each image.
        each: images of every kind.
    """
    ranked = np.argsort(-accuracy, kind="stable")
    middle = (len(ranked) - each) // 2
    return {
        "best": ranked[:each],
        "middle": ranked[middle : middle + each],
        "worst": ranked[-each:],
        "highest variance": np.argsort(-variance, kind="stable")[:each],
    }


def pick_fills(
    confidence: Float[np.ndarray, "N"], right: Bool[np.ndarray, "N"], each: int
) -> Choice:
    """Images whose most probable fill is surest and right, surest and wrong, least sure.

    Sure means a high probability of the most probable fill. A kind has fewer than `each`
    images if there are not enough.
    """
    falling = np.argsort(-confidence, kind="stable")
    return {
        "surest right": falling[right[falling]][:each],
        "surest wrong": falling[~right[falling]][:each],
        "least sure": np.argsort(confidence, kind="stable")[:each],
    }


def show_rollouts(
    images: UInt8[np.ndarray, "N pixels"],
    argmax: UInt8[np.ndarray, "N unknown"],
    samples: UInt8[np.ndarray, "N samples unknown"],
    accuracy: Float[np.ndarray, "N"],
    variance: Float[np.ndarray, "N"],
    each: int,
) -> dict[str, np.ndarray]:
    """The chosen images with their continuations; for the arguments see `pick_rollouts`."""
    kind, shown = _flatten(pick_rollouts(accuracy, variance, each))
    return {
        "kind": kind,
        "image": shown,
        "truth": images[shown],
        "argmax": argmax[shown],
        "samples": samples[shown],
        "accuracy": accuracy[shown],
        "variance": variance[shown],
    }


def show_fills(
    tasks: Sequence[Task], log_posterior: Float[np.ndarray, "all C"], each: int
) -> dict[str, np.ndarray]:
    """The chosen images among those of all kinds of masks; names begin with the task."""

    def join(field: str) -> np.ndarray:
        return np.concatenate([getattr(task, field) for task in tasks])

    confidence = np.exp(log_posterior.max(axis=1))
    right = log_posterior.argmax(axis=1) == join("completion")
    kind, shown = _flatten(pick_fills(confidence, right, each))
    kinds_of_masks = np.repeat([t.masks for t in tasks], [len(t.truth) for t in tasks])
    arrays = {
        "kind": kind,
        "masks": kinds_of_masks[shown],
        "image": join("image")[shown],
        "truth": join("truth")[shown],
        "missing": join("missing")[shown],
        "log_posterior": log_posterior[shown],
    }
    return {f"{tasks[0].name}-{name}": array for name, array in arrays.items()}


def _flatten(chosen: Choice) -> tuple[np.ndarray, np.ndarray]:
    """The kind of each chosen image, and its position."""
    kinds = np.repeat(list(chosen), [len(positions) for positions in chosen.values()])
    return kinds, np.concatenate(list(chosen.values()))
