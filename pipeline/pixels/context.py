"""Tables of counts: how often pixels have each value, given the pixels near them.

A table has no network and learns nothing but counts, which makes it the fair opponent of one.
Contexts that were seen rarely back off to smaller ones, from the largest size to none:

    p_0(v) = 1 / C
    p_k(v | context of k pixels) = (n_v + p_j(v | its first j pixels)) / (n + 1)

Here n counts the training images' places with that context and n_v those of them with value v;
j is the next smaller size, and the smaller estimate counts as one observation. Pixels outside
of the image are paper, in counting and in use.

Source: MacKay and Peto 1995, A hierarchical Dirichlet language model, eq. 16, with weight 1.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from pipeline.pixels.images import SIDE

# (rows down, columns to the right) of a pixel
Offset = tuple[int, int]
# Images whose contexts are counted at once; and numbered at once, which the cache has room for.
CHUNK, CACHED = 20_000, 256


def nearest_offsets(reach: int = 5) -> list[Offset]:
    """All offsets but (0, 0) within `reach`, the nearest first; then from the top left."""
    line = range(-reach, reach + 1)
    offsets = [(row, column) for row in line for column in line if (row, column) != (0, 0)]
    return sorted(offsets, key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset))


# The pixels before a pixel in raster order, the nearest first.
CAUSAL = [offset for offset in nearest_offsets() if offset < (0, 0)]
# All of its surroundings: 4, 8, 12 and 20 pixels are whole rings.
AROUND = nearest_offsets()
# A 2 x 2 patch, and the 12 pixels around it: first those that share an edge with it.
PATCH: list[Offset] = [(0, 0), (0, 1), (1, 0), (1, 1)]
RING: list[Offset] = [
    *[(-1, 0), (-1, 1), (0, -1), (0, 2), (1, -1), (1, 2), (2, 0), (2, 1)],
    *[(-1, -1), (-1, 2), (2, -1), (2, 2)],
]


class Context(NamedTuple):
    """Which pixels a table looks at, and which it predicts.

    near: offsets of the context from a place; a smaller size has the first ones alone.
    sizes: ascending, of the contexts that it backs off to; the last is the table's own.
    target: offsets of the pixels that it predicts; value v has bit b for the b-th of them.
    """

    near: Sequence[Offset]
    sizes: Sequence[int]
    target: Sequence[Offset] = ((0, 0),)


# Tables of single pixels and of whole patches, and what each is called where pixels are missing.
SINGLE, WHOLE = Context(AROUND, (4, 8, 12, 20)), Context(RING, (8, 12), PATCH)
TABLES = {
    f"lookup_{size}": SINGLE._replace(sizes=SINGLE.sizes[:number])
    for number, size in enumerate(SINGLE.sizes, start=1)
    if size > 4
} | {"joint_lookup": WHOLE}


class Table(NamedTuple):
    """What was counted: log p (2^k, C) of each value in each context of k pixels."""

    context: Context
    log_p: Float[np.ndarray, "contexts C"]


def count(train: UInt8[np.ndarray, "train pixels"], context: Context) -> dict[int, Table]:
    """A table for each size of the context, counted over all places of all images.

    A place whose target reaches beyond the image is counted with paper there.
    """
    near, size = context.near[: context.sizes[-1]], context.sizes[-1]
    values = 2 ** len(context.target)
    counts = np.zeros(2**size * values, np.int64)
    for start in range(0, len(train), CHUNK):
        own = train[start : start + CHUNK]
        code = _number(own, near) * values + _number(own, context.target)
        counts += np.bincount(code.ravel(), minlength=len(counts))
    counts = counts.reshape(-1, values)
    tables, p = {}, np.full((1, values), 1 / values)
    for smaller, larger in pairwise((0, *context.sizes)):
        # The first pixels of a context are the low bits of its number.
        own = counts.reshape(-1, 2**larger, values).sum(axis=0)
        backed = np.tile(p, (2 ** (larger - smaller), 1))
        p = (own + backed) / (own.sum(axis=1, keepdims=True) + 1)
        tables[larger] = Table(context._replace(sizes=(larger,)), np.log(p))
    return tables


def log_p_everywhere(
    table: Table, images: UInt8[np.ndarray, "N pixels"]
) -> Float[np.ndarray, "N pixels C"]:
    """Log probability of each value at every place of the images."""
    (size,) = table.context.sizes
    return table.log_p[_number(images, table.context.near[:size])]


def log_p_of_fills(
    table: Table,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> Float[np.ndarray, "N C"]:
    """Log probability of each of the 2^M completions of the missing pixels; see `completions`.

    It is the sum over the targets that are missing, each of them given the known pixels near
    it. What the images have at missing pixels is ignored.

    Raises:
        ValueError: if the missing pixels of an image are no such targets (see `applies`).
    """
    is_missing = np.zeros(images.shape, bool)
    np.put_along_axis(is_missing, missing, True, axis=1)
    if not applies(table.context, is_missing).all():
        raise ValueError("missing: expected whole targets, with all pixels near them known")
    image, place = np.nonzero(_targets(table.context, is_missing))
    code = _number(images, table.context.near[: table.context.sizes[0]])[image, place]
    # Which missing pixels of its image a target has: their bits in a completion's number.
    rows, columns = np.array(table.context.target).T
    pixels = place[:, None] + SIDE * rows + columns
    bits = (pixels[:, :, None] == missing[image, None]).argmax(axis=2)
    completion = np.arange(2 ** missing.shape[1])
    value = ((completion >> bits[:, :, None] & 1) << np.arange(len(rows))[:, None]).sum(axis=1)
    each = np.take_along_axis(table.log_p[code], value, axis=1)
    return each.reshape(len(images), -1, len(completion)).sum(axis=1)


def applies(what: Context, is_missing: Bool[np.ndarray, "N pixels"]) -> Bool[np.ndarray, "N"]:
    """Whether the missing pixels of an image are whole targets, each with its context known.

    Contexts of single pixels apply where no missing pixel is near another; those of a patch,
    where such patches alone are missing, none near another.
    """
    pixels = _targets(what, is_missing).sum(axis=1) * len(what.target)
    return pixels == is_missing.sum(axis=1)


def _targets(what: Context, is_missing: np.ndarray) -> Bool[np.ndarray, "N pixels"]:
    """The places of targets that are missing as a whole, while all pixels near are known."""
    whole = _number(is_missing, what.target) == 2 ** len(what.target) - 1
    return whole & (_number(is_missing, what.near[: what.sizes[-1]]) == 0)


def _number(
    images: UInt8[np.ndarray, "N pixels"] | Bool[np.ndarray, "N pixels"], offsets: Sequence[Offset]
) -> Int[np.ndarray, "N pixels"]:
    """At every place the pixels at these offsets as one number, the first its lowest bit."""
    reach = max((abs(step) for offset in offsets for step in offset), default=0)
    code = np.zeros((len(images), SIDE, SIDE), np.int64)
    for start in range(0, len(images), CACHED):
        square = images[start : start + CACHED].reshape(-1, SIDE, SIDE).astype(np.int32)
        padded = np.pad(square, ((0, 0), (reach, reach), (reach, reach)))
        block = np.zeros_like(square)
        for bit, (row, column) in enumerate(offsets):
            rows, columns = reach + row, reach + column
            block += padded[:, rows : rows + SIDE, columns : columns + SIDE] << bit
        code[start : start + CACHED] = block
    return code.reshape(len(images), -1)
