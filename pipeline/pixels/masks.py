"""Missing pixels: how their positions are drawn, and the course's file format.

A mask is a square patch, given by the raster indices of its pixels in raster order.
"""

import numpy as np
from jaxtyping import Bool, Int, Int8, Integer, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.pixels.images import SIDE

# Marks a missing pixel.
MISSING = -1
# Pixels a side of a missing patch.
PATCH_SIDE = 2
# A patch is drawn uniformly from the places of a kind.
KINDS = ("uniform", "centre", "boundary")


def patch(corner: Integer[np.ndarray, "*N"], side: int) -> Int[np.ndarray, "*N missing"]:
    """Raster indices of the square patches whose first pixels are given."""
    offset = np.arange(side)
    return corner[..., None] + (SIDE * offset[:, None] + offset).ravel()


def corners(side: int, first: int = 0, last: int = SIDE - 1) -> Int[np.ndarray, "places"]:
    """First pixels of all patches that lie within rows and columns `first` to `last`."""
    line = np.arange(first, last - side + 2)
    return (SIDE * line[:, None] + line).ravel()


def touches_boundary(
    images: UInt8[np.ndarray, "N pixels"], side: int
) -> Bool[np.ndarray, "N places"]:
    """Whether a patch at each of `corners(side)` touches a change between ink and paper.

    It does if its pixels and those that share an edge with them have both values.
    """
    square = images.reshape(-1, SIDE, SIDE)
    # Repeating the edge adds no new value.
    padded = np.pad(square, ((0, 0), (1, 1), (1, 1)), mode="edge")
    # The corners of the surroundings share no edge with the patch.
    touched = np.ones((side + 2, side + 2), bool)
    touched[np.ix_([0, -1], [0, -1])] = False
    near = sliding_window_view(padded, touched.shape, axis=(1, 2))[..., touched]
    return (near.min(axis=-1) != near.max(axis=-1)).reshape(len(images), -1)


def draw(
    rng: np.random.Generator,
    images: UInt8[np.ndarray, "N pixels"],
    kind: str,
    side: int,
    centre: tuple[int, int],
) -> Int[np.ndarray, "N missing"]:
    """The missing pixels of each image: one patch of `side`^2, uniform over the places of a kind.

    Kind "uniform" is anywhere; "centre" within rows and columns `centre`, first and last;
    "boundary" where the patch touches a change between ink and paper.

    Raises:
        ValueError: if an image has no place of the kind.
    """
    places = corners(side, *centre) if kind == "centre" else corners(side)
    allowed = np.ones((len(images), len(places)), bool)
    if kind == "boundary":
        allowed = touches_boundary(images, side)
    blank = ~allowed.any(axis=1)
    if blank.any():
        raise ValueError(
            f"images: expected both ink and paper in each; image {blank.argmax()} has one of "
            "them only, so that no patch touches a boundary; use another threshold"
        )
    # The place with the largest of independent uniform numbers is a uniform draw.
    which = np.where(allowed, rng.random(allowed.shape), -1).argmax(axis=1)
    return patch(places[which], side)


def mark(
    images: UInt8[np.ndarray, "N pixels"], missing: Int[np.ndarray, "N missing"]
) -> Int8[np.ndarray, "N pixels"]:
    """The images with their missing pixels marked -1, the course's convention."""
    masked = images.astype(np.int8)
    np.put_along_axis(masked, missing, MISSING, axis=1)
    return masked
