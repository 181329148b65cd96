"""How a continuation of a masked image goes wrong, by rules that anyone can check.

The write-up has a line below each of its pictures ("cuts the figure short", "starts with zeros
and goes on with zeros", "just fills in"). Here a rule gives the line, for all test images.
"""

import numpy as np
from jaxtyping import UInt8

from pipeline.pixels.images import SIDE

# Each rule is tried in this order; the first that holds names the continuation.
KINDS = (
    "stays empty",  # no ink, where the truth has some
    "runs on to the border",  # ink in the last row, more than MARGIN rows below the truth's last
    "stops short",  # its last row with ink is more than MARGIN rows above the truth's
    "fills in",  # more than FILLED times the ink of the truth
    "none of these",
)
MARGIN, FILLED = 2, 1.5


def kinds(
    truth: UInt8[np.ndarray, "N unknown"], continued: UInt8[np.ndarray, "N unknown"]
) -> np.ndarray:
    """The kind of each continuation, one of KINDS.

    Args:
        truth: the unknown pixels in raster order, to the end of the image.
        continued: the same as the network continues them.
    """
    true_ink, ink = truth.sum(axis=1), continued.sum(axis=1)
    true_end, end = _last_row(truth), _last_row(continued)
    rules = [
        (ink == 0) & (true_ink > 0),
        (end == SIDE - 1) & (end > true_end + MARGIN),
        end < true_end - MARGIN,
        ink > FILLED * true_ink,
    ]
    return np.select(rules, KINDS[:-1], KINDS[-1])


def _last_row(unknown: np.ndarray) -> np.ndarray:
    """The last row of the image with ink; of an empty one the row before the first pixel's."""
    first = SIDE * SIDE - unknown.shape[1]
    last = unknown.shape[1] - 1 - unknown[:, ::-1].argmax(axis=1)
    return np.where(unknown.any(axis=1), (first + last) // SIDE, first // SIDE - 1)
