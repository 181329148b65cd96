"""The rules by which pictures are chosen from the numbers, so that no hand picks them.

Every rule returns positions in the arrays it is given; of equals the earlier is taken.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Choice = dict[str, Int[np.ndarray, "each"]]


def of_rollouts(
    accuracy: Float[np.ndarray, "N"], variance: Float[np.ndarray, "N"], each: int
) -> Choice:
    """Images whose continuation is best, worst, in the middle, and most uncertain.

    Args:
        accuracy: of the likeliest continuation of each image.
        variance: between the drawn continuations of each image.
        each: how many of every kind.
    """
    ranked = np.argsort(-accuracy, kind="stable")
    middle = (len(ranked) - each) // 2
    return {
        "best": ranked[:each],
        "middle": ranked[middle : middle + each],
        "worst": ranked[-each:],
        "highest variance": np.argsort(-variance, kind="stable")[:each],
    }


def of_fills(
    confidence: Float[np.ndarray, "N"], right: Bool[np.ndarray, "N"], each: int
) -> Choice:
    """Images whose most probable fill is surest and right, surest and wrong, least sure.

    Sure is a high probability of the most probable fill. A kind has fewer than `each`
    images where there are not so many.
    """
    falling = np.argsort(-confidence, kind="stable")
    return {
        "surest right": falling[right[falling]][:each],
        "surest wrong": falling[~right[falling]][:each],
        "least sure": np.argsort(confidence, kind="stable")[:each],
    }
