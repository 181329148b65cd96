"""The rules by which pictures are chosen from the numbers, so that no hand picks them.

Every rule returns positions in the arrays that it is given; ties go to the earlier one.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Choice = dict[str, Int[np.ndarray, "each"]]


def pick_rollouts(
    accuracy: Float[np.ndarray, "N"], variance: Float[np.ndarray, "N"], each: int
) -> Choice:
    """Images by the accuracy of the argmax continuation, and by the variance between drawn ones."""
    ranked = np.argsort(-accuracy, kind="stable")
    middle = (len(ranked) - each) // 2
    return {
        "best": ranked[:each],
        "middle": ranked[middle : middle + each],
        "worst": ranked[-each:],
        "highest variance": np.argsort(-variance, kind="stable")[:each],
    }


def pick_fills(
    confidence: Float[np.ndarray, "N"],
    right: Bool[np.ndarray, "N"],
    learned: Float[np.ndarray, "N"],
    each: int,
) -> Choice:
    """Images with the most learned from the future, and those surest but wrong, and least sure.

    `learned` is how much more the truth costs without the future, in nats. Sure means a high
    probability of the most probable fill. A kind has fewer than `each` images if there are not
    enough.
    """
    falling = np.argsort(-confidence, kind="stable")
    return {
        "most learned": np.argsort(-learned, kind="stable")[:each],
        "surest wrong": falling[~right[falling]][:each],
        "least sure": np.argsort(confidence, kind="stable")[:each],
    }


def show(chosen: Choice, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    """The chosen rows of each array, and their `kind`."""
    shown = np.concatenate(list(chosen.values()))
    kinds = np.repeat(list(chosen), [len(rows) for rows in chosen.values()])
    return {"kind": kinds} | {name: array[shown] for name, array in arrays.items()}
